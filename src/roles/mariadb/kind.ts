/** MariaDB with Galera as a kind of cluster. */
import type { ClusterKind, StateQuestion } from "../../clusters/kind.ts";
import { membersOf } from "./config.ts";
import { mariadbMember } from "./member.ts";
import { CLIENT_PORT, STATE_PORT } from "./ports.ts";

export const mariadb: ClusterKind = {
  token: "farms:clusters:MariaDbCluster",
  packages: ["^mariadb-", "^galera-"],
  port: CLIENT_PORT,
  part: (context, cluster) => [mariadbMember(context, cluster)],
  founding: (later) => `farm-galera founding ${later.join(" ")}`,

  // Exactly one member answers /writer with 200: the members agree which (decide.py).
  ways: (inventory, cluster) => [
    {
      name: cluster.id,
      port: CLIENT_PORT,
      targets: membersOf(inventory, cluster),
      balance: "first",
      check: { port: STATE_PORT, method: "GET", uri: "/writer", every: "500ms" },
      sessions: "A former writer that lives ends its clients' sessions itself (daemon.py).",
      // A writer that leaves just after its daemon was restarted does not wait for the next one: 1.2 s without any
      // (measured), twice, and up to a second for the clock that counts whole ones.
      hold: 3,
      probe: `way to the writer of ${cluster.id}`,
    },
  ],
  // A server that takes us says "protocol 10" (a newline) in byte 5 of its greeting, an error is 255.
  answers: (address, port) =>
    `python3 -c 'import socket; s = socket.create_connection(("${address}", ${port}), 3); s.settimeout(3); assert s.recv(64)[4:5] == b"\\n", "no database answers"'`,
  idle: "Longer than MariaDB's own wait_timeout (8 h): an idle session ends where its owner knows why.",

  database: ({ id }) => ({ engine: "mariadb", name: id }),
  account: ({ id }, secret) => ({
    engine: "mariadb",
    name: id,
    secret,
    grants: [`ALL PRIVILEGES ON \`${id}\`.*`],
  }),
  // An account takes several passwords at once.
  login: (id) => id,

  questions: (inventory, cluster) =>
    membersOf(inventory, cluster).map(
      ({ id, mesh }): StateQuestion => ({
        host: id,
        urls: [`http://${mesh}:${STATE_PORT}/state`],
        read([{ wsrep, writer, name, retired }]) {
          if (retired) return { status: "retired" };
          // None while its server does not run.
          const { status = null, state = null, size = null, committed = null } = wsrep ?? {};
          return { status, state, size, committed, writer: writer === name };
        },
      }),
    ),
};
