/** The page of one application. */
import type { Application } from "../inventory/schema.ts";
import type { Scope } from "./scope.ts";
import { properties, shown } from "./wikitext.ts";
import type { Word } from "./words.ts";

/** The lines of an application's page. Its Debian source package has the name of its software. */
export function applicationLines(scope: Scope, application: Application): string[] {
  const { software, hostnames, nodes, database, title } = application;
  const version = scope.plan.inventory.versions[software] ?? scope.say("asDebian");
  const row = (label: Word, value: string) => [scope.say(label), value] as const;
  const cluster = scope.to("cluster", [database.cluster]);
  return [
    `'''${shown(title[scope.language])}'''`,
    ...properties([
      row("software", shown(`${software} (${version})`)),
      row("names", hostnames.map((name) => `[https://${name} ${shown(name)}]`).join(", ")),
      row("nodes", scope.to("host", nodes)),
      row("database", cluster),
    ]),
    ...scope.part("backups", [scope.say("noBackups"), `* ${scope.say("dataIn")} ${cluster}.`]),
  ];
}
