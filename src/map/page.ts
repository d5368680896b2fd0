/** All pictures of a farm on one HTML page that needs nothing else: no network, no script, no font. */
import type { Plan } from "../plan/plan.ts";
import { escaped } from "./markup.ts";
import { callsSvg } from "./matrix.ts";
import { quorumSvg } from "./quorum.ts";
import { requestsSvg } from "./requests.ts";
import { topologySvg } from "./topology.ts";
import { LANGUAGES, type Language, type Texts } from "./words.ts";

/** Every picture of a plan, by its name: the text of an SVG file, the same for the same plan. */
export const pictures = {
  topology: topologySvg,
  requests: requestsSvg,
  calls: callsSvg,
  quorum: quorumSvg,
} as const satisfies Readonly<Record<string, (plan: Plan, language: Language) => string>>;

const NAMES: Texts = { en: "English", ru: "Русский" };

/** On paper each picture is as large as A4 allows, and none is cut by the end of a page. */
const STYLE = `
:root{color-scheme:light dark}
body{margin:0 auto;padding:8px;max-width:1000px;font:16px/1.4 Helvetica,Arial,sans-serif;background:#fff;color:#111}
figure{margin:0 0 24px;overflow-x:auto}
svg.picture{display:block;width:100%;min-width:640px;height:auto}
label{margin:0 16px 0 4px}
#show-en:checked~.ru,#show-ru:checked~.en{display:none}
@media screen and (prefers-color-scheme:dark){body{background:#161616;color:#f2f2f2}}
@page{size:A4;margin:10mm}
@media print{
body{padding:0;max-width:none}
input,label{display:none}
figure{margin:0;overflow:visible;break-inside:avoid}
svg.picture{min-width:0;max-height:276mm}}
`;

function section(plan: Plan, language: Language): string {
  const figures = Object.values(pictures).map((picture) => `<figure>\n${picture(plan, language)}</figure>`);
  return `<main class="${language}" lang="${language}">\n${figures.join("\n")}\n</main>`;
}

/** Chooses between languages without a script: the style sheet hides what is not chosen. */
const choices = (languages: readonly Language[]): string =>
  languages
    .map((language, index) => {
      const chosen = index === 0 ? ' checked="checked"' : "";
      return `<input type="radio" name="language" id="show-${language}"${chosen}/><label for="show-${language}" lang="${language}">${NAMES[language]}</label>`;
    })
    .join("\n");

/** The page, in one language or with a choice between all. It is well-formed XML as well as HTML. */
export function mapPage(plan: Plan, language?: Language): string {
  const languages = language === undefined ? LANGUAGES : [language];
  const [first = "en"] = languages;
  return `<!DOCTYPE html>
<html lang="${first}" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width"/>
<title>${escaped(plan.inventory.title[first])}</title>
<style>${STYLE}</style>
</head>
<body>
${languages.length > 1 ? `${choices(languages)}\n` : ""}${languages.map((each) => section(plan, each)).join("\n")}
</body>
</html>
`;
}
