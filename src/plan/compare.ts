/** What differs between two plans, as plain data: which hosts, what of them, in which order they would change. */
import { z } from "zod";
import { bundleEntries } from "../host/bundle-entries.ts";
import { hunks } from "./patch.ts";
import { isUnnamedList, namedTexts, sortedLines } from "./section.ts";

const hostSchema = z.looseObject({ host: z.looseObject({ id: z.string() }), bundle: z.string() });

/**
 * A plan as `farm plan --json` prints it, of whatever age: beyond hosts with their bundles nothing is expected, and
 * whatever else there is gets compared all the same.
 */
export const planDocumentSchema = z.looseObject({
  hosts: z.array(hostSchema),
  waves: z.array(z.array(z.string())).default([]),
  /** EUR a month; plans from before there were prices have none. */
  cost: z.looseObject({ total: z.number() }).optional(),
});
export type PlanDocument = z.output<typeof planDocumentSchema>;
type HostDocument = PlanDocument["hosts"][number];

/** One thing that differs. */
export interface Change {
  /** "bundle" and "host" (what is known of the machine itself) are a host's; others are named as in the plan. */
  readonly section: string;
  /** The bundle's entry ("file /etc/hosts"), or the thing's name in its section; "" for the section as a whole. */
  readonly name: string;
  /** "moved": a file's entry under another path. */
  readonly kind: "added" | "gone" | "changed" | "moved";
  /** Where it was before it moved: an entry's name. */
  readonly formerName?: string;
  /** Hunks of a unified patch, three lines of context, the name in each head; "" for what has moved as it was. */
  readonly patch: string;
}

/** The same changes on some hosts. Every change stands in one group only, with all the hosts that have it. */
export interface ChangeGroup {
  /** In the order of change. */
  readonly hosts: readonly string[];
  /** The host whose bundle an added one's is compared with. */
  readonly comparedWith?: string;
  readonly changes: readonly Change[];
}

export interface Comparison {
  readonly added: readonly string[];
  readonly gone: readonly string[];
  /** Hosts of both plans that differ. */
  readonly changed: readonly string[];
  /** Added and changed hosts in the waves in which they would be changed. */
  readonly order: readonly (readonly string[])[];
  /** EUR a month before and after, where that differs; undefined for a side that knows no prices. */
  readonly money?: { readonly before: number | undefined; readonly after: number | undefined };
  /** What differs of the plan's other parts: clusters, applications, flows... */
  readonly farm: readonly Change[];
  /** What differs of hosts, the changes of most hosts first. Hosts that go are only named in `gone`. */
  readonly groups: readonly ChangeGroup[];
}

type Texts = ReadonlyMap<string, string>;

/** Entries of this kind count as moved when one goes and another comes with the same text. */
const MOVABLE = /^file /;

function change(
  section: string,
  name: string,
  before: string | undefined,
  after: string | undefined,
): Change {
  const kind = before === undefined ? "added" : after === undefined ? "gone" : "changed";
  const title = section === "bundle" ? name : `${section} ${name}`.trimEnd();
  return { section, name, kind, patch: hunks(before ?? "", after ?? "", title) };
}

function compareTexts(section: string, before: Texts, after: Texts): Change[] {
  const names = [...after.keys(), ...[...before.keys()].filter((name) => !after.has(name))];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => change(section, name, before.get(name), after.get(name)));
}

/** Joins the file that goes and the one that comes with the same text into one that has moved. */
function joinMoved(changes: readonly Change[], before: Texts, after: Texts): Change[] {
  const movable = (kind: Change["kind"]) =>
    changes.filter((c) => c.section === "bundle" && c.kind === kind && MOVABLE.test(c.name));
  const gone = movable("gone");
  const formerNames = new Map<string, string>();
  for (const { name } of movable("added")) {
    const index = gone.findIndex((other) => before.get(other.name) === after.get(name));
    const [former] = index < 0 ? [] : gone.splice(index, 1);
    if (former) formerNames.set(name, former.name);
  }
  const joined = new Set(formerNames.values());
  return changes
    .filter((c) => !(c.kind === "gone" && joined.has(c.name)))
    .map((c) => {
      const formerName = formerNames.get(c.name);
      return formerName === undefined ? c : { ...c, kind: "moved", formerName, patch: "" };
    });
}

/** What only one of two unnamed lists has, without the items of both around it: they are no context. */
function compareUnnamed(section: string, before: readonly unknown[], after: readonly unknown[]): Change[] {
  const [former, latter] = [sortedLines(before), sortedLines(after)];
  const without = (lines: string[], others: string[]): string => {
    const left = Map.groupBy(others, (line) => line);
    return lines.filter((line) => left.get(line)?.pop() === undefined).join("");
  };
  return compareTexts(
    section,
    new Map([["", without(former, latter)]]),
    new Map([["", without(latter, former)]]),
  );
}

