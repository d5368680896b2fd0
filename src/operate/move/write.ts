/** What a person has to write for one declaration to become another, line by line. */
import { isDeepStrictEqual } from "node:util";
import type { FarmDeclaration } from "../../inventory/schema.ts";
import type { Draft } from "./first-host.ts";

/** A value as it is written in stacks/. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, entry]) => {
    const name = /^[A-Za-z]\w*$/.test(key) ? key : JSON.stringify(key);
    return `${name}: ${literal(entry)}`;
  });
  return `{ ${entries.join(", ")} }`;
}

type Entry = Readonly<Record<string, unknown>>;

/** The lines for one named entry: each key that differs. */
function entryLines(kind: string, id: string, before: Entry, after: Entry): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) =>
      after[key] === undefined
        ? `${kind} ${id}: remove ${key}`
        : `${kind} ${id}: ${key}: ${literal(after[key])}`,
    );
}

function listLines(
  kind: string,
  before: readonly { id: string }[],
  after: readonly { id: string }[],
): string[] {
  const added = after.filter(({ id }) => !before.some((b) => b.id === id));
  const removed = before.filter(({ id }) => !after.some((a) => a.id === id));
  return [
    ...added.map((entry) => `add a ${kind}: ${literal(entry)}`),
    ...removed.map(({ id }) => `remove the ${kind} ${id}`),
    ...after.flatMap((entry) => {
      const former = before.find(({ id }) => id === entry.id);
      return former === undefined
        ? []
        : entryLines(kind, entry.id, former as unknown as Entry, entry as unknown as Entry);
    }),
  ];
}

/** What to write in the declaration; nothing where both are one. */
export function linesToWrite(before: FarmDeclaration, after: FarmDeclaration): string[] {
  const generations = Object.keys(before.generations ?? {}).filter(
    (n) => after.generations?.[n] === undefined,
  );
  return [
    ...listLines("host", before.hosts, after.hosts),
    ...listLines("cluster", before.clusters ?? [], after.clusters ?? []),
    ...listLines("application", before.applications ?? [], after.applications ?? []),
    ...(isDeepStrictEqual(before.edge, after.edge) ? [] : [`edge: ${literal(after.edge)}`]),
    ...generations.map((name) => `generations: remove ${JSON.stringify(name)}`),
  ];
}

/** The commands that bring the settings from one draft to another, but for addresses that only a person knows. */
export function settingCommands(before: Draft, after: Draft): string[] {
  const names = (draft: Draft, key: string): string[] => Object.keys((draft.settings[key] ?? {}) as object);
  const gone = (key: string): string[] =>
    names(before, key)
      .filter((name) => !names(after, key).includes(name))
      .map((name) => `pulumi config rm --path 'farms:${key}.${name}'`);
  const adopted = (draft: Draft): readonly string[] => (draft.settings.adopt ?? []) as readonly string[];
  return [
    ...["addresses", "addresses6"].flatMap((key) => [
      ...names(after, key)
        .filter((name) => !names(before, key).includes(name))
        .map((name) => `pulumi config set --path 'farms:${key}.${name}' ADDRESS`),
      ...gone(key),
    ]),
    ...gone("imports"),
    ...adopted(before).flatMap((name, index) =>
      adopted(after).includes(name) ? [] : [`pulumi config rm --path 'farms:adopt[${index}]'`],
    ),
  ];
}
