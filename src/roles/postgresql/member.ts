/** A host with the data of a PostgreSQL cluster: a member, which may come to take the writes, or a far copy. */
import { file, unit } from "../../host/entries.ts";
import type { ConnectState, Contribution, ListenState } from "../../host/state.ts";
import type { PostgresCluster } from "../../inventory/schema.ts";
import { MESH_INTERFACE } from "../mesh.ts";
import type { ClusterRole, RoleContext } from "../role.ts";
import { SERVICE_FILE } from "./accounts.ts";
import { FIRST_ACCOUNTS, firstAccounts, patroniConfig, serviceFile } from "./config.ts";
import { partOf, postgres } from "./parts.ts";
import { CLIENT_PORT, ETCD_CLIENT_PORT, REST_PORT, WRITER_PORT } from "./ports.ts";
import { PROGRAM_CONFIG, program, programFiles, shipped } from "./program.ts";
import { aptSources, serverPackage } from "./version.ts";
import { otherData, vote } from "./vote.ts";

const PATRONI_CONFIG = "/etc/patroni/config.yml";
const DROP_IN = "/etc/systemd/system/patroni.service.d/60-farm.conf";
const WATCH_UNIT = "/etc/systemd/system/farm-postgresql.service";
/**
 * Patroni's check also connects to etcd, and hangs where a vote is off: so it is given votes that refuse at once, and what
 * it says about them is left out.
 */
const VALIDATE = [
  `sed '/:${ETCD_CLIENT_PORT}"$/s/"[0-9.]*:/"127.0.0.1:/' %s >%s.near`,
  `! patroni --validate-config --ignore-listen-port %s.near 2>&1 | grep -v '127.0.0.1:${ETCD_CLIENT_PORT} is not reachable$'`,
].join(" && ");
/** Of a far copy that was promoted: the same as for a cluster of one. The agent knows far copies by it. */
const ALONE = "/etc/patroni/alone.yml";
/** A copy that was promoted takes no declaration in which it is a copy. */
const VALIDATE_COPY = `if [ -e /var/lib/farm-postgresql/promoted.json ]; then farm-postgresql may-copy; fi && ${VALIDATE}`;
const service = "postgresql";

/** The server, Patroni, which runs it, and what watches over both. */
function server(context: RoleContext, cluster: PostgresCluster): Contribution {
  const secretive = { owner: "root:postgres", mode: "0640" };
  const ports = [CLIENT_PORT, REST_PORT, WRITER_PORT];
  const replica = partOf(context.host, cluster) === "replica";
  return {
    role: `postgresql ${cluster.id}`,
    // Patroni without python3-etcd knows no etcd.
    packages: ["patroni", serverPackage(cluster.version), "python3-etcd", "python3-psycopg2"],
    directories: [{ path: "/etc/patroni", owner: "root:root", mode: "0755" }],
    files: [
      // Debian's packages make a cluster `main` when they are installed; not any more from here on, and the first one
      // is dropped before it was ever started (prepare-data).
      file("/etc/postgresql-common/createcluster.conf", shipped("createcluster.conf")),
      file(PATRONI_CONFIG, patroniConfig(context, cluster), {
        ...secretive,
        validate: replica ? VALIDATE_COPY : VALIDATE,
      }),
      ...(replica
        ? [file(ALONE, patroniConfig(context, cluster, true), { ...secretive, validate: VALIDATE })]
        : []),
      file(FIRST_ACCOUNTS, firstAccounts(context, cluster), secretive),
      file(SERVICE_FILE, serviceFile(context, cluster), { mode: "0600" }),
      file(DROP_IN, shipped("patroni.conf").replaceAll("wg0", MESH_INTERFACE)),
      file(WATCH_UNIT, shipped("farm-postgresql.service")),
      ...aptSources(cluster.version),
    ],
    units: [
      // It starts what Debian's tools know of; only Patroni may start PostgreSQL here.
      unit("postgresql.service", { state: "masked", enabled: false }),
      unit("patroni.service", {
        // A stop of Patroni hands over too. When this host's vote was away, Patroni has turned to another one for good.
        restartOn: [DROP_IN, "package:patroni", "package:etcd-server"],
        reloadOn: [PATRONI_CONFIG, `package:${serverPackage(cluster.version)}`],
      }),
      unit("farm-postgresql.service", {
        restartOn: [WATCH_UNIT, PROGRAM_CONFIG, ...programFiles.map((f) => f.path)],
      }),
    ],
    listens: ports.map((port): ListenState => ({ service, protocol: "tcp", port, reach: "mesh" })),
    connects: otherData(context, cluster).flatMap((h) =>
      ports.map(
        (port): ConnectState => ({ service, protocol: "tcp", port, to: { kind: "host", host: h.id } }),
      ),
    ),
  };
}

/**
 * A member (data and vote) or a replica (data alone, never the one that confirms a write, never promoted by itself).
 * Patroni alone starts and stops PostgreSQL; etcd says who may write. See decide.py and main.py for what the farm adds.
 */
export const postgresData: ClusterRole = (context, declared) => {
  const cluster = postgres(declared);
  const member = partOf(context.host, cluster) === "member";
  const parts = [program(context, cluster), server(context, cluster), vote(context, cluster)];
  const all = <K extends "packages" | "directories" | "files" | "links" | "units" | "listens" | "connects">(
    list: K,
  ) =>
    parts.flatMap((part): readonly unknown[] => part[list] ?? []) as unknown as NonNullable<Contribution[K]>;
  return {
    role: `postgresql ${cluster.id}`,
    packages: all("packages"),
    directories: all("directories"),
    files: all("files"),
    links: all("links"),
    units: all("units"),
    listens: all("listens"),
    connects: all("connects"),
    gates: member
      ? [
          {
            name: `the other hosts of ${cluster.id} can do without this one`,
            command: "farm-postgresql may-change",
            // One that has just been changed may be catching up; its own probe has a limit of 90 s.
            within: 90,
          },
        ]
      : [],
    probes: [
      {
        name: `postgresql ${cluster.id} serves`,
        command: "farm-postgresql ready",
        within: 90,
      },
    ],
  };
};
