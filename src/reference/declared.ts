/** What a schema declares, as the sections and rows of a reference, without any language's words. */
import { z } from "zod";
import {
  cloudflareId,
  day,
  hostname,
  id,
  interfaceAddress,
  interfaceAddress6,
  ipv4,
  ipv6,
  money,
  size,
  sshKey,
} from "../inventory/words.ts";
import type { Comments } from "./comments.ts";

/** Words of a declaration that have a form of their own, and no pattern or one that says less than the form's name. */
export type Word =
  | "name"
  | "size"
  | "ipv4"
  | "ipv6"
  | "interface"
  | "interface6"
  | "hostname"
  | "sshKey"
  | "day"
  | "money"
  | "cloudflareId";

const WORDS = z.registry<{ word: Word }>();
WORDS.add(id, { word: "name" });
WORDS.add(size, { word: "size" });
WORDS.add(ipv4, { word: "ipv4" });
WORDS.add(ipv6, { word: "ipv6" });
WORDS.add(interfaceAddress, { word: "interface" });
WORDS.add(interfaceAddress6, { word: "interface6" });
WORDS.add(hostname, { word: "hostname" });
WORDS.add(sshKey, { word: "sshKey" });
WORDS.add(day, { word: "day" });
WORDS.add(money, { word: "money" });
WORDS.add(cloudflareId, { word: "cloudflareId" });

/** The part of JSON Schema that ours come to, with the word that a text is. */
export interface Node {
  readonly word?: Word;
  readonly type?: "string" | "number" | "integer" | "boolean" | "array" | "object";
  readonly format?: string;
  readonly pattern?: string;
  readonly const?: string | number;
  readonly enum?: readonly (string | number)[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Node | false;
  readonly prefixItems?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly propertyNames?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

export interface Row {
  readonly name: string;
  readonly node: Node;
  readonly required: boolean;
  /** What the comment beside the field says; "" where there is none. */
  readonly meaning: string;
  /** Sections in which its own fields are, by their paths. */
  readonly sections: readonly string[];
}

export interface Section {
  /** Where it stands, as a person writes it: `sites[]`, `farms:imports.NAME`, `hosts[].origin (kind: "guest")`. */
  readonly path: string;
  readonly rows: readonly Row[];
}

function jsonSchema(schema: z.ZodType): Node {
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    metadata: WORDS,
    // zod leaves out what a field has by default where its input and its output differ.
    override: ({ zodSchema, jsonSchema: json }) => {
      const { def } = zodSchema._zod;
      if (def.type === "default") json.default = def.defaultValue as typeof json.default;
    },
  }) as Node;
}

/** A title has the same two languages everywhere; that is said once. */
export const isTitle = ({ properties }: Node): boolean =>
  properties !== undefined && Object.keys(properties).join() === "en,ru";

/** What needs no comment at each place; "" of all else. */
const usualMeaning = (name: string, node: Node): string => {
  if (isTitle(node)) return "As people read it.";
  if (node.const !== undefined) return "Says that it is of this kind.";
  return name === "id" ? "Its name, by which all else names it." : "";
};

/** By which field two forms of an object differ: the first whose values are fixed. */
const discriminator = ({ properties = {} }: Node): [string, readonly (string | number)[]] => {
  const found = Object.entries(properties).find(([, node]) => node.const !== undefined || node.enum);
  if (found === undefined) throw new Error("a union of objects has no field that tells them apart");
  return [found[0], found[1].enum ?? [found[1].const ?? ""]];
};

/**
 * The sections of a schema, the outermost first: one for each object, those of a union each by itself. `path` is where the schema
 * itself stands, `comments` the comments beside its fields.
 */
export function sectionsOf(schema: z.ZodType, path: string, comments: Comments): Section[] {
  const found: Section[] = [];

  /** Adds the sections that a node has in it; returns their paths. */
  function visit(node: Node, path: string, comments: Comments): string[] {
    if (isTitle(node)) return [];
    if (node.items) return visit(node.items, `${path}[]`, comments.item());
    if (typeof node.additionalProperties === "object")
      return visit(node.additionalProperties, `${path}.NAME`, comments.item());
    if (node.properties) return [add(node, path, comments)];
    const variants = node.oneOf?.filter(({ properties }) => properties) ?? [];
    return variants.map((variant) => {
      const [field, values] = discriminator(variant);
      const shown = values.map((value) => JSON.stringify(value)).join(" | ");
      return add(variant, `${path} (${field}: ${shown})`, comments.variant(field, values));
    });
  }

  function add({ properties = {}, required = [] }: Node, path: string, comments: Comments): string {
    // Two variants may have one field in common, with one schema.
    if (found.some((section) => section.path === path)) return path;
    const section: { path: string; rows: Row[] } = { path, rows: [] };
    found.push(section);
    const prefix = path === "" ? "" : `${path.replace(/ \(.*$/, "")}.`;
    for (const [name, node] of Object.entries(properties)) {
      const field = comments.field(name);
      const sections = visit(node, `${prefix}${name}`.replace("farms:.", "farms:"), field);
      section.rows.push({
        name,
        node,
        required: required.includes(name),
        meaning: field.text || usualMeaning(name, node),
        sections,
      });
    }
    return path;
  }

  visit(jsonSchema(schema), path, comments);
  return found;
}
