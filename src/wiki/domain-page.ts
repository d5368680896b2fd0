/** The page of one domain, with all its records. */
import type { Zone } from "../dns/record.ts";
import type { Language } from "../map/words.ts";
import type { Scope } from "./scope.ts";
import { properties, shown, table } from "./wikitext.ts";

/** What declares records, in Russian: zones name it in English, for messages. */
const SOURCES: readonly (readonly [RegExp, string])[] = [
  [/^application (.+)$/, "приложение $1"],
  [/^redirect from (.+)$/, "перенаправление с $1"],
  [/^mail server (.+)$/, "почтовый сервер $1"],
  [/^mail of (.+)$/, "почта $1"],
  [/^no mail of (.+)$/, "у $1 нет почты"],
  [/^caa of (.+)$/, "CAA домена $1"],
  [/^extra (.+) of (.+)$/, "дополнительная запись $1 в $2"],
  [/^edge\.nameservers$/, "свои серверы имён"],
];

/** What declared a record, in a page's language. Throws when there is no Russian for it. */
export function sourceIn(language: Language, source: string): string {
  if (language === "en") return source;
  const found = SOURCES.find(([english]) => english.test(source));
  if (found === undefined) throw new Error(`a record's source has no Russian: ${source}`);
  return source.replace(...found);
}

/** The lines of a domain's page. */
export function domainLines(scope: Scope, zone: Zone): string[] {
  const head = [scope.say("name"), scope.say("type"), scope.say("content"), scope.say("because")];
  return [
    ...properties([
      [scope.say("registrar"), shown(scope.say(zone.registrar))],
      [scope.say("signed"), shown(scope.say(zone.dnssec ? "yes" : "no"))],
    ]),
    ...scope.part(
      "records",
      table(
        head,
        zone.records.map((record) => [
          shown(record.name),
          shown(record.type),
          shown(`${record.priority ?? ""} ${record.content}`.trim()),
          shown(sourceIn(scope.language, record.source)),
        ]),
      ),
    ),
  ];
}
