/** MediaWiki's markup. Whatever is shown is text: a name or a record never becomes markup, a link or a template. */

/** A text as it is shown: everything but letters, digits and plain punctuation as an entity. */
export const shown = (text: string | number): string =>
  String(text).replace(/[^\p{L}\p{N} .,()/-]/gu, (character) => `&#${character.codePointAt(0)};`);

/** A link to a page of ours. Titles are made of names and words that need no escape. */
export const link = (title: string, label: string): string => `[[${title}|${shown(label)}]]`;

export const heading = (text: string): string => `== ${shown(text)} ==`;

/** A cell of a table whose line is not broken: a date or a name has dashes, at which browsers break. */
export const unbroken = (cell: string): string => `style="white-space: nowrap" | ${cell}`;

/** A table; cells are markup already. None where it has no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [
    '{| class="wikitable sortable"',
    `! ${head.map(shown).join(" !! ")}`,
    ...rows.flatMap((cells) => ["|-", `| ${cells.map((cell) => cell || "—").join(" || ")}`]),
    "|}",
  ];
}

/** A table of two columns, the first of which says what the second is. */
export const properties = (rows: readonly (readonly [label: string, value: string])[]): string[] => [
  '{| class="wikitable"',
  ...rows.flatMap(([label, value]) => [
    "|-",
    `! style="text-align: left" | ${shown(label)}`,
    `| ${value || "—"}`,
  ]),
  "|}",
];
