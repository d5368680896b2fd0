/**
 * The desired state of one host, as plain data. Roles contribute parts of it (`Contribution`), `merge`
 * joins them, `bundle` prints the result as the one text that the agent on the host makes true.
 *
 * Wherever a text holds a secret it names it as `${secret:NAME}`; the value travels apart.
 */

/** A file that is wholly ours. Its content ends with a newline. */
export interface FileState {
  readonly path: string;
  /** `user:group` by name. */
  readonly owner: string;
  /** Four octal digits, "0644". */
  readonly mode: string;
  readonly content: string;
  /**
   * Shell command that exits 0 when the content is good. It runs before anything is switched; `%s` is the
   * staged copy of this file and `%d` a directory in which all staged files lie under their full paths.
   */
  readonly validate?: string;
  /** Whether a mistake in it can shut administrators out: the host undoes a change that is not confirmed from outside. */
  readonly confirm?: boolean;
}

export interface DirectoryState {
  readonly path: string;
  readonly owner: string;
  readonly mode: string;
}

/** A symbolic link that is ours, such as a site that is switched on. */
export interface LinkState {
  readonly path: string;
  readonly target: string;
}

/**
 * A systemd unit. `running` units are started, `stopped` ones stopped, `masked` ones stopped and masked; whether
 * an `unmanaged` one runs is somebody else's business (a daemon of ours, say), only `enabled` is kept.
 * A running unit is restarted when one of `restartOn` changed, else reloaded when one of `reloadOn` did.
 */
export interface UnitState {
  readonly name: string;
  readonly state: "running" | "stopped" | "masked" | "unmanaged";
  /** Whether it starts at boot. */
  readonly enabled: boolean;
  /** As of a file. */
  readonly confirm?: boolean;
  /** Paths of files of this host, and packages of it as `package:NAME`, whose version then counts. */
  readonly restartOn: readonly string[];
  readonly reloadOn: readonly string[];
}

/** A person's or a service's account. Keys are files of the base role; there are no passwords. */
export interface AccountState {
  readonly name: string;
  readonly comment: string;
  readonly shell: string;
  readonly home: string;
  /** Supplementary groups. */
  readonly groups: readonly string[];
  readonly system: boolean;
}

export interface SysctlState {
  readonly key: string;
  readonly value: string;
}

/** A database in the cluster that this host is a member of. */
export type DatabaseState =
  | { readonly engine: "mariadb"; readonly name: string }
  | {
      readonly engine: "postgresql";
      /** Also the name of the role that owns it, by which nobody logs in. */
      readonly name: string;
      /** Extensions that it has at least. */
      readonly extensions: readonly string[];
    };

/** An account of a database. */
export type DatabaseAccountState =
  | {
      readonly engine: "mariadb";
      readonly name: string;
      /** Name of the secret that is its password. */
      readonly secret: string;
      /** Complete privilege clauses, "ALL PRIVILEGES ON `pravka`.*". */
      readonly grants: readonly string[];
    }
  | {
      readonly engine: "postgresql";
      /**
       * The role that owns the database of this name. Who logs in is another role, a member of it: NAME_GENERATION, by the
       * generation of the secret, so that a former and a present password are good at once.
       */
      readonly name: string;
      readonly secret: string;
      /** Connections that it may hold at once; undefined is as many as there are. */
      readonly connections?: number | undefined;
    };

/** A version to which a host is held: of all packages that are built from this source package of Debian's. */
export interface VersionState {
  readonly source: string;
  readonly version: string;
}

/** A question with a yes or no answer, asked after each change and by whoever wants to know the health. */
export interface ProbeState {
  readonly name: string;
  /** Shell command, exit 0 means healthy; its output explains a failure. */
  readonly command: string;
  /** How long it may take, from the change on, until the answer is yes. Seconds. */
  readonly within: number;
}

/**
 * A question that is asked before a host is changed, such as whether the other members of its quorum are well. No means
 * that nothing is touched. As a probe, else.
 */
