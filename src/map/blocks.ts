/** Layout: pieces of a picture that know their size, and ways to put them beside and below each other. */
import { element, escaped } from "./markup.ts";
import { type Letters, widthOf, wrapped } from "./text.ts";

/** A piece of a picture. All lengths are in the picture's units (`UNITS_PER_MM` in picture.ts). */
export interface Block {
  readonly width: number;
  readonly height: number;
  /** Its SVG with the upper left corner at x, y; `height`, no less than its own, is what a frame is stretched to. */
  readonly draw: (x: number, y: number, height?: number) => string;
}

/** Size of letters: of what is read first, of what is read next, and of the rest. None is smaller. */
export const SIZES = { title: 17, head: 12.5, name: 11.5, text: 10.5 } as const;
const LINE = 1.28;
/** How far below the top of its line a letter stands. */
const BASELINE = 0.98;

export interface TextStyle {
  readonly size?: keyof typeof SIZES;
  readonly bold?: boolean;
  /** Less important: grey. */
  readonly soft?: boolean;
}

const lettersOf = ({ size = "text", bold = false }: TextStyle): Letters => ({ size: SIZES[size], bold });

function line(text: string, style: TextStyle, place: { x: number; y: number; transform?: string }): string {
  const { size, bold } = lettersOf(style);
  const look = {
    class: style.soft ? "soft" : "ink",
    "font-size": size,
    "font-weight": bold ? "bold" : undefined,
  };
  return element("text", { ...place, ...look }, escaped(text));
}

/** A line of text that is written upwards, beginning at y, its middle at x. */
export const upwards = (text: string, x: number, y: number): string =>
  line(text, {}, { x: 0, y: SIZES.text * 0.35, transform: `translate(${x} ${y}) rotate(-90)` });

/** Width of a line of text. */
export const lineWidth = (text: string, style: TextStyle = {}): number => widthOf(text, lettersOf(style));

/** A text that is broken into lines of at most `width`, or one line as wide as it is. */
export function paragraph(text: string, style: TextStyle = {}, width?: number): Block {
  const lines = width === undefined ? [text] : wrapped(text, width, lettersOf(style));
  const { size } = lettersOf(style);
  const step = size * LINE;
  return {
    width: Math.max(0, ...lines.map((each) => lineWidth(each, style))),
    height: lines.length * step,
    draw: (x, y) =>
      lines.map((each, index) => line(each, style, { x, y: y + index * step + size * BASELINE })).join(""),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const gaps = (blocks: readonly Block[], gap: number): number => Math.max(0, blocks.length - 1) * gap;

/** Blocks below each other; one without height takes no gap either. */
export function column(all: readonly Block[], gap = 0): Block {
  const blocks = all.filter(({ height }) => height > 0);
  return {
    width: Math.max(0, ...blocks.map((block) => block.width)),
    height: sum(blocks.map((block) => block.height)) + gaps(blocks, gap),
    draw: (x, y) => {
      let top = y;
      return blocks
        .map((block) => {
          const drawn = block.draw(x, top);
          top += block.height + gap;
          return drawn;
        })
        .join("");
    },
  };
}

/** Blocks beside each other, frames stretched to the height of the highest. */
export function row(blocks: readonly Block[], gap = 0): Block {
  const height = Math.max(0, ...blocks.map((block) => block.height));
  return {
    width: sum(blocks.map((block) => block.width)) + gaps(blocks, gap),
    height,
    draw: (x, y, stretched = height) => {
      let left = x;
      return blocks
        .map((block) => {
          const drawn = block.draw(left, y, stretched);
          left += block.width + gap;
          return drawn;
        })
        .join("");
    },
  };
}

/** Blocks in their order, as many in a row as `width` has place for; `below` is the gap between rows. */
export function rows(blocks: readonly Block[], width: number, gap: number, below = gap): Block {
  const lines: Block[][] = [];
  for (const block of blocks) {
    const last = lines.at(-1);
    if (last !== undefined && row([...last, block], gap).width <= width) last.push(block);
    else lines.push([block]);
  }
  return column(
    lines.map((each) => row(each, gap)),
    below,
  );
}

export interface Frame {
  readonly width: number;
  readonly padding: number;
  /** What it is, for its colours: a class of the picture's style sheet. */
  readonly look: string;
  /** Radius of its corners. */
  readonly round?: number;
}

/** A block in a frame. */
export function framed(inner: Block, { width, padding, look, round = 3 }: Frame): Block {
  const height = inner.height + 2 * padding;
  return {
    width,
    height,
    draw: (x, y, stretched = height) =>
      element("rect", { class: look, x, y, width, height: stretched, rx: round }) +
      inner.draw(x + padding, y + padding),
  };
}

/** Nothing, of some width: keeps blocks of a row at their places. */
export const space = (width: number): Block => ({ width, height: 0, draw: () => "" });
