/** What a drill needs to know of a database cluster, whatever software it is. */
import type { Application, Cluster } from "../../inventory/schema.ts";
import { FarmError } from "../../shell/errors.ts";
import type { TwinFarm } from "../farm.ts";
import type { Help } from "./faults/slower.ts";
import { mariadbCluster } from "./mariadb.ts";
import { postgresCluster } from "./postgresql.ts";
import type { Copy } from "./record.ts";

/** A program that works on the database from an application's host, through that host's own proxy. */
export interface ClientProgram {
  /** Shell command that starts it. Its output is as client.php describes. */
  readonly command: string;
  /** First line of its input. It ends when its input does. */
  task(table: string, role: "writer" | "reader", id: number): string;
}

export interface DrilledCluster {
  readonly id: string;
  readonly software: Cluster["software"];
  /** All hosts that do something for the cluster. */
  readonly members: readonly string[];
  /** Hosts whose applications use the cluster, and on which the clients work. */
  readonly clients: readonly string[];
  readonly program: ClientProgram;
  /** Name of the server's process on a host with the data. */
  readonly process: string;
  /** Shell command for the member that takes the writes: it hands them over to another, and has done so when it ends. */
  readonly handOver: string;
  /** Seconds until the cluster goes on without the member that took the writes, at the longest: faults have to last longer. */
  readonly noticesWithin: number;
  /** The member that takes the writes. Throws a FarmError when none does. */
  writer(): Promise<string>;
  /** What keeps the cluster from having all its members at work, in words; undefined when nothing does. */
  ailment(): Promise<string | undefined>;
  /** Makes an empty table and returns its name; tables that interrupted drills left are dropped. */
  makeTable(): Promise<string>;
  /** What each member has of a table, once it has caught up with the others. */
  copies(table: string): Promise<Copy[]>;
  dropTable(table: string): Promise<void>;
  /** Takes from the cluster what it helps itself by, for figures to compare with; where there is such a thing. */
  withhold?(help: Help): Promise<void>;
  /** Gives all of that back. */
  giveBack?(): Promise<void>;
  /** Whether members flush each commit to the disk before they acknowledge it. A server that is down is told too. */
  setFlushing(members: readonly string[], flushes: boolean): Promise<void>;
}

/** A kind of cluster as drills see it; a further kind is a further file and a line here. */
const kinds: {
  [S in Cluster["software"]]: (farm: TwinFarm, cluster: Extract<Cluster, { software: S }>) => DrilledCluster;
} = {
  mariadb: mariadbCluster,
  postgresql: postgresCluster,
};

/**
 * The cluster of a farm that drills are about: the one of that name, or else the first that is declared. Throws a
 * FarmError (exit code 2) when there is none.
 */
export function drilledCluster(farm: TwinFarm, name?: string): DrilledCluster {
  const { clusters } = farm.inventory;
  const cluster = name === undefined ? clusters[0] : clusters.find(({ id }) => id === name);
  if (cluster === undefined)
    throw new FarmError(
      name === undefined
        ? `stack ${farm.stack} declares no database cluster to drill`
        : `stack ${farm.stack} declares no database cluster "${name}"`,
      clusters.length > 0 ? `name one of: ${clusters.map(({ id }) => id).join(", ")}` : undefined,
      2,
    );
  return (kinds[cluster.software] as (farm: TwinFarm, cluster: Cluster) => DrilledCluster)(farm, cluster);
}

/** The application whose account, hosts and proxies the clients of a drill use. Throws a FarmError when there is none. */
export function clientOf(farm: TwinFarm, cluster: Cluster): Application {
  const application = farm.inventory.applications.find((a) => a.database.cluster === cluster.id);
  if (application === undefined)
    throw new FarmError(
      `no application uses the cluster ${cluster.id}, so a drill has no proxy to work through`,
    );
  return application;
}
