/** How each application shows that it is alive. */
import type { Application } from "../inventory/schema.ts";
import type { ApplicationHealth } from "../roles/edge/health.ts";
import { mediawikiHealth } from "./mediawiki.ts";

export const healthOf: Readonly<Record<Application["software"], ApplicationHealth>> = {
  mediawiki: mediawikiHealth,
};
