/** What a move asks of each kind of cluster. */
import type { MemberState } from "../../clusters/kind.ts";
import { dataHostsOf } from "../../inventory/clusters.ts";
import type { Cluster } from "../../inventory/schema.ts";

interface MoveOfKind {
  /** Whether a host of the cluster does its part and sees all others that have the data do theirs; `all` is what all say. */
  readonly inStep: (state: MemberState, cluster: Cluster, all: readonly MemberState[]) => boolean;
  /** What keeps a host from leaving that says this, and the command by which it is done there; undefined for nothing. */
  readonly beforeLeaving: (
    state: MemberState,
  ) => { readonly why: string; readonly command: string } | undefined;
}

/** Whether a host has left its cluster already, and only the declaration has it still. */
export const hasRetired = ({ status }: MemberState): boolean => status === "retired";

/** Bytes that a copy may be behind: what a copy for reading may (README, "PostgreSQL"). */
const LATE = 16 * 2 ** 20;

const KINDS: Readonly<Record<Cluster["software"], MoveOfKind>> = {
  mariadb: {
    inStep: (member, cluster, all) => {
      const present = cluster.members.length - all.filter(hasRetired).length;
      const { status, state, size } = member;
      return hasRetired(member) || (status === "Primary" && state === "Synced" && size === present);
    },
    beforeLeaving: (state) =>
      hasRetired(state) ? undefined : { why: "is still in", command: "farm-galera retire" },
  },
  postgresql: {
    inStep: ({ host, status, state, size, lag, writer }, cluster) => {
      if (!dataHostsOf(cluster).includes(host)) return status === "vote" && state === "healthy";
      const follows = state === "streaming" && lag !== null && lag <= LATE;
      return size === dataHostsOf(cluster).length && (writer || follows);
    },
    beforeLeaving: ({ writer }) =>
      writer ? { why: "takes the writes of", command: "farm-postgresql switchover" } : undefined,
  },
};

export const moveOf = ({ software }: Cluster): MoveOfKind => KINDS[software];
