/** A pool of connections on the host of an application that declares one: many clients share few of them. */
import { passwordOf } from "../clusters/password.ts";
import { file, unit } from "../host/entries.ts";
import type { Contribution } from "../host/state.ts";
import { type DatabaseUse, databasesOf } from "../inventory/clusters.ts";
import type { Cluster } from "../inventory/schema.ts";
import { answers, loginOf } from "./postgresql/client.ts";
import { POOL_PORT, PROXY_PORT } from "./postgresql/ports.ts";
import type { RoleContext } from "./role.ts";

const CONFIG = "/etc/pgbouncer/pgbouncer.ini";
const USERS = "/etc/pgbouncer/userlist.txt";
const LOOPBACK = "127.0.0.1";
/** Clients at once. Each takes a file, and systemd gives a service 1,024, connections to the server included. */
const CLIENTS = 500;

/** Debian's unit runs it as postgres. */
const SECRET = { owner: "root:postgres", mode: "0640" };

type Pool = DatabaseUse & { readonly needs: { readonly pool: number } };

const config = (pools: readonly Pool[]): string => `[databases]
${pools.map(({ id, needs }) => `${id} = host=${LOOPBACK} port=${PROXY_PORT} dbname=${id} pool_size=${needs.pool}`).join("\n")}

[pgbouncer]
listen_addr = ${LOOPBACK}
listen_port = ${POOL_PORT}
; For administrators: as postgres they reach its console here, database pgbouncer.
unix_socket_dir = /run/postgresql
auth_type = scram-sha-256
auth_file = ${USERS}
pool_mode = transaction
max_client_conn = ${CLIENTS}
; Statements that a client has prepared are there whichever connection it gets.
max_prepared_statements = 200
; After the loss of the primary it tries each second, not each 15.
server_login_retry = 1
; To the journal, but not each minute, nor each client.
log_stats = 0
log_connections = 0
log_disconnections = 0
`;

/** pgbouncer on 127.0.0.1, in front of this host's own way to the primary; nothing where no application has a pool. */
export function pgbouncer({ inventory, host, keys, secret }: RoleContext, cluster: Cluster): Contribution[] {
  const pools = databasesOf(inventory, cluster).filter(
    (use): use is Pool => use.needs.pool !== undefined && use.nodes.includes(host.id),
  );
  if (pools.length === 0) return [];
  const users = pools.map((use) => {
    const password = passwordOf(use);
    return `"${loginOf(use.id, keys.generation(password))}" "${secret(password)}"\n`;
  });
  return [
    {
      role: `pool of ${cluster.id}`,
      packages: ["pgbouncer", "python3"],
      files: [file(CONFIG, config(pools), SECRET), file(USERS, users.join(""), SECRET)],
      units: [unit("pgbouncer.service", { reloadOn: [CONFIG, USERS], restartOn: ["package:pgbouncer"] })],
      listens: [{ service: "pgbouncer", protocol: "tcp", port: POOL_PORT, reach: "local" }],
      probes: [
        { name: `the pool of ${cluster.id} answers`, command: answers(LOOPBACK, POOL_PORT), within: 30 },
      ],
    },
  ];
}
