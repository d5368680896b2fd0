/** Configuration texts of a PostgreSQL cluster's data hosts, from the inventory. */
import { createHash } from "node:crypto";
import type { Host, PostgresCluster } from "../../inventory/schema.ts";
import type { RoleContext } from "../role.ts";
import { accessRules } from "./access.ts";
import {
  ADMIN,
  adminPassword,
  patroniPassword,
  REPLICATOR,
  REWINDER,
  replicationPassword,
  rewindPassword,
} from "./accounts.ts";
import { dataHosts, partOf, voters } from "./parts.ts";
import { CLIENT_PORT, ETCD_CLIENT_PORT, REST_PORT } from "./ports.ts";
import { connectionsOf, sizes } from "./sizes.ts";
import { STANDBY_SILENT, sound, TIMINGS } from "./timings.ts";
import { binaries, dataDirectory, initdb } from "./version.ts";

/** Statements that make the first accounts, for the member that makes the cluster. */
export const FIRST_ACCOUNTS = "/etc/patroni/first-accounts.sql";
/** Name under which Patroni's HTTP is asked to act. */
export const OPERATOR = "farm";

const brief = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
const quoted = (value: string | number | boolean): string =>
  typeof value === "string" ? JSON.stringify(value) : `${value}`;

/** A fresh copy is brought to the disk at once too, where pg_basebackup can. */
const syncMethod = (version: PostgresCluster["version"]) =>
  version >= 17 ? { "sync-method": "syncfs" } : {};

/** A part of a YAML document: maps, lists and scalars, strings quoted as in JSON, which YAML takes. */
type Value = string | number | boolean | readonly string[] | { readonly [key: string]: Value };

function yaml(value: { readonly [key: string]: Value }, indent = ""): string {
  const lines = Object.entries(value).map(([key, entry]) => {
    if (typeof entry !== "object") return `${indent}${key}: ${quoted(entry)}`;
    if (Array.isArray(entry))
      return [`${indent}${key}:`, ...entry.map((item) => `${indent}  - ${quoted(item)}`)].join("\n");
    return `${indent}${key}:\n${yaml(entry as { readonly [key: string]: Value }, `${indent}  `)}`;
  });
  return lines.join("\n");
}

/**
 * What holds for the whole cluster and is kept in etcd: Patroni reads it from there alone, so farm-postgresql brings it
 * there when it differs. All data hosts have the same.
 */
export function dynamicConfig({ inventory }: Pick<RoleContext, "inventory">, cluster: PostgresCluster) {
  const parameters = {
    max_connections: connectionsOf(dataHosts(inventory, cluster)),
    max_worker_processes: 8,
    max_wal_senders: 10,
    max_replication_slots: 10,
    max_locks_per_transaction: 128,
    wal_level: "replica",
    // pg_rewind asks for it or for checksums; there are both.
    wal_log_hints: "on",
    // What pg_rewind may have to read back of a former primary. It copies all that the new one keeps, so more is slower.
    wal_keep_size: "128MB",
  };
  return {
    ...sound(TIMINGS),
    // Each write is on a second machine before it is acknowledged. While no other machine is there, one alone goes on
    // and is the only one that may: strict would stop the school for the loss of one of two.
    synchronous_mode: true,
    synchronous_mode_strict: false,
    // For copies that do not confirm. The one that does has everything, and only it takes over.
    maximum_lag_on_failover: 1 << 20,
    // Etcd away and all members well: the primary goes on.
    failsafe_mode: true,
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      // Shows in `SHOW farm.cluster` what the server has taken up: see farm-postgresql.
      parameters: { ...parameters, "farm.cluster": brief(JSON.stringify([TIMINGS, parameters])) },
    },
  };
}

function parameters({ inventory, host }: RoleContext, cluster: PostgresCluster) {
  const size = sizes(host, connectionsOf(dataHosts(inventory, cluster)));
  return {
    shared_buffers: `${size.sharedBuffers}MB`,
    effective_cache_size: `${size.cache}MB`,
    work_mem: `${size.workMem}MB`,
    maintenance_work_mem: `${size.maintenanceMem}MB`,
    max_wal_size: `${size.maxWal}MB`,
    max_slot_wal_keep_size: `${size.slotWal}MB`,
    wal_compression: "lz4",
    // Before it recovers, a server brings all its files to the disk: some thousands, one by one (Debian 13's kernel also
    // tells of an error when asked for all at once, which those before 5.8 did not).
    recovery_init_sync_method: "syncfs",
    // Guests' disks are ZFS, which writes old segments elsewhere all the same (PostgreSQL's documentation of both); and
    // segments kept for later would be copied by pg_rewind.
    wal_recycle: "off",
    wal_init_zero: "off",
    unix_socket_directories: "/run/postgresql",
    password_encryption: "scram-sha-256",
    // Who falls silent confirms nothing: until it is given up, every commit waits for it (PostgreSQL's own: 60 s).
    wal_sender_timeout: `${STANDBY_SILENT}s`,
    wal_receiver_timeout: `${2 * STANDBY_SILENT}s`,
    wal_receiver_status_interval: "1s",
    // A client whose machine is gone gives back its locks and its place: 5 s idle, 3 questions of 2 s, or 10 s unheard.
    tcp_keepalives_idle: 5,
    tcp_keepalives_interval: 2,
    tcp_keepalives_count: 3,
    tcp_user_timeout: "10s",
    client_connection_check_interval: "5s",
    // A report on a far copy may take its time; a copy that may take over must not be late.
    max_standby_streaming_delay: partOf(host, cluster) === "replica" ? "300s" : "10s",
    // To the journal, which has the time.
    logging_collector: "off",
    log_destination: "stderr",
    log_line_prefix: "[%p] %q%u@%d ",
    log_lock_waits: "on",
  };
}

