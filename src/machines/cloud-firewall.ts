/** The packet filter of a provider in front of a machine, and the words by which its things are found there. */
import type { Host, Inventory } from "../inventory/schema.ts";
import type { HostPlan } from "../plan/plan.ts";

export const ANYWHERE: readonly string[] = ["0.0.0.0/0", "::/0"];

/** A port that a provider lets through, whoever comes. */
export interface OpenPort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/**
 * The ports of a host that are reached by its address outside the mesh, sorted. Who may come there is the business of the
 * host's own filter, which knows each source; a provider sees a guest of ours by the address of its Proxmox host. So this is
 * a second wall, which stands when the first does not yet, or does no more.
 */
export function openPorts({ state }: HostPlan): OpenPort[] {
  const open = state.listens.filter(({ reach }) => reach === "world" || reach === "underlay");
  const byPort = new Map(open.map(({ protocol, port }) => [`${protocol} ${port}`, { protocol, port }]));
  return [...byPort].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
}

/** The rules in DigitalOcean's words, which drops what it is not told, also on the way out: the host's own filter says what. */
export function digitalOceanRules(ports: readonly OpenPort[]) {
  const source = { sourceAddresses: [...ANYWHERE] };
  const destination = { destinationAddresses: [...ANYWHERE] };
  return {
    inboundRules: [
      ...ports.map(({ protocol, port }) => ({ protocol, portRange: `${port}`, ...source })),
      { protocol: "icmp", ...source },
    ],
    outboundRules: [
      ...["tcp", "udp"].map((protocol) => ({ protocol, portRange: "1-65535", ...destination })),
      { protocol: "icmp", ...destination },
    ],
  };
}

/** The ways in, in Hetzner Cloud's words. Without a rule for the ways out it lets everything out. */
export function hetznerRules(ports: readonly OpenPort[]) {
  const common = { direction: "in", sourceIps: [...ANYWHERE] };
  return [
    ...ports.map(({ protocol, port }) => ({ ...common, protocol, port: `${port}` })),
    { ...common, protocol: "icmp" },
  ];
}

/** What a thing of the farm is found by at a provider. */
export const labelsOf = ({ stack, environment }: Inventory): Record<string, string> => ({
  farm: stack,
  environment,
});

/** The same for one host, as DigitalOcean's tags. */
export const tagsOf = (inventory: Inventory, host: Host): string[] =>
  Object.entries({ ...labelsOf(inventory), host: host.id }).map(([key, value]) => `${key}:${value}`);
