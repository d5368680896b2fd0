/** What all pictures share: their width, colours, title, and the description for those who can't see them. */
import { type Block, column, paragraph } from "./blocks.ts";
import { element, escaped } from "./markup.ts";
import type { Language } from "./words.ts";

/** A picture is made for A4, upright with 10 mm of margin: 190 mm by 277 mm. */
export const UNITS_PER_MM = 4;
const MARGIN = 8;
const WIDTH = 190 * UNITS_PER_MM;
/** What is left for the content of a picture. */
export const INNER = WIDTH - 2 * MARGIN;

export interface Picture {
  /** Unique among the pictures of a page, in letters, digits and dashes. */
  readonly id: string;
  readonly language: Language;
  readonly title: string;
  /** What it shows, in words. */
  readonly description: string;
  readonly body: Block;
}

/**
 * Signs have the colours of Okabe and Ito, "Color Universal Design" (2008), which people who are blind to some colours
 * tell apart. Everything else is black, white and grey.
 */
const LOOKS = `
.paper{fill:#fff}.ink{fill:#111}.soft{fill:#4d4d4d}
.site{fill:#f2f2f2;stroke:#888}.metal{fill:#e2e2e2;stroke:#222;stroke-width:1.8}.cell{fill:#fff;stroke:#888}
.alarm{fill:#fff;stroke:#111;stroke-width:2.6}.notice{fill:#fff;stroke:#111;stroke-width:2;stroke-dasharray:7 4}.called{fill:#dadada;stroke:#888}.arrow{stroke:#111;stroke-width:1.8}
.edge{fill:#d55e00}.node{fill:#009e73}.member{fill:#0072b2}.witness{fill:#a3578a}.replica{fill:none;stroke:#0072b2;stroke-width:2}
@media screen and (prefers-color-scheme:dark){
.paper{fill:#161616}.ink{fill:#f2f2f2}.soft{fill:#bdbdbd}
.site{fill:#222;stroke:#888}.metal{fill:#333;stroke:#ddd}.cell{fill:#1a1a1a;stroke:#888}
.alarm{fill:#1a1a1a;stroke:#f2f2f2}.notice{fill:#1a1a1a;stroke:#f2f2f2}.called{fill:#444;stroke:#888}.arrow{stroke:#f2f2f2}
.node{fill:#00c08b}.member{fill:#56b4e9}.witness{fill:#cc79a7}.replica{stroke:#56b4e9}}
`;

/** The picture as the text of an SVG element, which is a file of its own as well as a part of a page. */
export function svg({ id, language, title, description, body }: Picture): string {
  const content = column([paragraph(title, { size: "title", bold: true }, INNER), body], 10);
  const height = Math.ceil(content.height + 2 * MARGIN);
  const root = {
    xmlns: "http://www.w3.org/2000/svg",
    class: "picture",
    viewBox: `0 0 ${WIDTH} ${height}`,
    width: WIDTH,
    height,
    lang: language,
    role: "img",
    "aria-labelledby": `${id}-title ${id}-desc`,
    "font-family": "Helvetica, Arial, sans-serif",
  };
  return `${element(
    "svg",
    root,
    element("title", { id: `${id}-title` }, escaped(title)),
    element("desc", { id: `${id}-desc` }, escaped(description)),
    element("style", {}, LOOKS),
    element("rect", { class: "paper", width: WIDTH, height }),
    content.draw(MARGIN, MARGIN),
  )}\n`;
}
