/** Ports of a PostgreSQL cluster, on mesh addresses unless said otherwise. */

export const CLIENT_PORT = 5432;
/** Patroni's HTTP, its customary port: which member is what. */
export const REST_PORT = 8008;
/** etcd's customary ones. */
export const ETCD_CLIENT_PORT = 2379;
export const ETCD_PEER_PORT = 2380;
/** HTTP of farm-fence: which members this vote has not heard from. */
export const FENCE_PORT = 8010;
/** On a Proxmox host: stop one of its guests. */
export const STOP_PORT = 8011;

/** On a client host, 127.0.0.1: its proxy's way to the primary, and to copies that are hardly late, for reading. */
export const PROXY_PORT = 5432;
export const READ_PROXY_PORT = 5433;
/** A pool in front of the way to the primary, where an application declares one. */
export const POOL_PORT = 6432;
