/** How wide a text will be, without a font at hand: layouts must not depend on the computer that makes them. */

/**
 * Advance widths in parts of the font's size, rounded up, of DejaVu Sans (its table hmtx): of the common fonts without
 * serifs one of the widest, so that with any other the text is rather shorter.
 */
const WIDTHS: readonly (readonly [number, string])[] = [
  [0.3, "IJijlІіЇї"],
  [0.35, " \u00a0,./:;\\|·"],
  [0.4, "()-[]ft'"],
  [0.45, "!r"],
  [0.5, '"*_`–'],
  [0.55, "?cszгзсэєґ"],
  [0.6, "FLkvxyвтухчь"],
  [0.65, "$0123456789EPSTYabdeghnopqu{}ГЕЗРТУабеийклоряЁёҐ«»"],
  [0.7, "ABCKRVXZАБВСХЧЬЭЯднпцЄ"],
  [0.75, "NUИЙКъ"],
  [0.8, "&DGHOQДЛНОПЦмы"],
  [0.85, "#+<=>^w~Ъю→×≤≥"],
  [0.9, "MМФЫф"],
  [0.95, "жшщ"],
  [1, "%@Wm—…"],
  [1.05, "№"],
];
const WIDTH_OF = new Map(WIDTHS.flatMap(([width, signs]) => [...signs].map((sign) => [sign, width])));
/** Of Ж, Ш, Щ, Ю, and of whatever is not in the table. */
const WIDEST = 1.1;
/** How much wider bold letters are, at most, over a word (DejaVu Sans Bold; 1.11 on average). */
const BOLD = 1.2;

export interface Letters {
  /** Of the font, in the picture's units. */
  readonly size: number;
  readonly bold?: boolean;
}

/** Width of a line of text in the picture's units: an upper bound for common fonts. */
export function widthOf(text: string, { size, bold = false }: Letters): number {
  const sum = [...text].reduce((total, sign) => total + (WIDTH_OF.get(sign) ?? WIDEST), 0);
  return sum * size * (bold ? BOLD : 1);
}

/** Cuts a word that is wider than a line. */
function pieces(word: string, width: number, letters: Letters): string[] {
  const found: string[] = [];
  for (const sign of word) {
    const last = found.at(-1);
    if (last !== undefined && widthOf(last + sign, letters) <= width) found[found.length - 1] = last + sign;
    else found.push(sign);
  }
  return found;
}

/**
 * Breaks a text into lines of at most `width`: between words, and within a word only where it has no place otherwise.
 * What belongs together has a no-break space.
 */
export function wrapped(text: string, width: number, letters: Letters): string[] {
  const lines: string[] = [];
  for (const word of text.split(/[ \t\n]+/).filter(Boolean)) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (widthOf(longer, letters) <= width) lines.splice(-1, 1, longer);
    else lines.push(...pieces(word, width, letters));
  }
  return lines;
}
