/** What may be written in a field, in words of either language. */
import type { Language, Texts } from "../map/words.ts";
import { isTitle, type Node, type Word } from "./declared.ts";

const WORDS: Readonly<Record<Word, Texts>> = {
  name: { en: "name", ru: "имя" },
  size: { en: "size such as `2 GB` or `512 MiB`", ru: "размер, например `2 GB` или `512 MiB`" },
  ipv4: { en: "IPv4 address", ru: "адрес IPv4" },
  ipv6: { en: "IPv6 address that others can call", ru: "адрес IPv6, к которому могут обратиться другие" },
  interface: {
    en: "address with the length of its prefix, 8 to 30, such as `10.90.0.1/24`",
    ru: "адрес с длиной префикса, от 8 до 30, например `10.90.0.1/24`",
  },
  interface6: {
    en: "address in a /64 such as `2001:db8:0:1::1/64`",
    ru: "адрес в сети /64, например `2001:db8:0:1::1/64`",
  },
  hostname: { en: "full host name in small letters", ru: "полное имя строчными буквами" },
  sshKey: {
    en: "the line of a public key: `ssh-ed25519`, `ecdsa-sha2-nistp256` or `sk-ssh-ed25519@openssh.com`",
    ru: "строка открытого ключа: `ssh-ed25519`, `ecdsa-sha2-nistp256` или `sk-ssh-ed25519@openssh.com`",
  },
  day: { en: "day such as `2026-11-26`", ru: "день, например `2026-11-26`" },
  money: { en: "price such as `4.99 EUR` or `10 USD`", ru: "цена, например `4.99 EUR` или `10 USD`" },
  cloudflareId: {
    en: "the 32 digits that Cloudflare has for it",
    ru: "32 знака, которыми это называет Cloudflare",
  },
};

const FORMATS: Readonly<Record<string, Texts>> = {
  date: WORDS.day,
  email: { en: "mail address", ru: "почтовый адрес" },
  uri: { en: "web address", ru: "адрес в сети" },
};

const SAY = {
  or: { en: " or ", ru: " или " },
  text: { en: "text", ru: "текст" },
  pattern: { en: "text of the form", ru: "текст вида" },
  title: { en: "text in both languages, `en` and `ru`", ru: "текст на обоих языках, `en` и `ru`" },
  list: { en: "list of: ", ru: "список: " },
  map: { en: "by name: ", ru: "по именам: " },
  whole: { en: "whole number", ru: "целое число" },
  number: { en: "number", ru: "число" },
  from: { en: " from ", ru: " от " },
  to: { en: " to ", ru: " до " },
  above: { en: " above ", ru: " больше " },
  least: { en: "at least ", ru: "не меньше " },
} as const satisfies Record<string, Texts>;

/** The value as it is written in a declaration. A row of a table ends at a bare line. */
export const code = (value: unknown): string =>
  `\`${(typeof value === "string" ? value : JSON.stringify(value)).replaceAll("|", "\\|")}\``;

/** The numbers that a field takes. zod says of every whole number that it lies between those that JavaScript tells apart. */
function range(
  { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER, ...node }: Node,
  l: Language,
): string {
  const { exclusiveMinimum } = node;
  const low = exclusiveMinimum === undefined ? "" : `${SAY.above[l]}${exclusiveMinimum}`;
  const from = minimum === Number.MIN_SAFE_INTEGER ? low : `${SAY.from[l]}${minimum}`;
  return maximum < Number.MAX_SAFE_INTEGER ? `${from}${SAY.to[l]}${maximum}` : from;
}

function textForm({ word, format, pattern }: Node, l: Language): string {
  if (word !== undefined) return WORDS[word][l];
  const named = format && FORMATS[format];
  if (named) return named[l];
  return pattern === undefined ? SAY.text[l] : `${SAY.pattern[l]} ${code(pattern)}`;
}

/** What may be written in a field. `fields` stands for an object: where its own fields are. */
export function formOf(node: Node, l: Language, fields: string): string {
  if (node.const !== undefined) return code(JSON.stringify(node.const));
  if (node.enum) return node.enum.map((each) => code(JSON.stringify(each))).join(SAY.or[l]);
  if (node.anyOf) return node.anyOf.map((each) => formOf(each, l, fields)).join(SAY.or[l]);
  if (node.prefixItems) return `${node.prefixItems.length} × ${formOf(node.prefixItems[0] ?? {}, l, fields)}`;
  if (node.items) {
    const least = node.minItems ? ` (${SAY.least[l]}${node.minItems})` : "";
    return `${SAY.list[l]}${formOf(node.items, l, fields)}${least}`;
  }
  if (typeof node.additionalProperties === "object")
    return `${SAY.map[l]}${formOf(node.additionalProperties, l, fields)}`;
  if (isTitle(node)) return SAY.title[l];
  if (node.properties || node.oneOf) return fields;
  if (node.type === "boolean") return ["true", "false"].map(code).join(SAY.or[l]);
  if (node.type === "integer") return `${SAY.whole[l]}${range(node, l)}`;
  if (node.type === "number") return `${SAY.number[l]}${range(node, l)}`;
  return textForm(node, l);
}