export type GateState = ProbeState;

/**
 * What some roles do takes other hosts that are changed later, as a database cluster that none of its members is part of
 * yet. Until then such a role is only begun here: nobody waits for its units, databases and probes.
 */
export interface FoundingState {
  /** Shell command, exit 0 while that is so; its output says who is waited for. */
  readonly command: string;
  /**
   * Shell command that completes here, once all hosts are changed, what was only begun; it may be run again. Without it the
   * change of a later host does.
   */
  readonly complete?: string;
}

/**
 * What is left to do on this host for a secret whose generation was raised, once every host has its new configuration.
 * Commands for the shell; they may be run again, and change with the generation alone.
 */
export interface RotationState {
  /** The secret's name. */
  readonly secret: string;
  /** Begins to use the new value, which all others know by now. */
  readonly turn?: string;
  /** Refuses former values, which nobody uses any more: all turns are done. */
  readonly retire?: string;
}

/**
 * Who may reach a port. `world`: anybody; `mesh` and `underlay`: the hosts that declare that they connect, through
 * the mesh or by their addresses outside it; `local`: this host alone.
 */
export type Reach = "world" | "mesh" | "underlay" | "local";

/** A port that a service of this host listens on. */
export interface ListenState {
  readonly service: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly reach: Reach;
  /** Where the port is not open at all times: when it is, in English, as "during a transfer". Let in always. */
  readonly when?: string;
}

/**
 * A connection that this host opens. `host`: another host's port over the mesh; `underlay`: the same by the
 * address outside the mesh; `address`: an address or range from configuration; `internet`: anywhere.
 */
export interface ConnectState {
  readonly service: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly to:
    | { readonly kind: "host"; readonly host: string }
    | { readonly kind: "underlay"; readonly host: string }
    | { readonly kind: "address"; readonly address: string }
    | { readonly kind: "internet" };
}

/** What one role wants of one host. Everything is optional; see the types of the parts. */
export interface Contribution {
  readonly role: string;
  readonly packages?: readonly string[];
  readonly versions?: readonly VersionState[];
  readonly files?: readonly FileState[];
  readonly directories?: readonly DirectoryState[];
  readonly links?: readonly LinkState[];
  readonly accounts?: readonly AccountState[];
  readonly sysctls?: readonly SysctlState[];
  readonly units?: readonly UnitState[];
  readonly databases?: readonly DatabaseState[];
  readonly databaseAccounts?: readonly DatabaseAccountState[];
  readonly founding?: readonly FoundingState[];
  readonly gates?: readonly GateState[];
  readonly probes?: readonly ProbeState[];
  readonly listens?: readonly ListenState[];
  readonly connects?: readonly ConnectState[];
  readonly rotations?: readonly RotationState[];
}

/** An entry together with the role that wants it, so that a reader and a conflict message can say who. */
export type Owned<T> = T & { readonly role: string };

/** The whole of one host: every list sorted, no two entries for one thing. */
export interface HostState {
  readonly host: string;
  readonly packages: readonly string[];
  readonly versions: readonly Owned<VersionState>[];
  readonly files: readonly Owned<FileState>[];
  readonly directories: readonly Owned<DirectoryState>[];
  readonly links: readonly Owned<LinkState>[];
  readonly accounts: readonly Owned<AccountState>[];
  readonly sysctls: readonly Owned<SysctlState>[];
  readonly units: readonly Owned<UnitState>[];
  readonly databases: readonly Owned<DatabaseState>[];
  readonly databaseAccounts: readonly Owned<DatabaseAccountState>[];
  /** One a role. */
  readonly founding: readonly Owned<FoundingState>[];
  readonly gates: readonly Owned<GateState>[];
  readonly probes: readonly Owned<ProbeState>[];
  readonly listens: readonly Owned<ListenState>[];
  readonly connects: readonly Owned<ConnectState>[];
  readonly rotations: readonly Owned<RotationState>[];
}
