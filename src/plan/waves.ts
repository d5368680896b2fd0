/** The order in which hosts are changed. */
import { partsOf } from "../inventory/clusters.ts";
import { edgeHosts, nameServers } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";

/**
 * Hosts of which one at a time may be in change: a cluster's votes and copies, an application's nodes, the edge, name servers. A copy
 * counts as well, for it may be the one that stands in for the member that is changed.
 */
function exclusiveGroups(inventory: Inventory): (readonly string[])[] {
  return [
    ...inventory.clusters.map(partsOf),
    ...inventory.applications.map((a) => a.nodes),
    edgeHosts(inventory),
    nameServers(inventory),
  ];
}

/** How late a host comes: Proxmox hosts carry the rest, applications need databases, the edge needs applications. */
function rank(inventory: Inventory): (host: string) => number {
  const ranks = [
    new Set(inventory.hosts.flatMap((h) => (h.origin.kind === "guest" ? [h.origin.parent] : []))),
    new Set(inventory.clusters.flatMap(partsOf)),
    new Set(inventory.applications.flatMap((a) => a.nodes)),
    new Set([...edgeHosts(inventory), ...nameServers(inventory)]),
  ];
  return (host) => {
    const found = ranks.findIndex((hosts) => hosts.has(host));
    return found < 0 ? ranks.length : found;
  };
}

/**
 * Splits the hosts into waves, sorted by name within each. Hosts of one wave may be changed together, a wave begins
 * when the one before is healthy. No two hosts of one cluster, no two nodes of one application and no two Proxmox
 * hosts share a wave.
 */
export function orderInWaves(inventory: Inventory): string[][] {
  const rankOf = rank(inventory);
  const hypervisors = inventory.hosts.filter((h) => rankOf(h.id) === 0).map((h) => h.id);
  const groupsOf = new Map<string, number[]>();
  for (const [index, group] of [hypervisors, ...exclusiveGroups(inventory)].entries())
    for (const host of group) groupsOf.set(host, [...(groupsOf.get(host) ?? []), index]);

  const waves: { hosts: string[]; rank: number; groups: Set<number> }[] = [];
  const names = inventory.hosts.map((h) => h.id).sort();
  for (const host of names) {
    const groups = groupsOf.get(host) ?? [];
    const fits = (wave: (typeof waves)[number]) =>
      wave.rank === rankOf(host) && groups.every((g) => !wave.groups.has(g));
    let wave = waves.find(fits);
    if (wave === undefined) {
      wave = { hosts: [], rank: rankOf(host), groups: new Set() };
      waves.push(wave);
    }
    wave.hosts.push(host);
    for (const group of groups) wave.groups.add(group);
  }
  return waves.sort((a, b) => a.rank - b.rank).map((wave) => wave.hosts);
}
