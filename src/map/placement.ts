/** Where the votes and copies of a cluster stand, as data: what a loss would mean, and how far apart they are. */

import { roundTrip } from "../inventory/check-placement.ts";
import { partsOf, votersOf } from "../inventory/clusters.ts";
import { hostOf } from "../inventory/load.ts";
import type { Cluster, Host, Inventory } from "../inventory/schema.ts";

/** A physical machine with what it has of a cluster, and what its loss would leave. */
export interface Domain {
  /** The physical machine. */
  readonly id: string;
  readonly site: string;
  /** Hosts on it that do something for the cluster. */
  readonly hosts: readonly Host[];
  /** Votes that are left without it. */
  readonly votesLeft: number;
  /** Whether writes go on without it: the votes left are a majority. Of three and more votes one at most has no data. */
  readonly goesOn: boolean;
}

/** The failure domains of a cluster in the order of sites, then of names. */
export function domainsOf(inventory: Inventory, cluster: Cluster): Domain[] {
  const hosts = partsOf(cluster).map((id) => hostOf(inventory, id));
  const voters = votersOf(cluster);
  const domains = [...Map.groupBy(hosts, (host) => host.failureDomain)].map(([id, its]) => {
    const stays = (name: string): boolean => !its.some((host) => host.id === name);
    const votesLeft = voters.filter(stays).length;
    const goesOn = 2 * votesLeft > voters.length;
    const hostsByName = its.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return { id, site: hostOf(inventory, id).site, hosts: hostsByName, votesLeft, goesOn };
  });
  return domains.sort((a, b) => (`${a.site} ${a.id}` < `${b.site} ${b.id}` ? -1 : 1));
}

/** Two sites of a cluster and the round trip between them, milliseconds; undefined where nobody has declared it. */
export interface Distance {
  readonly sites: readonly [string, string];
  readonly roundTrip: number | undefined;
}

/** Distances between the sites at which a cluster has members, a witness or copies; the nearest first. */
export function distancesOf(inventory: Inventory, cluster: Cluster): Distance[] {
  const sites = [...new Set(domainsOf(inventory, cluster).map(({ site }) => site))];
  return sites
    .flatMap((a, index) =>
      sites.slice(index + 1).map((b) => ({ sites: [a, b] as const, roundTrip: roundTrip(inventory, a, b) })),
    )
    .sort((a, b) => (a.roundTrip ?? Number.POSITIVE_INFINITY) - (b.roundTrip ?? Number.POSITIVE_INFINITY));
}
