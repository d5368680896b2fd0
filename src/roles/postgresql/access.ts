/** Who may come in as whom, and from where: pg_hba.conf, derived from the inventory. */
import { databasesOf } from "../../inventory/clusters.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Cluster, Inventory } from "../../inventory/schema.ts";
import { ADMIN, REPLICATOR, REWINDER } from "./accounts.ts";
import { dataHosts } from "./parts.ts";

/**
 * The lines of pg_hba.conf, the same on all data hosts; whoever fits none is refused. A database's role is NOLOGIN, its
 * members (`+ID`) are the logins of its password's generations. Names of databases are quoted: one may be called `all`.
 */
export function accessRules(inventory: Inventory, cluster: Cluster): string[] {
  const rule = (database: string, account: string, address: string): string =>
    `host ${database} ${account} ${address}/32 scram-sha-256`;
  const data = dataHosts(inventory, cluster).map((h) => h.mesh);
  const own = data.flatMap((address) => [
    rule("all", ADMIN, address),
    rule("replication", REPLICATOR, address),
    // pg_rewind connects to this one.
    rule("postgres", REWINDER, address),
  ]);
  const applications = databasesOf(inventory, cluster).flatMap(({ id, nodes }) =>
    [...nodes].sort().map((node) => rule(`"${id}"`, `+${id}`, hostOf(inventory, node).mesh)),
  );
  return ["local all postgres peer", ...own, ...applications];
}
