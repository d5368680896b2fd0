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

/**
 * A part of a plan as the things in it, name to text. A list of things that each have an `id` or a `name` of their own,
 * and a map, give one text for each: their order means nothing. So it does in a list of maps without names (flows), which
 * is one text of sorted lines, under the name "". All else is one text under "" in its own order, which means something
 * (waves, say).
 */
export function namedTexts(part: unknown): Map<string, string> {
  if (isMap(part)) return new Map(Object.keys(part).map((key) => [key, textOf({ [key]: part[key] })]));
  if (!Array.isArray(part) || part.length === 0 || !part.every(isMap)) return new Map([["", textOf(part)]]);
  const names = new Set(part.map(nameOf));
  if (names.size === part.length && [...names].every((name) => typeof name === "string"))
    return new Map(part.map((item) => [String(nameOf(item)), textOf(item)]));
  const lines = part.map((item) => textOf([item]));
  return new Map([["", lines.sort().join("")]]);
}
