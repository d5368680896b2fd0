/** The handbook's page of examples, in one of the languages. */
import type { Language, Texts } from "../../src/map/words.ts";
import { EXAMPLES, type Example } from "./examples.ts";
import { type Said, type Seen, see } from "./run.ts";

const SAY = {
  title: { en: "What a pull request shows", ru: "Что видно по запросу на слияние" },
  head: {
    en: "Four changes, and all that author and reviewer see of each: the comment on the pull request as it stands there, and what the policies\nsay. Made by `npm run examples`, which makes the changes and asks the program; a test compares it. The number of the commit stands for any.",
    ru: "Четыре изменения и всё, что по каждому видят автор и рецензент: комментарий к запросу таким, каков он там, и что говорят правила.\nСоставлено командой `npm run examples`, которая делает эти изменения и спрашивает программу; тест сверяет. Номер коммита условный.",
  },
  comment: { en: "The comment", ru: "Комментарий" },
  none: { en: "No comment; in its place", ru: "Комментария нет; вместо него" },
  policies: { en: "Policies", ru: "Правила" },
  code: { en: "exit code", ru: "код завершения" },
} as const satisfies Record<string, Texts>;

const fenced = (text: string, language = "text"): string => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

function section(example: Example, { patch, comment, policy }: Seen, language: Language): string[] {
  const said = (command: string, { stdout, stderr, code }: Said): string =>
    fenced(`$ scripts/farm ${command}\n${stdout}${stderr}(${SAY.code[language]} ${code})`);
  const diff = `diff main ${example.stack} --markdown`;
  // More than 1 says that there is nothing to compare; without a comparison there is no comment.
  const shown =
    comment.code <= 1
      ? [`### ${SAY.comment[language]}`, comment.stdout.trimEnd()]
      : [`### ${SAY.none[language]}`, said(diff, comment)];
  return [
    `## ${example.title[language]}`,
    example.intent[language],
    fenced(patch, "diff"),
    ...shown,
    `### ${SAY.policies[language]}`,
    said(`policy ${example.stack}`, policy),
    example.verdict[language],
  ];
}

/** Asks the program about all examples; takes as long as some twelve starts of it. */
export const seeAll = (): Promise<Seen[]> => Promise.all(EXAMPLES.map(({ edit, stack }) => see(edit, stack)));

export function examplesPage(seen: readonly Seen[], language: Language): string {
  const sections = EXAMPLES.flatMap((example, index) => {
    const found = seen[index];
    return found ? section(example, found, language) : [];
  });
  return `${[`# ${SAY.title[language]}`, SAY.head[language], ...sections].join("\n\n")}\n`;
}
