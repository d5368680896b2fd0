/** Asks the hosts, all at once, what a move has to know of them. Reads only. */
import type { MemberState } from "../../clusters/kind.ts";
import { partsOf } from "../../inventory/clusters.ts";
import { hostPlan, type Plan } from "../../plan/plan.ts";
import { FarmError, Unreachable } from "../../shell/errors.ts";
import { askAgent } from "../ask-agent.ts";
import { clusterStates } from "../cluster-state.ts";
import type { Farm } from "../farm.ts";
import type { Pair } from "./works.ts";

export interface HostSeen {
  readonly host: string;
  /** Why it could not be asked. */
  readonly missed?: string;
  /** Whether that is because it can't be reached. */
  readonly isLost?: boolean;
  /** Whether it has what is declared now. */
  readonly upToDate: boolean;
  /** What its probes say that say no. */
  readonly unhealthy: readonly string[];
}

/** A connection that somebody has with a service of a host. */
export interface Session {
  /** At the host's end. */
  readonly address: string;
  readonly port: number;
  /** Address of the other end. */
  readonly peer: string;
}

export interface Observation {
  readonly hosts: readonly HostSeen[];
  /** By cluster in which one of the two hosts has a part, what its hosts say of themselves. */
  readonly clusters: ReadonlyMap<string, readonly MemberState[]>;
  /** Sessions with the host that leaves; undefined where it is not declared or does not tell. */
  readonly sessions: readonly Session[] | undefined;
}

/** Of an answer of `agent verify`. */
interface Verification {
  readonly applied: string | null;
  readonly unhealthy: readonly string[];
}

/** Seconds for a host's answer; its probes ask for at most ten each, side by side. */
const ANSWER_LIMIT = 40;

async function see(farm: Farm, host: string): Promise<HostSeen> {
  try {
    const { applied, unhealthy } = await askAgent<Verification>(farm, host, "verify", {
      limit: ANSWER_LIMIT,
    });
    return { host, upToDate: applied === hostPlan(farm.plan, host).sha256, unhealthy };
  } catch (error) {
    if (!(error instanceof FarmError)) throw error;
    const missed = error.message.replaceAll("\r", "").trim();
    return { host, missed, isLost: error instanceof Unreachable, upToDate: false, unhealthy: [] };
  }
}

/** Ports on which hosts serve others; that of SSH is for administrators. */
const servicePorts = ({ hosts }: Plan): Set<number> =>
  new Set(
    hosts.flatMap(({ state }) =>
      state.listens
        .filter(
          ({ protocol, reach, service }) => protocol === "tcp" && reach !== "local" && service !== "ssh",
        )
        .map(({ port }) => port),
    ),
  );

/** Sessions in the lines of `ss -Htn`: queues, the end here, the other end. `own` addresses are the host's probes of itself. */
export function sessionsIn(text: string, ports: ReadonlySet<number>, own: readonly string[]): Session[] {
  return text.split("\n").flatMap((line) => {
    const [, , here = "", there = ""] = line.trim().split(/\s+/);
    const [address = "", peer = ""] = [here, there].map((end) =>
      end.replace(/:\d+$/, "").replace(/^\[(::ffff:)?(.*)\]$/, "$2"),
    );
    const port = Number(here.slice(here.lastIndexOf(":") + 1));
    return ports.has(port) && !own.includes(peer) ? [{ address, port, peer }] : [];
  });
}

async function sessionsOf(farm: Farm, id: string): Promise<Session[] | undefined> {
  const host = farm.inventory.hosts.find((each) => each.id === id);
  if (host === undefined) return undefined;
  try {
    const asked = await farm.ssh.run(farm.target(id), "ss -Htn state established", { limit: ANSWER_LIMIT });
    if (asked.code !== 0) return undefined;
    return sessionsIn(asked.stdout, servicePorts(farm.plan), [host.address, host.mesh, "127.0.0.1"]);
  } catch (error) {
    if (!(error instanceof FarmError)) throw error;
    return undefined;
  }
}

/** Asks all hosts, and those of the clusters in which one of the two has a part. Who can't be asked is part of the answer. */
export async function observe(farm: Farm, { from, to }: Pair): Promise<Observation> {
  const { hosts, clusters } = farm.inventory;
  const concerned = clusters.filter((c) => [from, to].some((id) => partsOf(c).includes(id)));
  const [seen, states, sessions] = await Promise.all([
    Promise.all(hosts.map(({ id }) => see(farm, id))),
    Promise.all(concerned.map(async (cluster) => [cluster.id, await clusterStates(farm, cluster)] as const)),
    sessionsOf(farm, from),
  ]);
  return { hosts: seen, clusters: new Map(states), sessions };
}
