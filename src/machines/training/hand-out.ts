/** The page that a training's students are handed. */
import { escaped } from "../../map/markup.ts";

export interface HandOutRow {
  readonly machine: string;
  readonly address: string;
  readonly account: string;
  readonly password: string;
  /** Of the machine's SSH host key, as ssh shows it at the first connection. */
  readonly fingerprint: string;
}

export interface HandOut {
  readonly training: string;
  readonly language: "en" | "ru";
  /** The last day, "2026-11-26". */
  readonly until: string;
  readonly rows: readonly HandOutRow[];
}

const words = {
  en: {
    title: "Training",
    until: "The machines are there until",
    enter: "Enter your machine with",
    asked: "and compare the key that it shows at the first time. The password is asked for then.",
    heads: ["machine", "address", "account", "password", "key of the machine"],
  },
  ru: {
    title: "Занятие",
    until: "Машины доступны по",
    enter: "Войти на свою машину:",
    asked: "При первом входе сравните показанный ключ с указанным здесь. Затем спросят пароль.",
    heads: ["машина", "адрес", "учётная запись", "пароль", "ключ машины"],
  },
} as const;

/**
 * One HTML page that needs nothing else, to print or to show. It holds passwords: whoever passes it on marks it as a
 * secret.
 */
export function handOutPage({ training, language, until, rows }: HandOut): string {
  const { title, until: untilWhen, enter, asked, heads } = words[language];
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" }).format(
    new Date(until),
  );
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const body = rows.map((each) =>
    row([each.machine, each.address, each.account, each.password, each.fingerprint], "td"),
  );
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}: ${escaped(training)}</title>
<style>
body { font-family: sans-serif; margin: 2em }
table { border-collapse: collapse }
th, td { border: 1px solid #999; padding: .4em .7em; text-align: left }
td { font-family: monospace }
tr { break-inside: avoid }
</style>
</head>
<body>
<h1>${title}: ${escaped(training)}</h1>
<p>${untilWhen} ${escaped(day)}.</p>
<p>${enter} <code>ssh ${escaped(rows[0]?.account ?? "")}@${escaped(heads[1])}</code> ${asked}</p>
<table>
${row(heads, "th")}
${body.join("\n")}
</table>
</body>
</html>
`;
}
