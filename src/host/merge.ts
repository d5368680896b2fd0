import { FarmError } from "../shell/errors.ts";
import type { Contribution, HostState, Owned } from "./state.ts";

/** The lists of a contribution that hold entries (packages are plain names). */
type EntryList = Exclude<keyof HostState, "host" | "packages">;

/** What names the one thing that an entry is about; two different entries of one name are a conflict. */
const nameOf: { [K in EntryList]: (entry: HostState[K][number]) => string } = {
  files: (f) => `file ${f.path}`,
  directories: (d) => `directory ${d.path}`,
  links: (l) => `link ${l.path}`,
  accounts: (a) => `account ${a.name}`,
  sysctls: (s) => `sysctl ${s.key}`,
  units: (u) => `unit ${u.name}`,
  // Also of two engines: a bundle has one entry of a name.
  databases: (d) => `database ${d.name}`,
  databaseAccounts: (a) => `database account ${a.name}`,
  versions: (v) => `version of ${v.source}`,
  founding: (f) => `founding of ${f.role}`,
  gates: (g) => `gate "${g.name}"`,
  probes: (p) => `probe "${p.name}"`,
  // Loopback and the rest are different sockets: an application and its local proxy may share a number.
  listens: (l) => `port ${l.port}/${l.protocol}${l.reach === "local" ? " on loopback" : ""}`,
  connects: (c) => `connection ${c.service} ${c.port}/${c.protocol} ${JSON.stringify(c.to)}`,
  rotations: (r) => `rotation of ${r.secret}`,
};

const content = (entry: Owned<object>): string => JSON.stringify({ ...entry, role: "" });

function conflict(host: string, name: string, first: string, second: string): never {
  throw new FarmError(
    `host ${host}: roles "${first}" and "${second}" both want ${name}, and differ`,
    "let one of them own it, or make both say the same",
    2,
  );
}

/** Joins one list of all roles: equal entries become one, different ones for the same thing are refused. */
function mergeList<K extends EntryList>(
  host: string,
  list: K,
  contributions: readonly Contribution[],
): HostState[K] {
  const name = nameOf[list] as (entry: Owned<object>) => string;
  const merged = new Map<string, Owned<object>>();
  for (const contribution of contributions) {
    for (const entry of (contribution[list] ?? []) as readonly object[]) {
      const owned = { ...entry, role: contribution.role };
      const key = name(owned);
      const other = merged.get(key);
      if (other === undefined) merged.set(key, owned);
      else if (content(other) !== content(owned)) conflict(host, key, other.role, owned.role);
    }
  }
  const sorted = [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  return sorted as unknown as HostState[K];
}

/** A unit reacts only to files and packages of this host, and a path is either a file, a directory or a link. */
function checkReferences(state: HostState): void {
  const inputs = new Set([...state.files.map((f) => f.path), ...state.packages.map((p) => `package:${p}`)]);
  for (const unit of state.units)
    for (const path of [...unit.restartOn, ...unit.reloadOn])
      if (!inputs.has(path))
        throw new FarmError(
          `host ${state.host}: unit ${unit.name} of role "${unit.role}" reacts to ${path}, which no role brings here`,
          "write the file or name the package in the same role, or drop it from restartOn or reloadOn",
          2,
        );

  const owners = new Map<string, string>();
  for (const { path, role } of [...state.files, ...state.directories, ...state.links]) {
    const other = owners.get(path);
    if (other !== undefined) conflict(state.host, path, other, role);
    owners.set(path, role);
  }
}

/** The bundle is read line by line, so what stands on one line must be one line. */
function checkFiles(state: HostState): void {
  for (const file of state.files) {
    const flaw = !file.content.endsWith("\n")
      ? "does not end with a newline"
      : file.content.endsWith("\n\n")
        ? "ends with an empty line"
        : undefined;
    if (flaw !== undefined && file.content !== "\n")
      throw new FarmError(
        `host ${state.host}: ${file.path} of role "${file.role}" ${flaw}`,
        "end the content with exactly one newline",
        2,
      );
  }
}

/**
 * Joins what all roles want of one host into its desired state, every list sorted by name.
 * Equal wishes count once. Throws a FarmError (exit code 2) that names both roles when two want different things of
 * one file, unit, port, account…, and one that names the role for a reference to a file that is not there.
 */
export function merge(host: string, contributions: readonly Contribution[]): HostState {
  const list = <K extends EntryList>(name: K): HostState[K] => mergeList(host, name, contributions);
  const state: HostState = {
    host,
    packages: [...new Set(contributions.flatMap((c) => c.packages ?? []))].sort(),
    versions: list("versions"),
    files: list("files"),
    directories: list("directories"),
    links: list("links"),
    accounts: list("accounts"),
    sysctls: list("sysctls"),
    units: list("units"),
    databases: list("databases"),
    databaseAccounts: list("databaseAccounts"),
    founding: list("founding"),
    gates: list("gates"),
    probes: list("probes"),
    listens: list("listens"),
    connects: list("connects"),
    rotations: list("rotations"),
  };
  checkReferences(state);
  checkFiles(state);
  return state;
}
