/** The twin's side of drift: where sightings of its machines are kept. */
import { join } from "node:path";
import { showDrift } from "../operate/drift/show.ts";
import { keepSightings } from "../operate/drift/sightings.ts";
import { hostPlan } from "../plan/plan.ts";
import { openRunningFarm, type TwinFarm } from "./farm.ts";
import type { HostHealth } from "./health.ts";
import { stackLayout } from "./machines/layout.ts";

const sightingsFile = (stack: string): string => join(stackLayout(stack).state, "seen.json");

/** Keeps what a run of the program has just seen: hosts that have the bundle of the present plan. */
export function keepSeen(farm: TwinFarm, health: readonly HostHealth[]): void {
  const seenAt = new Date().toISOString();
  const seen = health.flatMap(({ host, upToDate, appliedAt }) => {
    const { sha256, bundle } = hostPlan(farm.plan, host);
    return upToDate && appliedAt ? [[host, { seenAt, appliedAt, sha256, bundle }] as const] : [];
  });
  keepSightings(sightingsFile(farm.stack), Object.fromEntries(seen));
}

/** The drift of a twin: see showDrift. Throws a FarmError when it is down. */
export async function drift(stack: string, name: string | undefined, json: boolean): Promise<number> {
  return showDrift(await openRunningFarm(stack), sightingsFile(stack), name, json);
}
