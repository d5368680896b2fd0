/** Ports of a PostgreSQL cluster, all of them on mesh addresses. */

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

/** Where applications find the primary: their host's own proxy. */
export const PROXY_PORT = 5432;
/** A pool in front of the proxy, where an application declares one. */
export const POOL_PORT = 6432;
