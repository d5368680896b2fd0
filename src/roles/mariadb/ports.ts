/** Ports of a MariaDB cluster's member, known to its proxies too. */

export const CLIENT_PORT = 3306;
/** HTTP of farm-galera: `/` serving?, `/writer` takes the writes?, `/state` all it knows. The customary port of Galera checks. */
export const STATE_PORT = 9200;
/** Galera's own: replication, incremental (IST) and full (SST) state transfer. */
export const REPLICATION_PORT = 4567;
export const IST_PORT = 4568;
export const SST_PORT = 4444;
