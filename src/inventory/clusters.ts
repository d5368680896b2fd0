/** Who plays which part in a cluster, and who keeps a database there. */
import type { Cluster, Inventory } from "./schema.ts";

/** Hosts whose votes decide whether a cluster goes on. */
export function votersOf(cluster: Cluster): readonly string[] {
  if (cluster.software === "mariadb") return cluster.members;
  const { members, witness, nextWitness } = cluster;
  return [...members, ...[witness, nextWitness].filter((id) => id !== undefined)];
}

/** Hosts that hold the cluster's data: those that may come to take the writes first, then those that only copy. */
export function dataHostsOf(cluster: Cluster): readonly string[] {
  return cluster.software === "postgresql" ? [...cluster.members, ...cluster.replicas] : cluster.members;
}

/** All hosts that do something for a cluster; once each, or the inventory is refused. */
export function partsOf(cluster: Cluster): readonly string[] {
  const former = cluster.software === "postgresql" && cluster.formerWitness ? [cluster.formerWitness] : [];
  return [...votersOf(cluster), ...dataHostsOf(cluster).slice(cluster.members.length), ...former];
}

/** A database in a cluster, with the account of the same name that uses it. */
export interface DatabaseUse {
  /** Name of the database, the account and the application. */
  readonly id: string;
  readonly cluster: string;
  readonly needs: {
    /** Connections that the account may hold at once. */
    readonly connections?: number | undefined;
    /** Connections to the server that a pool on each node shares out. */
    readonly pool?: number | undefined;
    readonly extensions: readonly string[];
  };
  /** Hosts from which the account comes; none yet for an application that the farm does not run. */
  readonly nodes: readonly string[];
}

/** All databases of a farm, in the order of names: applications' first. */
export function databaseUses(inventory: Pick<Inventory, "applications" | "databases">): DatabaseUse[] {
  return [
    ...inventory.applications.map(({ id, database, nodes }) => ({
      id,
      cluster: database.cluster,
      needs: database,
      nodes,
    })),
    ...inventory.databases.map((database) => ({
      id: database.id,
      cluster: database.cluster,
      needs: database,
      nodes: [],
    })),
  ];
}

/** The databases of one cluster. */
export function databasesOf(inventory: Inventory, cluster: Cluster): DatabaseUse[] {
  return databaseUses(inventory).filter((use) => use.cluster === cluster.id);
}
