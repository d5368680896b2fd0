/** Accounts that a PostgreSQL cluster has for itself, and the secrets that are their passwords. */
import type { Cluster } from "../../inventory/schema.ts";

/** Superuser of the agent and of the programs on the data hosts. */
export const ADMIN = "farm";
/** Copies from the primary. */
export const REPLICATOR = "replicator";
/** Reads of the primary what a former one has to undo (pg_rewind). */
export const REWINDER = "rewind";

const named =
  (name: string) =>
  (cluster: Pick<Cluster, "id">): string =>
    `password/${cluster.id}/@${name}`;
export const adminPassword = named("admin");
export const replicationPassword = named("replication");
export const rewindPassword = named("rewind");
/** Of Patroni's HTTP: without it anybody who may ask for the state could also order a switchover. */
export const patroniPassword = named("patroni");

/** Connection service file of the data hosts, for root; its service `writer` leads to the present primary. */
export const SERVICE_FILE = "/etc/farm/postgresql/pg_service.conf";
