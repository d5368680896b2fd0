/** Any part of a plan as text that can be compared line by line, whatever the part is about. */
import { Document, isCollection, visit } from "yaml";

/** YAML with sorted keys: one line for each value of a map, and for each item of a list. */
function textOf(value: unknown): string {
  const document = new Document(value, { sortMapEntries: true, aliasDuplicateObjects: false });
  visit(document, {
    Seq(_, list) {
      for (const item of list.items) if (isCollection(item)) item.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const nameOf = (item: Record<string, unknown>): unknown => item.id ?? item.name;

/** Whether a part is a list of maps of which not each has a name of its own, as flows are. */
export function isUnnamedList(part: unknown): part is Record<string, unknown>[] {
  if (!Array.isArray(part) || part.length === 0 || !part.every(isMap)) return false;
  const names = part.map(nameOf);
  return new Set(names).size < names.length || !names.every((name) => typeof name === "string");
}

/** An unnamed list as one line for each item, sorted: its order means nothing, and neither do neighbours. */
export const sortedLines = (list: readonly unknown[]): string[] => list.map((item) => textOf([item])).sort();

/**
 * A part of a plan as the things in it, name to text. A list of things that each have an `id` or a `name` of their own,
 * and a map, give one text for each: their order means nothing. All else is one text under the name "": an unnamed
 * list sorted, the rest in its own order, which means something (waves, say).
 */
export function namedTexts(part: unknown): Map<string, string> {
  if (isMap(part)) return new Map(Object.keys(part).map((key) => [key, textOf({ [key]: part[key] })]));
  if (isUnnamedList(part)) return new Map([["", sortedLines(part).join("")]]);
  if (!Array.isArray(part) || part.length === 0 || !part.every(isMap)) return new Map([["", textOf(part)]]);
  return new Map(part.map((item) => [String(nameOf(item)), textOf(item)]));
}