/** A part of the plan, or of a host, that only one side has is one change: it is new, or gone, as a whole. */
function comparePart(section: string, before: unknown, after: unknown): Change[] {
  const whole = (part: unknown) => [...namedTexts(part).values()].join("");
  if (before === undefined) return [change(section, "", undefined, whole(after))];
  if (after === undefined) return [change(section, "", whole(before), undefined)];
  if (isUnnamedList(before) && isUnnamedList(after)) return compareUnnamed(section, before, after);
  return compareTexts(section, namedTexts(before), namedTexts(after));
}

function compareParts(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  apart: ReadonlySet<string>,
): Change[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])]
    .filter((section) => !apart.has(section))
    .flatMap((section) => comparePart(section, before[section], after[section]));
}

/** Parts of a host that its bundle says again; the rest of them is compared as the plan's own parts are. */
const IN_BUNDLE = new Set(["bundle", "sha256", "secrets", "state", "roles"]);

function compareHost(before: Partial<HostDocument>, after: HostDocument, comparedWith = before): Change[] {
  const former = bundleEntries(comparedWith.bundle ?? "");
  const latter = bundleEntries(after.bundle);
  const bundle = joinMoved(compareTexts("bundle", former, latter), former, latter);
  return [...compareParts(before, after, IN_BUNDLE), ...bundle];
}

interface Candidate {
  readonly host: HostDocument;
  readonly entries: Texts;
}

/** The host that an added one shares most entries with, if that is at least half of what the added one has. */
function mostAlike(added: HostDocument, candidates: readonly Candidate[]): HostDocument | undefined {
  const entries = bundleEntries(added.bundle);
  let best: { host: HostDocument; shared: number } | undefined;
  for (const { host, entries: others } of candidates) {
    const shared = [...entries].filter(([name, text]) => others.get(name) === text).length;
    if (shared * 2 >= entries.size && shared > (best?.shared ?? 0)) best = { host, shared };
  }
  return best?.host;
}

interface HostChanges {
  readonly host: string;
  readonly comparedWith?: string;
  readonly changes: readonly Change[];
}

/** Turns the changes of each host into those of groups: one change first gets all its hosts, then hosts all their changes. */
function group(all: readonly HostChanges[]): ChangeGroup[] {
  const shared = new Map<string, { change: Change; hosts: string[]; comparedWith: string | undefined }>();
  for (const { host, comparedWith, changes } of all)
    for (const change of changes) {
      const key = JSON.stringify([comparedWith, change]);
      const entry = shared.get(key);
      if (entry) entry.hosts.push(host);
      else shared.set(key, { change, hosts: [host], comparedWith });
    }
  const groups = Map.groupBy(shared.values(), ({ hosts, comparedWith }) =>
    JSON.stringify([comparedWith, hosts]),
  );
  return [...groups.values()]
    .flatMap((members) => {
      const [first] = members;
      if (first === undefined) return [];
      const { hosts, comparedWith } = first;
      return [{ hosts, ...(comparedWith ? { comparedWith } : {}), changes: members.map((m) => m.change) }];
    })
    .sort((a, b) => b.hosts.length - a.hosts.length);
}

/** `undefined` stands for a side that has no such farm: all hosts of the other are added, or gone. */
export function comparePlans(before: PlanDocument | undefined, after: PlanDocument | undefined): Comparison {
  const former = new Map(before?.hosts.map((h) => [h.host.id, h]));
  const latter = new Map(after?.hosts.map((h) => [h.host.id, h]));
  const hasAdded = [...latter.keys()].some((id) => !former.has(id));
  const candidates = [...latter.values()]
    .filter((host) => hasAdded && former.has(host.host.id))
    .map((host) => ({ host, entries: bundleEntries(host.bundle) }));

  const changesOf = (id: string): HostChanges[] => {
    const host = latter.get(id);
    if (host === undefined) return [];
    const old = former.get(id);
    const like = old ? undefined : mostAlike(host, candidates);
    const changes = compareHost(old ?? {}, host, old ?? like ?? {});
    return changes.length === 0
      ? []
      : [{ host: id, ...(like ? { comparedWith: like.host.id } : {}), changes }];
  };
  // A host that its plan forgot to put into a wave would still have to be seen.
  const waves = [...(after?.waves ?? []), [...latter.keys()]];
  const differing = new Map([...new Set(waves.flat())].flatMap(changesOf).map((c) => [c.host, c]));
  const ids = [...differing.keys()];
  const money = { before: before?.cost?.total, after: after?.cost?.total };
  return {
    added: ids.filter((id) => !former.has(id)),
    gone: [...former.keys()].filter((id) => !latter.has(id)),
    changed: ids.filter((id) => former.has(id)),
    order: (after?.waves ?? [])
      .map((wave) => wave.filter((id) => differing.has(id)))
      .filter((wave) => wave.length > 0),
    ...(money.before === money.after ? {} : { money }),
    farm: compareParts(before ?? {}, after ?? {}, new Set(["hosts"])),
    groups: group([...differing.values()]),
  };
}

/** Whether anything differs at all. */
export function isDifferent({ added, gone, changed, farm }: Comparison): boolean {
  return [added, gone, changed, farm].some((list) => list.length > 0);
}
