/** Whether a host can take up its new works when the order of change comes to it: the hosts that it needs then must know it. */
import { dataHostsOf, partsOf } from "../../inventory/clusters.ts";
import { edgeHosts } from "../../inventory/domains.ts";
import { clusterOf } from "../../inventory/load.ts";
import type { Inventory } from "../../inventory/schema.ts";
import { orderInWaves } from "../../plan/waves.ts";

/** Hosts without which a host's probes say no to a work: all of them, or one. */
interface Need {
  readonly work: string;
  readonly hosts: readonly string[];
  readonly one: boolean;
}

function needsOf(inventory: Inventory, id: string): Need[] {
  const { clusters, applications } = inventory;
  const others = (hosts: readonly string[]) => hosts.filter((host) => host !== id);
  return [
    ...clusters
      .filter((cluster) => partsOf(cluster).includes(id))
      .map((cluster) => ({ work: cluster.id, hosts: others(partsOf(cluster)), one: false })),
    // Whoever takes the writes has to be found, and that may be any of them.
    ...applications
      .filter((a) => a.nodes.includes(id))
      .map((a) => ({
        work: a.id,
        hosts: others(dataHostsOf(clusterOf(inventory, a.database.cluster))),
        one: false,
      })),
    ...(edgeHosts(inventory).includes(id)
      ? applications.map((a) => ({ work: `the edge, for ${a.id}`, hosts: others(a.nodes), one: true }))
      : []),
  ];
}

/** Hosts whose mesh has a host already. */
function knownTo(inventory: Inventory, id: string): Set<string> {
  const own = needsOf(inventory, id).flatMap(({ hosts }) => hosts);
  const reverse = inventory.hosts
    .map((host) => host.id)
    .filter((other) => needsOf(inventory, other).some(({ hosts }) => hosts.includes(id)));
  return new Set([...own, ...reverse]);
}

/**
 * Why a host that is in `before` can't do in one change what it does in `after`, as sentences: hosts that it needs for that
 * are changed later, and do not know it until then.
 */
export function tooEarly(before: Inventory, after: Inventory, id: string): string[] {
  const known = knownTo(before, id);
  const waves = orderInWaves(after);
  const turn = (host: string): number => waves.findIndex((wave) => wave.includes(host));
  return needsOf(after, id).flatMap(({ work, hosts, one }) => {
    const late = hosts.filter((host) => !known.has(host) && turn(host) > turn(id));
    if (late.length === 0 || (one && late.length < hosts.length)) return [];
    return [
      `${id} would be changed before ${late.join(", ")}, who do not know it until then, and could not do its part of ${work}`,
    ];
  });
}
