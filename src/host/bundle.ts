import type { HostState } from "./state.ts";

/** Version of the bundle's grammar. The agent refuses another one. */
export const BUNDLE_VERSION = 1;

/** Indents lines, but for blank ones. No array of lines: the bundles of 1,000 hosts have millions. */
const indent = (text: string, by: string): string =>
  text.replace(/\n$/, "").replace(/(^|\n)(?=[^\n])/g, `$1${by}`);

/** Most of what a farm's bundles are made of stands on many hosts, and is indented once. */
const indented = new Map<string, string>();
/** Entries, so that what differs by host does not stay in memory. */
const MOST_INDENTED = 200;

function contentOf(text: string): string {
  const known = indented.get(text);
  if (known !== undefined) return known;
  if (indented.size === MOST_INDENTED) indented.clear();
  const made = indent(text, "        ");
  indented.set(text, made);
  return made;
}

function countBreaks(text: string): number {
  let breaks = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) breaks += 1;
  return breaks;
}

/** One entry: a head line, then `key: value` lines; empty values are left out. */
function entry(head: string, fields: Record<string, string | undefined>): string {
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `    ${key}: ${value}`);
  return [head, ...lines].join("\n");
}

/**
 * Prints a host's desired state as the bundle: a text for people to review and for the agent to apply.
 *
 * Grammar: a first line `farm bundle VERSION for HOST`; then entries separated by one blank line, each a head line
 * `KIND NAME` followed by lines indented by four spaces (`key: value`; lists are joined by one space; a file ends
 * with `content:` whose lines are indented by eight spaces, blank lines stay blank); last, `end N` with the number
 * of lines before it, by which the agent knows a bundle that was cut short.
 * `secrets` are the secrets that the state has the places of, with their generations: a raised generation changes
 * the bundle, and so makes the host take up the new value. Connections are not part of it: the firewall role has turned them into rules.
 */
export function bundle(state: HostState, secrets: ReadonlyMap<string, number>): string {
  const entries: string[] = [`farm bundle ${BUNDLE_VERSION} for ${state.host}`];
  const add = (head: string, fields: Record<string, string | undefined> = {}) =>
    entries.push(entry(head, fields));

  if (state.packages.length > 0) entries.push(`packages\n${indent(state.packages.join("\n"), "    ")}`);
  for (const v of state.versions) add(`version ${v.source}`, { version: v.version });
  for (const [name, generation] of [...secrets].sort(([a], [b]) => (a < b ? -1 : 1)))
    add(`secret ${name}`, { generation: String(generation) });
  for (const a of state.accounts)
    add(`account ${a.name}`, {
      role: a.role,
      comment: a.comment,
      shell: a.shell,
      home: a.home,
      groups: a.groups.join(" "),
      system: a.system ? "yes" : "no",
    });
  for (const d of state.directories)
    add(`directory ${d.path}`, { role: d.role, owner: d.owner, mode: d.mode });
  for (const l of state.links) add(`link ${l.path}`, { role: l.role, target: l.target });
  for (const f of state.files) {
    const head = entry(`file ${f.path}`, {
      role: f.role,
      owner: f.owner,
      mode: f.mode,
      validate: f.validate,
      confirm: f.confirm ? "yes" : undefined,
    });
    entries.push(`${head}\n    content:\n${contentOf(f.content)}`);
  }
  for (const s of state.sysctls) add(`sysctl ${s.key}`, { role: s.role, value: s.value });
  for (const u of state.units)
    add(`unit ${u.name}`, {
      role: u.role,
      state: u.state,
      enabled: u.enabled ? "yes" : "no",
      confirm: u.confirm ? "yes" : undefined,
      "restart-on": u.restartOn.join(" "),
      "reload-on": u.reloadOn.join(" "),
    });
  for (const d of state.databases)
    add(`database ${d.name}`, {
      role: d.role,
      engine: d.engine,
      extensions: d.engine === "postgresql" ? d.extensions.join(" ") : undefined,
    });
  for (const a of state.databaseAccounts)
    add(`database-account ${a.name}`, {
      role: a.role,
      engine: a.engine,
      secret: a.secret,
      grants: a.engine === "mariadb" ? a.grants.join("; ") : undefined,
      connections: a.engine === "postgresql" ? a.connections?.toString() : undefined,
    });
  for (const l of state.listens)
    add(`listen ${l.port}/${l.protocol} ${l.reach}`, { role: l.role, service: l.service });
  for (const f of state.founding) add(`founding ${f.role}`, { command: f.command });
  for (const g of state.gates)
    add(`gate ${g.name}`, { role: g.role, command: g.command, within: `${g.within} s` });
  for (const p of state.probes)
    add(`probe ${p.name}`, { role: p.role, command: p.command, within: `${p.within} s` });

  const text = entries.join("\n\n");
  return `${text}\nend ${countBreaks(text) + 1}\n`;
}
