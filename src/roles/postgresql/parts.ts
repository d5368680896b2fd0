/** Which host does what in a PostgreSQL cluster, and at which address. */
import { dataHostsOf, votersOf } from "../../inventory/clusters.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Cluster, Host, Inventory, PostgresCluster } from "../../inventory/schema.ts";

/** `member`: data and a vote; `replica`: data alone, perhaps far away; `witness`: a vote alone; `former`: one that gives it up. */
export type Part = "member" | "replica" | "witness" | "former";

/** The cluster as one of PostgreSQL. Throws where the program has sent another kind here. */
export function postgres(cluster: Cluster): PostgresCluster {
  if (cluster.software !== "postgresql") throw new Error(`cluster ${cluster.id} is none of PostgreSQL`);
  return cluster;
}

const named = (inventory: Inventory, ids: readonly string[]): Host[] =>
  [...ids].sort().map((id) => hostOf(inventory, id));

/** Hosts with a vote, in the order of names. */
export const voters = (inventory: Inventory, cluster: Cluster): Host[] => named(inventory, votersOf(cluster));

/** Hosts with the data, in the order of names. */
export const dataHosts = (inventory: Inventory, cluster: Cluster): Host[] =>
  named(inventory, dataHostsOf(cluster));

/** Whether a part is one with data. */
export const hasData = (part: Part): boolean => part === "member" || part === "replica";

/** What a host does in a cluster that it is part of. */
export function partOf(host: Host, cluster: PostgresCluster): Part {
  if (cluster.members.includes(host.id)) return "member";
  if (cluster.replicas.includes(host.id)) return "replica";
  return cluster.formerWitness === host.id ? "former" : "witness";
}
