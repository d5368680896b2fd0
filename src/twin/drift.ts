/** What a run of the program has seen of the twin's machines, kept for when one of them can't be reached. */
import { keepSightings } from "../operate/drift/sightings.ts";
import { hostPlan } from "../plan/plan.ts";
import type { AppliedHosts } from "../shell/former-run.ts";
import { ResourceState } from "./engine/state.ts";
import { resourceFolder, type TwinFarm } from "./farm.ts";
import type { HostHealth } from "./health.ts";

/** Keeps sightings of the hosts that have the bundle of the present plan. */
export function keepSeen(farm: TwinFarm, health: readonly HostHealth[]): void {
  const seenAt = new Date().toISOString();
  const applied = new ResourceState(resourceFolder(farm.stack)).outputs.applied as AppliedHosts | undefined;
  const seen = health.flatMap(({ host, upToDate, appliedAt }) => {
    if (!upToDate || appliedAt === undefined) return [];
    const { sha256, bundle } = hostPlan(farm.plan, host);
    const commit = applied?.[host]?.commit;
    return [[host, { seenAt, appliedAt, sha256, bundle, ...(commit ? { commit } : {}) }] as const];
  });
  keepSightings(farm.sightings, Object.fromEntries(seen));
}
