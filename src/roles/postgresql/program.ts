/** farm-postgresql as it lies on every host of a cluster, and what it has to know there. */
import { readFileSync } from "node:fs";
import { file } from "../../host/entries.ts";
import type { Contribution, FileState } from "../../host/state.ts";
import type { Host, PostgresCluster } from "../../inventory/schema.ts";
import { agentLock } from "../agent-lock.ts";
import { listener } from "../listener.ts";
import type { RoleContext } from "../role.ts";
import { patroniPassword, SERVICE_FILE } from "./accounts.ts";
import { dynamicConfig, memberMark, OPERATOR } from "./config.ts";
import { dataHosts, hasData, partOf, voters } from "./parts.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT, REST_PORT, WRITER_PORT } from "./ports.ts";
import { initdb } from "./version.ts";

export const PROGRAM = "/usr/local/lib/farm-postgresql";
export const FOLDER = "/etc/farm/postgresql";
export const PROGRAM_CONFIG = `${FOLDER}/cluster.json`;

/** A text that lies beside this file. */
export const shipped = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

const modules = [
  "main.py",
  "decide.py",
  "host.py",
  "operate.py",
  "promote.py",
  "rewind.py",
  "state.py",
  "status.py",
  "turning.py",
  "upgrade.py",
  "versions.py",
  "votes.py",
  "watch.py",
];
/** Those that are run by themselves: by systemd and people, and by Patroni. */
const RUN = ["main.py", "rewind.py"];
export const programFiles: readonly FileState[] = [
  ...modules.map((name) =>
    file(`${PROGRAM}/${name}`, shipped(name), { mode: RUN.includes(name) ? "0755" : "0644" }),
  ),
  file(`${PROGRAM}/listener.py`, listener),
  file(`${PROGRAM}/agent_lock.py`, agentLock),
];

/** A number that is lowered does not bring former data back. */
const NOT_BACK = `! grep -qsx FARM_POSTGRESQL_VERSION=17 /var/lib/farm-postgresql/version.env || { echo 'the data here is of PostgreSQL 17: declare version 17; on the primary, farm-postgresql upgrade --back tells of the way back to 15' >&2; exit 1; }`;

/** Patroni would take it for its own, or replace it by a copy. postmaster.opts is there when a server was ever started. */
const NO_OTHER_DATA = `[ -e /var/lib/farm-postgresql/version.env ] || ! ls /var/lib/postgresql/*/*/postmaster.opts 2>/dev/null || { echo "PostgreSQL has this data already, and the cluster's would replace it: save what is needed (pg_dumpall), remove it (pg_dropcluster --stop), and bring it into the cluster when it runs" >&2; exit 1; }`;

const addresses = (hosts: readonly Host[]) => Object.fromEntries(hosts.map((h) => [h.id, h.mesh]));

/** What farm-postgresql has to know. On a host without data it does not know the password of Patroni's HTTP. */
function programConfig(context: RoleContext, cluster: PostgresCluster): string {
  const { inventory, host, secret } = context;
  const part = partOf(host, cluster);
  const data = dataHosts(inventory, cluster);
  const common = {
    cluster: cluster.id,
    name: host.id,
    address: host.mesh,
    // Who has given up its vote knows as much as one that votes alone, and asks as much.
    part: hasData(part) ? part : "witness",
    votes: addresses(voters(inventory, cluster)),
    members: addresses(data.filter((h) => cluster.members.includes(h.id))),
    replicas: addresses(data.filter((h) => cluster.replicas.includes(h.id))),
    ports: { state: REST_PORT, writer: WRITER_PORT, vote: ETCD_CLIENT_PORT, peer: ETCD_PEER_PORT },
  };
  if (!hasData(part)) return `${JSON.stringify(common, undefined, 2)}\n`;
  const server = {
    version: cluster.version,
    initdb: initdb(cluster.version),
    services: SERVICE_FILE,
    patroni: { user: OPERATOR, password: secret(patroniPassword(cluster)) },
    mark: memberMark(context, cluster),
    dynamic: dynamicConfig(context, cluster),
  };
  const own = addresses([host]);
  // What holds instead since this far copy was promoted (host.py).
  const alone =
    part === "replica" ? { alone: { part: "member", votes: own, members: own, replicas: {} } } : {};
  return `${JSON.stringify({ ...common, ...server, ...alone }, undefined, 2)}\n`;
}

/** The program, its configuration and its short name. */
export function program(context: RoleContext, cluster: PostgresCluster): Contribution {
  return {
    role: `postgresql ${cluster.id}`,
    packages: ["python3"],
    directories: [
      { path: "/etc/farm", owner: "root:root", mode: "0755" },
      { path: FOLDER, owner: "root:root", mode: "0755" },
      { path: PROGRAM, owner: "root:root", mode: "0755" },
    ],
    files: [
      file(PROGRAM_CONFIG, programConfig(context, cluster), {
        mode: "0600",
        validate: hasData(partOf(context.host, cluster))
          ? `${NO_OTHER_DATA}${cluster.version === 15 ? ` && ${NOT_BACK}` : ""}`
          : "",
      }),
      ...programFiles,
    ],
    links: [{ path: "/usr/local/sbin/farm-postgresql", target: `${PROGRAM}/main.py` }],
  };
}
