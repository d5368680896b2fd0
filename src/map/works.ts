/** What hosts are there for, each kind of work with a sign that is known by its shape as well as by its colour. */
import type { Host, Inventory } from "../inventory/schema.ts";
import { type Part, worksOf } from "../operate/move/works.ts";
import { type Block, paragraph, row, rows, type TextStyle } from "./blocks.ts";
import { element } from "./markup.ts";
import { type Language, titleOf } from "./words.ts";

export type Kind = "edge" | "node" | Exclude<Part, "former witness">;

/** A witness that gives up its vote is one until all others have heard of it. */
export const kindOfPart = (part: Part): Kind => (part === "former witness" ? "witness" : part);

export interface Work {
  readonly kind: Kind;
  /** As it stands beside the kind's sign. */
  readonly text: string;
}

interface Words {
  readonly edge: string;
  /** Stands behind a cluster's title. */
  readonly beside: Readonly<Partial<Record<Part, string>>>;
  readonly legend: Readonly<Record<Kind, string>>;
}

const words: Readonly<Record<Language, Words>> = {
  en: {
    edge: "edge",
    beside: { witness: ", witness", "former witness": ", former witness", replica: ", copy" },
    legend: {
      edge: "edge: takes users' requests",
      node: "application node",
      member: "database member: data and a vote",
      witness: "witness: a vote without data",
      replica: "copy: data without a vote, may be late",
    },
  },
  ru: {
    edge: "вход",
    beside: { witness: ", свидетель", "former witness": ", бывший свидетель", replica: ", копия" },
    legend: {
      edge: "вход: принимает запросы пользователей",
      node: "узел приложения",
      member: "узел базы данных: данные и голос",
      witness: "свидетель: голос без данных",
      replica: "копия: данные без голоса, может отставать",
    },
  },
};

/** All works of a host: the edge, applications, then its parts in clusters, each by name. */
export function worksOfHost(inventory: Inventory, { id }: Host, language: Language): Work[] {
  const works = worksOf(inventory, id);
  const { edge, beside } = words[language];
  return [
    ...(works.edge ? [{ kind: "edge" as const, text: edge }] : []),
    ...works.applications.map((name) => ({
      kind: "node" as const,
      text: titleOf(inventory.applications, name, language),
    })),
    ...[...works.clusters].map(([name, part]) => ({
      kind: kindOfPart(part),
      text: `${titleOf(inventory.clusters, name, language)}${beside[part] ?? ""}`,
    })),
  ];
}

/** Side of a sign. */
const SIGN = 9;
const GAP = 4;

function shape(kind: Kind, x: number, y: number): string {
  const middle = x + SIGN / 2;
  const right = x + SIGN;
  const bottom = y + SIGN;
  const centre = y + SIGN / 2;
  const points = {
    edge: `${middle},${y} ${right},${bottom} ${x},${bottom}`,
    witness: `${middle},${y - 1} ${right + 1},${centre} ${middle},${bottom + 1} ${x - 1},${centre}`,
  };
  if (kind === "node") return element("circle", { class: kind, cx: middle, cy: centre, r: SIGN / 2 });
  if (kind === "edge" || kind === "witness") return element("polygon", { class: kind, points: points[kind] });
  // A hollow one's line has a width of 2, half of it outside.
  const inset = kind === "replica" ? 1 : 0;
  const side = SIGN - 2 * inset;
  return element("rect", { class: kind, x: x + inset, y: y + inset, width: side, height: side });
}

/** A kind's sign, as high as a line of text. */
const sign = (kind: Kind): Block => ({
  width: SIGN,
  height: SIGN,
  draw: (x, y) => shape(kind, x, y + 2.5),
});

/** A text behind a kind's sign. */
export function signed({ kind, text }: Work, width?: number, style: TextStyle = {}): Block {
  const room = width === undefined ? undefined : width - SIGN - GAP;
  return row([sign(kind), paragraph(text, style, room)], GAP);
}

const KINDS: readonly Kind[] = ["edge", "node", "member", "witness", "replica"];

/** What the signs mean, of the kinds that a picture has. */
export function legend(
  kinds: ReadonlySet<Kind>,
  language: Language,
  width: number,
  more: readonly Block[] = [],
): Block {
  const items = KINDS.filter((kind) => kinds.has(kind)).map((kind) =>
    signed({ kind, text: words[language].legend[kind] }),
  );
  return rows([...items, ...more], width, 14, 2);
}
