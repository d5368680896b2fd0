/** Ports of a PostgreSQL cluster, on mesh addresses but for the last three. */

export const CLIENT_PORT = 5432;
/** Patroni's HTTP, its customary port: which member is what. */
export const REST_PORT = 8008;
/** HTTP of farm-postgresql: whether this host is to be sent the writes. */
export const WRITER_PORT = 8009;
/** etcd's customary ones. */
export const ETCD_CLIENT_PORT = 2379;
export const ETCD_PEER_PORT = 2380;
/** HTTP of farm-fence: which members this vote has not heard from. */
export const FENCE_PORT = 8010;
/** On a Proxmox host: stop one of its guests. */
export const STOP_PORT = 8011;

/** On 127.0.0.1 of a client host: the way to the primary, and to copies that are at most 16 MB of changes late. */
export const PROXY_PORT = 5432;
export const READ_PROXY_PORT = 5433;
/** There too: a pool in front of the way to the primary, where an application declares one. */
export const POOL_PORT = 6432;
