/** A vote in etcd, which says who may write. */
import { file, unit } from "../../host/entries.ts";
import type { ConnectState, Contribution, ListenState } from "../../host/state.ts";
import { partsOf } from "../../inventory/clusters.ts";
import type { Host, PostgresCluster } from "../../inventory/schema.ts";
import { MESH_INTERFACE } from "../mesh.ts";
import type { RoleContext } from "../role.ts";
import { dataHosts, partOf } from "./parts.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT, WRITER_PORT } from "./ports.ts";
import { FOLDER, shipped } from "./program.ts";

const ENVIRONMENT = `${FOLDER}/etcd.env`;
const DROP_IN = "/etc/systemd/system/etcd.service.d/60-farm.conf";

/** etcd's settings that depend on the host alone. With whom it forms or joins a cluster, farm-postgresql finds out. */
function environment(host: Host, cluster: PostgresCluster): string {
  const client = `http://${host.mesh}:${ETCD_CLIENT_PORT}`;
  const peer = `http://${host.mesh}:${ETCD_PEER_PORT}`;
  return `# Vote of ${host.id} in the cluster ${cluster.id}
ETCD_NAME=${host.id}
# Not Debian's default: who starts etcd by hand without these settings makes a cluster of one there.
ETCD_DATA_DIR=/var/lib/etcd/${cluster.id}
ETCD_INITIAL_CLUSTER_TOKEN=${cluster.id}
ETCD_LISTEN_CLIENT_URLS=${client}
ETCD_ADVERTISE_CLIENT_URLS=${client}
ETCD_LISTEN_PEER_URLS=${peer}
ETCD_INITIAL_ADVERTISE_PEER_URLS=${peer}
# Milliseconds. Members are at most some 10 ms apart; the rest is for machines that are busy.
ETCD_HEARTBEAT_INTERVAL=200
ETCD_ELECTION_TIMEOUT=1500
# Patroni writes each few seconds and reads no old revision.
ETCD_AUTO_COMPACTION_MODE=periodic
ETCD_AUTO_COMPACTION_RETENTION=1h
ETCD_QUOTA_BACKEND_BYTES=268435456
ETCD_SNAPSHOT_COUNT=10000
`;
}

/**
 * A vote, without probe and gate: those are one for all that a host does in the cluster. A far copy has all of it but does
 * not vote: the day it is promoted, nothing has to be fetched or opened, and the next votes can join it. Nor does a former
 * witness, whom the others go on hearing until each has been changed: most often it leads them, and who is cut off from the
 * leader has none.
 */
export function vote({ inventory, host }: RoleContext, cluster: PostgresCluster): Contribution {
  const service = "etcd";
  const others = inventory.hosts.filter((h) => h.id !== host.id && partsOf(cluster).includes(h.id));
  const copies = others.filter((h) => cluster.replicas.includes(h.id));
  const to = (target: Host, port: number, name = service): ConnectState => ({
    service: name,
    protocol: "tcp",
    port,
    to: { kind: "host", host: target.id },
  });
  const part = partOf(host, cluster);
  const idle = part === "replica" || part === "former";
  const when = part === "replica" ? "once promoted" : "until the others have taken its vote out";
  return {
    role: `postgresql ${cluster.id}`,
    packages: ["etcd-server", "etcd-client"],
    files: [
      file(ENVIRONMENT, environment(host, cluster)),
      file(DROP_IN, shipped("etcd.conf").replaceAll("wg0", MESH_INTERFACE)),
    ],
    units: [
      idle
        ? unit("etcd.service", { state: "masked", enabled: false })
        : unit("etcd.service", { restartOn: [ENVIRONMENT, DROP_IN, "package:etcd-server"] }),
    ],
    listens: [ETCD_CLIENT_PORT, ETCD_PEER_PORT].map(
      (port): ListenState => ({
        ...{ service, protocol: "tcp", port, reach: "mesh" },
        ...(idle ? { when } : {}),
      }),
    ),
    connects: [
      ...others.flatMap((h) => [to(h, ETCD_CLIENT_PORT), to(h, ETCD_PEER_PORT)]),
      // Whether one was promoted.
      ...copies.map((h) => to(h, WRITER_PORT, "postgresql")),
    ],
  };
}

/** The other hosts with data. */
export const otherData = ({ inventory, host }: RoleContext, cluster: PostgresCluster): Host[] =>
  dataHosts(inventory, cluster).filter((h) => h.id !== host.id);
