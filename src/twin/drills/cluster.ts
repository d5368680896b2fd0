/** What a drill needs to know of a database cluster, whatever software it is. */
import { FarmError } from "../../shell/errors.ts";
import type { TwinFarm } from "../farm.ts";
import { mariadbCluster } from "./mariadb.ts";
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
  readonly members: readonly string[];
  /** Hosts whose applications use the cluster, and on which the clients work. */
  readonly clients: readonly string[];
  readonly program: ClientProgram;
  /** The member that takes the writes. Throws a FarmError when none does. */
  writer(): Promise<string>;
  /** What keeps the cluster from having all its members at work, in words; undefined when nothing does. */
  ailment(): Promise<string | undefined>;
  /** Makes an empty table and returns its name; tables that interrupted drills left are dropped. */
  makeTable(): Promise<string>;
  /** What each member has of a table, once it has caught up with the others. */
  copies(table: string): Promise<Copy[]>;
  dropTable(table: string): Promise<void>;
  /** Whether members flush each commit to the disk before they acknowledge it, until they start anew. */
  setFlushing(members: readonly string[], flushes: boolean): Promise<void>;
}

/** The cluster of a farm that drills are about: the first that is declared. Throws a FarmError when there is none. */
export function drilledCluster(farm: TwinFarm): DrilledCluster {
  const [cluster] = farm.inventory.clusters;
  if (cluster === undefined) throw new FarmError(`stack ${farm.stack} declares no database cluster to drill`);
  return mariadbCluster(farm, cluster);
}
