/** Words that several pictures share. Russian follows docs/ru: сервер for host, связка for cluster, площадка for site. */
import type { Host, Inventory, Site } from "../inventory/schema.ts";

type Title = Site["title"];
export type Language = keyof Title;
/** The same in each language. */
export type Texts = Readonly<Record<Language, string>>;
export const LANGUAGES: readonly Language[] = ["en", "ru"];

const UNITS: Readonly<Record<Language, readonly [string, string]>> = { en: ["GB", "TB"], ru: ["ГБ", "ТБ"] };

/** Bytes in the decimal unit that suits them, to a tenth. */
function size(bytes: number, language: Language): readonly [string, string] {
  const [gigabytes, terabytes] = UNITS[language];
  const [value, unit] = bytes < 1e12 ? [bytes / 1e9, gigabytes] : [bytes / 1e12, terabytes];
  return [new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value), unit];
}

/** A host's memory and disk, "2 / 20 GB" or "64 GB / 3 TB", which is not broken into lines. */
export function sizesText({ memory, disk }: Pick<Host, "memory" | "disk">, language: Language): string {
  const [[some, unit], [more, other]] = [size(memory, language), size(disk, language)];
  return `${some}${unit === other ? "" : ` ${unit}`} / ${more} ${other}`.replaceAll(" ", "\u00a0");
}

/** "Germany" of "DE"; letters that are no country's stay as they are. */
export const countryText = (letters: string, language: Language): string =>
  new Intl.DisplayNames(language, { type: "region", fallback: "code" }).of(letters) ?? letters;

/** The title of one of several clusters, or applications; its name where another has the same title. */
export function titleOf(
  things: Inventory["clusters"] | Inventory["applications"],
  name: string,
  language: Language,
): string {
  const titles = new Map(things.map(({ id, title }) => [id, title[language]]));
  const title = titles.get(name);
  const alike = [...titles.values()].filter((other) => other === title);
  return title !== undefined && alike.length === 1 ? title : name;
}
