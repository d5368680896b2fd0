/** Who calls whom, summed up: hosts with the same works are one caller, ports of one service are one call. */
import { isHypervisor } from "../inventory/machines.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { worksOf, worksText } from "../operate/move/works.ts";
import type { Plan } from "../plan/plan.ts";
import { MESH_PORT } from "../roles/mesh.ts";

/** Hosts that do the same. */
export interface Group {
  readonly hosts: readonly Host[];
}

/** Anybody who is no host of the farm. */
export const OUTSIDE = "outside";
/** A group's number in the list of groups, or anybody else. */
export type Party = number | typeof OUTSIDE;

export interface Service {
  /** As roles call it, without the name of a cluster at its end: "database proxy". */
  readonly name: string;
  /** "3306/tcp", in the order of numbers. */
  readonly ports: readonly string[];
  /** Whether a host calls another so by its address outside the mesh. */
  readonly underlay: boolean;
}

export interface Calls {
  /** Along the way of a request: the edge, applications, databases, Proxmox hosts, the rest; then by name. */
  readonly groups: readonly Group[];
  /** By name. */
  readonly services: readonly Service[];
  /** Positions in `services`, ascending, that `from` calls at `to`; empty where it calls none. */
  readonly between: (from: Party, to: Party) => readonly number[];
}

/** One open port or connection, between parties. */
interface Call {
  readonly from: Party;
  readonly to: Party;
  readonly service: string;
  readonly protocol: string;
  readonly port: number;
  readonly underlay: boolean;
}

function groupsOf(inventory: Inventory): Group[] {
  const rank = (host: Host): number => {
    const { edge, applications, clusters } = worksOf(inventory, host.id);
    if (edge) return 0;
    if (applications.length > 0) return 1;
    if (clusters.size > 0) return 2;
    return isHypervisor(host.origin) ? 3 : 4;
  };
  const alike = Map.groupBy(
    inventory.hosts,
    (host) => `${rank(host)} ${worksText(worksOf(inventory, host.id))}`,
  );
  return [...alike.values()]
    .map((hosts) => ({ hosts, rank: Math.min(...hosts.map(rank)) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ hosts }) => ({ hosts }));
}

/** All calls of a plan but the mesh's own, by which most others travel. */
function callsOf({ inventory, hosts, flows }: Plan, partyOf: (host: string) => Party): Call[] {
  const clusters = new Set(inventory.clusters.map(({ id }) => id));
  const call = (
    from: Party,
    to: Party,
    { service, protocol, port }: Pick<Call, "service" | "protocol" | "port">,
    underlay = false,
  ): Call => {
    const [, general = service, cluster = ""] = /^(.+) (\S+)$/.exec(service) ?? [];
    return { from, to, service: clusters.has(cluster) ? general : service, protocol, port, underlay };
  };
  return [
    ...flows.map((flow) => call(partyOf(flow.from), partyOf(flow.to), flow, flow.via === "underlay")),
    ...hosts.flatMap(({ host, state }) => [
      ...state.listens
        .filter(({ reach }) => reach === "world")
        .map((listen) => call(OUTSIDE, partyOf(host.id), listen)),
      ...state.connects
        .filter(({ to }) => to.kind === "internet" || to.kind === "address")
        .map((connect) => call(partyOf(host.id), OUTSIDE, connect)),
    ]),
  ].filter(({ port, protocol }) => port !== MESH_PORT || protocol !== "udp");
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

function serviceOf(name: string, calls: readonly Call[]): Service {
  const ports = new Map(calls.map(({ port, protocol }) => [`${port}/${protocol}`, port]));
  return {
    name,
    ports: [...ports].sort(([a, x], [b, y]) => x - y || byText(a, b)).map(([text]) => text),
    underlay: calls.some(({ underlay }) => underlay),
  };
}

/** Sums up a plan's flows, what is open to the world, and what hosts call out there. */
export function sumUp(plan: Plan): Calls {
  const groups = groupsOf(plan.inventory);
  const parties = new Map(groups.flatMap(({ hosts }, index) => hosts.map(({ id }) => [id, index] as const)));
  const calls = callsOf(plan, (host) => parties.get(host) ?? OUTSIDE);
  const byService = [...Map.groupBy(calls, ({ service }) => service)].sort(([a], [b]) => byText(a, b));
  const services = byService.map(([name, its]) => serviceOf(name, its));
  const positions = new Map(services.map(({ name }, index) => [name, index]));
  const between = Map.groupBy(calls, ({ from, to }) => `${from} ${to}`);
  return {
    groups,
    services,
    between: (from, to) =>
      [
        ...new Set((between.get(`${from} ${to}`) ?? []).map(({ service }) => positions.get(service) ?? 0)),
      ].sort((a, b) => a - b),
  };
}
