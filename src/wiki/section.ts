/** The parts of a page that are ours, each between two marks. What people write before, between and after them stays. */
import type { Figures } from "./figures.ts";

/** What a person who edits the page is told, behind the first mark. */
const NOTE = {
  en: "<!-- Written by a program: what you change up to the next mark is lost. Write above or below it. -->",
  ru: "<!-- Пишет программа: изменённое до следующей метки пропадёт. Пишите выше или ниже. -->",
};

type Language = keyof typeof NOTE;

const MEASURED = /<!-- measured: (\S+) -->/;
const NEVER = "never";

/** A page with a part of ours put in: in its place where there is one, else at the end. Undefined where its marks are broken. */
function withPart(page: string, name: string, content: readonly string[]): string | undefined {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const ours = [begin, ...content, end].join("\n");
  const [begins, ends] = [begin, end].map((mark) => page.split(mark).length - 1);
  if (begins === 0 && ends === 0) return page.trim() === "" ? ours : `${page.trimEnd()}\n\n${ours}`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (begins !== 1 || ends !== 1 || to < from) return undefined;
  return page.slice(0, from) + ours + page.slice(to + end.length);
}

/**
 * A page with what is declared put into it: in its place where there is one, at the end of a page that people have begun.
 * Returns undefined for a page whose marks somebody has broken: one of them alone, twice, or the wrong way round.
 */
export const withSection = (page: string, section: string, language: Language): string | undefined =>
  withPart(page, "farm", [NOTE[language], section]);

/** As withSection, with figures: unless those that are there were measured later, on another computer. */
export function withFigures(page: string, { at, section }: Figures, language: Language): string | undefined {
  const there = MEASURED.exec(page)?.[1] ?? NEVER;
  if (there !== NEVER && there > at) return page;
  return withPart(page, "farm figures", [NOTE[language], `<!-- measured: ${at || NEVER} -->`, section]);
}
