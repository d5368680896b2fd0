/** The page of one domain, with all its records. */
import type { Zone } from "../dns/record.ts";
import type { Scope } from "./scope.ts";
import { properties, shown, table } from "./wikitext.ts";

/** The lines of a domain's page. */
export function domainLines(scope: Scope, zone: Zone): string[] {
  const head = [scope.say("name"), scope.say("type"), scope.say("content"), scope.say("because")];
  return [
    ...properties([
      [scope.say("registrar"), shown(zone.registrar)],
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
          shown(record.source),
        ]),
      ),
    ),
  ];
}
