/** What a move asks of each kind of cluster. */
import type { MemberState } from "../../clusters/kind.ts";
import { dataHostsOf } from "../../inventory/clusters.ts";
import type { Cluster } from "../../inventory/schema.ts";

interface MoveOfKind {
  /** Whether a host of the cluster does its part and sees all others that have the data do theirs. */
  readonly inStep: (state: MemberState, cluster: Cluster) => boolean;
  /** The command that hands the writes over, on the host that takes them. */
  readonly handOver: string;
}

/** Bytes that a copy may be behind: what a copy for reading may (README, "PostgreSQL"). */
const LATE = 16 * 2 ** 20;

const KINDS: Readonly<Record<Cluster["software"], MoveOfKind>> = {
  mariadb: {
    inStep: ({ status, state, size }, cluster) =>
      status === "Primary" && state === "Synced" && size === cluster.members.length,
    handOver: "farm-galera leave",
  },
  postgresql: {
    inStep: ({ host, status, state, size, lag, writer }, cluster) => {
      if (!dataHostsOf(cluster).includes(host)) return status === "vote" && state === "healthy";
      const follows = state === "streaming" && lag !== null && lag <= LATE;
      return size === dataHostsOf(cluster).length && (writer || follows);
    },
    handOver: "farm-postgresql switchover",
  },
};

export const moveOf = ({ software }: Cluster): MoveOfKind => KINDS[software];
