/** What the hosts say of themselves: their agents' own verification, asked over SSH on all of them at once. */
import { setTimeout as pause } from "node:timers/promises";
import { AGENT } from "../host/agent.ts";
import { hostPlan } from "../plan/plan.ts";
import { FarmError } from "../shell/errors.ts";
import type { TwinFarm } from "./farm.ts";
import { isRunning } from "./machines/inside.ts";
import { lastLines } from "./machines/run.ts";

/** Answer of `agent verify`. */
interface Verification {
  readonly applied: string | null;
  readonly appliedAt?: string;
  readonly inSync: boolean;
  readonly healthy: boolean;
  readonly differences: readonly string[];
  readonly unhealthy: readonly string[];
  readonly probes?: readonly string[];
  readonly units: Readonly<Record<string, number>>;
}

export interface HostHealth {
  readonly host: string;
  readonly running: boolean;
  /** Why it can't be asked, where that is so. */
  readonly unreachable?: string;
  /** Whether the bundle of the present declaration is what was applied last. */
  readonly upToDate: boolean;
  /** When that was applied, in UTC as ISO 8601; absent where nothing was. */
  readonly appliedAt?: string;
  readonly probes: number;
  /** Units that are declared for it. */
  readonly units: number;
  readonly unhealthy: readonly string[];
  readonly drift: readonly string[];
}

/** Seconds for a host's answer; its probes ask for at most ten each, side by side. */
const ANSWER_LIMIT = 40;

async function healthOf(farm: TwinFarm, host: string): Promise<HostHealth> {
  const nothing = { host, upToDate: false, probes: 0, units: 0, unhealthy: [], drift: [] };
  if (!isRunning(farm.stack, host)) return { ...nothing, running: false, unreachable: "its machine is off" };
  try {
    const { code, stdout, stderr } = await farm.ssh.run(farm.target(host), `${AGENT} verify`, {
      limit: ANSWER_LIMIT,
    });
    if (code !== 0) return { ...nothing, running: true, unreachable: lastLines(stderr || stdout, 2) };
    const said: Verification = JSON.parse(lastLines(stdout, 1));
    return {
      host,
      running: true,
      upToDate: said.applied === hostPlan(farm.plan, host).sha256,
      ...(said.appliedAt === undefined ? {} : { appliedAt: said.appliedAt }),
      probes: said.probes?.length ?? 0,
      units: Object.keys(said.units).length,
      unhealthy: said.unhealthy,
      drift: said.differences,
    };
  } catch (error) {
    return { ...nothing, running: true, unreachable: (error as Error).message };
  }
}

/** Health of all hosts, in the order of the inventory. Reads only. */
export function askHosts(farm: TwinFarm): Promise<HostHealth[]> {
  return Promise.all(farm.inventory.hosts.map((host) => healthOf(farm, host.id)));
}

export const isGreen = (health: HostHealth): boolean =>
  health.unreachable === undefined && health.unhealthy.length === 0;

/**
 * Asks all hosts until every probe says yes.
 * @param limit seconds, then a FarmError that names those that do not, and why
 * @param say is told after each round what is not well yet
 * @param signal ends the wait, with an AbortError
 */
export async function awaitHealth(
  farm: TwinFarm,
  limit: number,
  { say, signal }: { say?: (text: string) => void; signal?: AbortSignal } = {},
): Promise<HostHealth[]> {
  const end = performance.now() + limit * 1000;
  for (;;) {
    const health = await askHosts(farm);
    const red = health.filter((h) => !isGreen(h));
    if (red.length === 0) return health;
    const why = red.map((h) => `${h.host}: ${h.unreachable ?? h.unhealthy.join("; ")}`);
    say?.(why.join(" | "));
    if (performance.now() > end)
      throw new FarmError(`not healthy within ${limit} s\n${why.map((w) => `  - ${w}`).join("\n")}`);
    await pause(500, undefined, signal && { signal });
  }
}
