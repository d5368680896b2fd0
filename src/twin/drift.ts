/** `farm twin drift`: what on the running machines differs from what was applied to them. Reads only. */
import { join } from "node:path";
import { askDrift } from "../drift/ask.ts";
import { keepSightings } from "../drift/sightings.ts";
import { exitCode, printDrift } from "../drift/view.ts";
import { namedHost } from "../operate/farm.ts";
import { hostPlan } from "../plan/plan.ts";
import { commitsSince } from "../shell/commit.ts";
import { openRunningFarm, type TwinFarm } from "./farm.ts";
import type { HostHealth } from "./health.ts";
import { stackLayout } from "./machines/layout.ts";

/** Where the sightings of a twin's hosts are kept. */
export const sightingsFile = (stack: string): string => join(stackLayout(stack).state, "seen.json");

/** Keeps what a run of the program has just seen: hosts that have the bundle of the present plan. */
export function keepSeen(farm: TwinFarm, health: readonly HostHealth[]): void {
  const seenAt = new Date().toISOString();
  const seen = health.flatMap(({ host, upToDate, appliedAt }) => {
    const { sha256, bundle } = hostPlan(farm.plan, host);
    return upToDate && appliedAt ? [[host, { seenAt, appliedAt, sha256, bundle }] as const] : [];
  });
  keepSightings(sightingsFile(farm.stack), Object.fromEntries(seen));
}

/**
 * Prints the drift of a twin, or of one host of it, for people or as JSON. Returns the exit code: 0 when all were asked and
 * none differs, else 1. Throws a FarmError when the twin is down, or the host is not declared (exit code 2).
 */
export async function drift(stack: string, name: string | undefined, json: boolean): Promise<number> {
  const farm = await openRunningFarm(stack);
  const hosts = name === undefined ? farm.inventory.hosts.map((h) => h.id) : [namedHost(farm, name).id];
  const found = await askDrift(farm, { hosts, sightings: sightingsFile(stack), commitsSince });
  process.stdout.write(json ? `${JSON.stringify(found, null, 1)}\n` : printDrift(found, Date.now()));
  return exitCode(found);
}
