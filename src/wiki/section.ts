/** The part of a page that is ours: between two marks. What people write before and after it stays. */

const BEGIN = "<!-- farm: begin -->";
const END = "<!-- farm: end -->";

/** The marks, with what a person who edits the page is told. */
const NOTE = {
  en: "<!-- Written by a program: what you change up to the next mark is lost. Write above or below it. -->",
  ru: "<!-- Пишет программа: изменённое до следующей метки пропадёт. Пишите выше или ниже. -->",
};

/**
 * A page with our part put into it: in its place where there is one, at the end of a page that people have begun. Returns
 * undefined for a page whose marks somebody has broken: one of them alone, twice, or the wrong way round.
 */
export function withSection(page: string, section: string, language: keyof typeof NOTE): string | undefined {
  const ours = `${BEGIN}\n${NOTE[language]}\n${section}\n${END}`;
  const [begins, ends] = [BEGIN, END].map((mark) => page.split(mark).length - 1);
  if (begins === 0 && ends === 0) return page.trim() === "" ? ours : `${page.trimEnd()}\n\n${ours}`;
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begins !== 1 || ends !== 1 || to < from) return undefined;
  return page.slice(0, from) + ours + page.slice(to + END.length);
}