/** Stands for all that a data host's server is given; shows in `SHOW farm.member` what it has taken up. */
export function memberMark(context: RoleContext, cluster: PostgresCluster): string {
  const secrets = [replicationPassword, rewindPassword, patroniPassword].map((name) =>
    context.keys.generation(name(cluster)),
  );
  return brief(
    JSON.stringify([parameters(context, cluster), accessRules(context.inventory, cluster), secrets]),
  );
}

/** This host's own vote first: it is not lost with another host. */
const rank = (vote: Host, host: Host): number => (vote.id === host.id ? 0 : 1);

/**
 * All of Patroni's configuration on a data host. `alone`: of a far copy that is promoted when all others are lost, with
 * a vote of its own.
 */
export function patroniConfig(context: RoleContext, cluster: PostgresCluster, alone = false): string {
  const { inventory, host, secret } = context;
  const dynamic = dynamicConfig(context, cluster);
  const votes = alone ? [host] : voters(inventory, cluster).sort((a, b) => rank(a, host) - rank(b, host));
  const replica = !alone && partOf(host, cluster) === "replica";
  const document = {
    scope: cluster.id,
    namespace: "/service/",
    name: host.id,
    restapi: {
      listen: `${host.mesh}:${REST_PORT}`,
      connect_address: `${host.mesh}:${REST_PORT}`,
      authentication: { username: OPERATOR, password: secret(patroniPassword(cluster)) },
    },
    // "Proxies" are asked in this order and no other; else Patroni chooses by lot among those that etcd names.
    etcd3: { hosts: votes.map((h) => `${h.mesh}:${ETCD_CLIENT_PORT}`), use_proxies: true },
    bootstrap: {
      dcs: dynamic,
      initdb: initdb(cluster.version),
      post_bootstrap: `/usr/bin/psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file ${FIRST_ACCOUNTS}`,
    },
    postgresql: {
      listen: `${host.mesh}:${CLIENT_PORT}`,
      connect_address: `${host.mesh}:${CLIENT_PORT}`,
      use_unix_socket: true,
      use_unix_socket_repl: false,
      // Of the declared version. While the cluster's data is of another, the unit's environment has the last word.
      data_dir: dataDirectory(cluster.version),
      bin_dir: binaries(cluster.version),
      pgpass: "/var/lib/postgresql/.pgpass-patroni",
      authentication: {
        superuser: { username: "postgres" },
        replication: { username: REPLICATOR, password: secret(replicationPassword(cluster)) },
        rewind: { username: REWINDER, password: secret(rewindPassword(cluster)) },
      },
      create_replica_methods: ["basebackup"],
      basebackup: { checkpoint: "fast", "max-rate": "200M", ...syncMethod(cluster.version) },
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
      pg_hba: accessRules(inventory, cluster),
      parameters: { ...parameters(context, cluster), "farm.member": memberMark(context, cluster) },
    },
    watchdog: { mode: "automatic", device: "/dev/watchdog", safety_margin: 5 },
    tags: { nofailover: replica, nosync: replica, noloadbalance: false, clonefrom: false },
  };
  return `# PostgreSQL ${cluster.id}: ${alone ? "promoted" : partOf(host, cluster)} ${host.id}
${yaml(document)}
`;
}

/** Statements for a new cluster. Patroni makes the accounts that are its own. */
export function firstAccounts({ secret }: RoleContext, cluster: PostgresCluster): string {
  return `-- The password is no matter for the log, whatever goes wrong.
SET log_min_error_statement = panic;
SET log_statement = none;
CREATE ROLE ${ADMIN} SUPERUSER LOGIN PASSWORD '${secret(adminPassword(cluster))}';
`;
}

/** The service by which agent and programs on a data host reach the present primary, whichever host that is. */
export function serviceFile({ inventory, secret }: RoleContext, cluster: PostgresCluster): string {
  return `[writer]
host=${dataHosts(inventory, cluster)
    .filter((h) => cluster.members.includes(h.id))
    .map((h) => h.mesh)
    .join(",")}
port=${CLIENT_PORT}
dbname=postgres
user=${ADMIN}
password=${secret(adminPassword(cluster))}
target_session_attrs=read-write
connect_timeout=3
`;
}
