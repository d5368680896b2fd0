/** Configuration texts of a Galera member, from the inventory. */

import { hostOf } from "../../inventory/load.ts";
import type { Cluster, Host, Inventory } from "../../inventory/schema.ts";
import { IST_PORT, REPLICATION_PORT, SST_PORT, STATE_PORT } from "./ports.ts";

const MIB = 2 ** 20;

/**
 * When a member that falls silent is dropped from the cluster. Measured on three booted machines, the writer's
 * machine killed under 1,000 transactions/s: 2.9 s without writes; with Galera's defaults (1, 0.5, 5, 15, 7.5 s) 6.3 s.
 */
const EVICTION = {
  "evs.keepalive_period": "PT0.5S",
  "evs.inactive_check_period": "PT0.25S",
  "evs.suspect_timeout": "PT2S",
  "evs.inactive_timeout": "PT5S",
  "evs.install_timeout": "PT5S",
};

/** Members of a cluster in the order of their names, which is the order in which ties are broken. */
export function membersOf(inventory: Inventory, cluster: Cluster): Host[] {
  return [...cluster.members].sort().map((id) => hostOf(inventory, id));
}

const clamp = (low: number, value: number, high: number): number => Math.max(low, Math.min(value, high));
const mib = (bytes: number): number => Math.floor(bytes / MIB);

/**
 * Sizes from what the host has, in MiB. The buffer pool gets 40 %: the rest is for connections, the page cache of
 * Galera's write-set cache, a state transfer (mariadb-backup prepares with 100 MB) and whatever else runs there.
 */
export function sizes(host: Host): { pool: number; redo: number; gcache: number; connections: number } {
  const pool = Math.max(128, Math.floor(mib(host.share * 0.4) / 16) * 16);
  return {
    pool,
    // Big enough that checkpoints don't press, small enough that recovery after a crash takes seconds.
    redo: clamp(96, Math.floor(pool / 4), 1024),
    // What a member may miss and still return by IST. A file of this size is laid out at once and read at the start.
    gcache: clamp(128, Math.floor(mib(host.disk) / 40), 1024),
    // A busy session takes up to about 16 MiB (sort, join and temporary tables) beside the pool.
    connections: clamp(64, Math.floor(mib(host.share) / 16), 512),
  };
}

/** mariadbd's configuration on one member: 80-farm.cnf, read after Debian's own files. */
export function serverConfig(inventory: Inventory, host: Host, cluster: Cluster): string {
  const members = membersOf(inventory, cluster);
  const size = sizes(host);
  const provider = {
    "gmcast.listen_addr": `tcp://${host.mesh}:${REPLICATION_PORT}`,
    "ist.recv_addr": `${host.mesh}:${IST_PORT}`,
    "ist.recv_bind": `${host.mesh}:${IST_PORT}`,
    "gcache.size": `${size.gcache}M`,
    // Keeps IST possible when all members were down.
    "gcache.recover": "yes",
    // Who re-forms a lost Primary is decided in one place, farm-galera, and not by gvwstate.dat besides.
    "pc.recovery": "no",
    ...EVICTION,
  };
  const options = Object.entries(provider).map(([key, value]) => `${key}=${value}`);
  // The writer is most often the first by name, so the last is asked first for a full copy.
  const donors = members.filter((m) => m.id !== host.id).map((m) => m.id);

  return `# MariaDB ${cluster.id}: member ${host.id}
[mariadbd]
bind-address = ${host.mesh}
# Names of clients would be asked of DNS; it also does without the host cache, which locks out monitors that only
# look for the greeting.
skip-name-resolve
max_connections = ${size.connections}
character-set-server = utf8mb4

innodb_buffer_pool_size = ${size.pool}M
innodb_log_file_size = ${size.redo}M
# With 0 or 2 an acknowledged commit is lost when members lose power together (measured: 208 of 9,860, with 1 none).
# There is no binary log (Galera does without), so sync_binlog has nothing to do.
innodb_flush_log_at_trx_commit = 1

# What Galera asks for.
binlog_format = ROW
innodb_autoinc_lock_mode = 2
default_storage_engine = InnoDB
# Only InnoDB is replicated. Neither enforce_storage_engine=InnoDB (11.8 with Galera refuses other engines, for
# temporary tables too) nor innodb_force_primary_key: MediaWiki's installation makes a MyISAM searchindex and tables
# without primary key, and must be able to. Its role converts the one.

wsrep_on = ON
wsrep_provider = /usr/lib/galera/libgalera_smm.so
wsrep_provider_options = "${options.join(";")}"
wsrep_cluster_name = ${cluster.id}
wsrep_cluster_address = gcomm://${members.map((m) => m.mesh).join(",")}
wsrep_node_name = ${host.id}
wsrep_node_address = ${host.mesh}
wsrep_slave_threads = 4
# A read waits for what the cluster has committed until then. farm-galera takes that off where all writes go: they are
# there as they are made, and a round trip to all members for every read would be for nothing.
wsrep_sync_wait = 1
wsrep_sst_method = mariabackup
# Debian's mysql@localhost, known by its unix account: no password to keep, and the account is there before any
# cluster is.
wsrep_sst_auth = "mysql:"
wsrep_sst_receive_address = ${host.mesh}:${SST_PORT}
wsrep_sst_donor = "${[...donors]
    .reverse()
    .map((id) => `${id},`)
    .join("")}"

[sst]
sockopt = ",bind=${host.mesh}"
`;
}

/** What farm-galera has to know. */
export function daemonConfig(inventory: Inventory, host: Host, cluster: Cluster): string {
  const members = membersOf(inventory, cluster).map((m) => [m.id, m.mesh]);
  const config = {
    cluster: cluster.id,
    name: host.id,
    port: STATE_PORT,
    members: Object.fromEntries(members),
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
