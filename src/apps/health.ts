/** How each application shows that it is alive. */
import type { Application } from "../inventory/schema.ts";
import type { ApplicationHealth } from "../roles/edge/health.ts";
import { mediawikiHealth } from "./mediawiki.ts";
import { redmineHealth } from "./redmine.ts";

export const healthOf: Readonly<Record<Application["software"], ApplicationHealth>> = {
  mediawiki: mediawikiHealth,
  redmine: redmineHealth,
};
