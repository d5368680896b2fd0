/**
 * What a kind of database cluster has to say of itself. All that clusters share (proxies, accounts, waves, component,
 * status) is made from this; a further kind is a file with one of these, and a line in kinds.ts.
 */
import type { Contribution, DatabaseAccountState, DatabaseState } from "../host/state.ts";
import type { DatabaseUse } from "../inventory/clusters.ts";
import type { Cluster, Host, Inventory } from "../inventory/schema.ts";
import type { RoleContext } from "../roles/role.ts";

/** A way that a client host's own proxy offers to some hosts of a cluster. */
export interface ProxyWay {
  /** Name of its section in HAProxy's configuration. */
  readonly name: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly targets: readonly Host[];
  /** Who of the targets gets a session: the first that is up, or the one with the fewest. */
  readonly balance: "first" | "leastconn";
  /** A target is up while this answers 200, asked each `every`. */
  readonly check: {
    readonly port: number;
    readonly method: "GET" | "OPTIONS";
    readonly uri: string;
    readonly every: string;
  };
  /** What becomes of sessions with a target that is no longer to be used: a sentence for the configuration. */
  readonly sessions: string;
  /** How long a new session waits while no target is up, seconds; without it, it is refused at once. */
  readonly hold?: number;
  /** Name of the probe by which a client host is unwell while the way leads nowhere; no name, no probe. */
  readonly probe?: string;
}

/** What a host says of its part in a cluster; null where it has no answer, or its kind of cluster has no such thing. */
export interface MemberState {
  readonly host: string;
  /** Its standing among the others, in its software's words. */
  readonly status: string | null;
  /** How it is, in its software's words. */
  readonly state: string | null;
  /** How many hosts it sees at work, itself among them. */
  readonly size: number | null;
  /** How far its data goes: a number that grows with each write. */
  readonly committed: number | null;
  /** How far it is behind the writer, bytes. */
  readonly lag: number | null;
  /** Whether it takes the writes. */
  readonly writer: boolean;
}

/** How a host is asked for its state. */
export interface StateQuestion {
  readonly host: string;
  /** Asked on the host itself; each answers with JSON on one line. */
  readonly urls: readonly string[];
  /** What the answers say, in the order of `urls`. May throw where they are not as expected. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of other people's programs
  readonly read: (answers: readonly any[]) => Partial<MemberState>;
}

export interface ClusterKind {
  /** Type of its component, as engine and state know it. */
  readonly token: string;
  /** Patterns of packages that are upgraded host by host, with all care, and never by themselves. */
  readonly packages: readonly string[];
  /** Port of the database on the hosts with the data. */
  readonly port: number;
  /** What a host needs for its part in a cluster: it is one of `partsOf(cluster)`. */
  readonly part: (context: RoleContext, cluster: Cluster) => readonly Contribution[];
  /** What a host needs for clusters that it has no part in, such as one whose guests have. */
  readonly beside?: (context: RoleContext) => readonly Contribution[];
  /**
   * Shell command that exits 0 on a host of a cluster while nobody has founded that, and some of the hosts `later`, which
   * are changed after it, are not there to do it yet.
   */
  readonly founding: (later: readonly string[]) => string;
  /** What a host needs besides its proxy whose applications use such a cluster. */
  readonly client?: (context: RoleContext, cluster: Cluster) => readonly Contribution[];
  readonly ways: (inventory: Inventory, cluster: Cluster) => readonly ProxyWay[];
  /** Shell command that exits 0 when a server takes clients there, which needs no account. python3 is all it uses. */
  readonly answers: (address: string, port: number) => string;
  /** When the server ends idle sessions by itself, for the proxy's own limit: a sentence for the configuration. */
  readonly idle: string;
  readonly database: (use: DatabaseUse) => DatabaseState;
  /** The account of a database's name; `secret` is the name of its password. */
  readonly account: (use: DatabaseUse, secret: string) => DatabaseAccountState;
  /** Name by which clients log in that have the password of a generation. */
  readonly login: (id: string, generation: number) => string;
  readonly questions: (inventory: Inventory, cluster: Cluster) => readonly StateQuestion[];
}
