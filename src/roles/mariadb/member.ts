/** A member of a MariaDB Galera cluster, and the daemon that decides when it may start. */
import { readFileSync } from "node:fs";
import { file } from "../../host/entries.ts";
import type { ConnectState, FileState, ListenState } from "../../host/state.ts";
import { agentLock } from "../agent-lock.ts";
import { listener } from "../listener.ts";
import { MESH_INTERFACE } from "../mesh.ts";
import type { ClusterRole } from "../role.ts";
import { daemonConfig, membersOf, serverConfig } from "./config.ts";
import { CLIENT_PORT, IST_PORT, REPLICATION_PORT, SST_PORT, STATE_PORT } from "./ports.ts";

const SERVER_CONFIG = "/etc/mysql/mariadb.conf.d/80-farm.cnf";
const DROP_IN = "/etc/systemd/system/mariadb.service.d/60-farm.conf";
const DAEMON_CONFIG = "/etc/farm/galera.json";
const DAEMON_UNIT = "/etc/systemd/system/farm-galera.service";
const PROGRAM = "/usr/local/lib/farm-galera";

const shipped = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
const modules = ["main.py", "daemon.py", "decide.py", "server.py"].map((name) => ({
  name,
  content: shipped(name),
}));
const unitText = shipped("farm-galera.service");

const dropIn = `# Only farm-galera starts MariaDB, once it has found out that this is safe. Whether the start founds or re-forms the
# cluster, it says in an environment file.
[Unit]
# The cluster is left in good order, while the mesh is still up.
After=wg-quick@${MESH_INTERFACE}.service

[Service]
Restart=no
EnvironmentFile=-/run/farm-galera/bootstrap
`;

const programFiles: readonly FileState[] = [
  ...modules,
  { name: "listener.py", content: listener },
  { name: "agent_lock.py", content: agentLock },
].map(({ name, content }) =>
  file(`${PROGRAM}/${name}`, content, { mode: name === "main.py" ? "0755" : "0644" }),
);

const service = "mariadb";
/**
 * A member's data comes from its cluster, in place of what is there. grastate.dat is Galera's own: a server without it was
 * never part of one.
 */
const NO_OTHER_DATA = `[ -e /var/lib/mysql/grastate.dat ] || ! ls -d /var/lib/mysql/*/ 2>/dev/null | grep -vE '/(mysql|performance_schema|sys|#.*)/$' || { echo "MariaDB has these databases already, and the cluster's data would replace them: save them (mariadb-dump), drop them here, and bring them into the cluster when it runs" >&2; exit 1; }`;
/** Ports on which members talk to each other. */
const peerPorts = [STATE_PORT, REPLICATION_PORT, IST_PORT, SST_PORT];

/**
 * A Galera member. mariadb.service is never started by boot or by the agent but by farm-galera.service, which first
 * makes sure who holds the newest data; see decide.py for the rules and main.py for what an operator can tell it.
 * It needs no secret and no account of its own.
 */
export const mariadbMember: ClusterRole = ({ inventory, host }, cluster) => {
  const peers = membersOf(inventory, cluster).filter((member) => member.id !== host.id);
  return {
    role: `mariadb ${cluster.id}`,
    packages: ["curl", "galera-4", "mariadb-backup", "mariadb-server", "python3", "socat"],
    directories: [
      { path: "/etc/farm", owner: "root:root", mode: "0755" },
      { path: PROGRAM, owner: "root:root", mode: "0755" },
    ],
    files: [
      file(SERVER_CONFIG, serverConfig(inventory, host, cluster), {
        validate: "mariadbd --defaults-file=%s --user=mysql --help --verbose >/dev/null",
      }),
      file(DROP_IN, dropIn),
      file(DAEMON_CONFIG, daemonConfig(inventory, host, cluster), { validate: NO_OTHER_DATA }),
      file(DAEMON_UNIT, unitText),
      ...programFiles,
    ],
    links: [{ path: "/usr/local/sbin/farm-galera", target: `${PROGRAM}/main.py` }],
    units: [
      { name: "mariadb.service", state: "unmanaged", enabled: false, restartOn: [], reloadOn: [] },
      {
        name: "farm-galera.service",
        state: "running",
        enabled: true,
        restartOn: [DAEMON_CONFIG, DAEMON_UNIT, ...programFiles.map((f) => f.path)],
        reloadOn: [SERVER_CONFIG, "package:mariadb-server", "package:galera-4"],
      },
    ],
    listens: [CLIENT_PORT, ...peerPorts].map(
      (port): ListenState => ({
        ...{ service, protocol: "tcp", port, reach: "mesh" },
        ...(port === IST_PORT || port === SST_PORT ? { when: "during a transfer" } : {}),
      }),
    ),
    connects: peers.flatMap((peer) =>
      peerPorts.map(
        (port): ConnectState => ({ service, protocol: "tcp", port, to: { kind: "host", host: peer.id } }),
      ),
    ),
    gates: [
      {
        name: `the other members of ${cluster.id} serve`,
        command: "farm-galera may-change",
        // One that has just been changed may be catching up; its own probe has a limit of 90 s.
        within: 90,
      },
    ],
    probes: [
      {
        name: `mariadb ${cluster.id} in sync`,
        command: `curl -sS --noproxy '*' --max-time 5 --fail-with-body http://${host.mesh}:${STATE_PORT}/`,
        // A crashed member recovers and joins by IST in 5 to 21 s, a whole cluster re-forms in up to 36 s (measured).
        within: 90,
      },
    ],
  };
};
