/** The page of one database cluster. */
import { databasesOf, dataHostsOf, partsOf } from "../inventory/clusters.ts";
import type { Cluster } from "../inventory/schema.ts";
import { clusterBackups } from "./backups.ts";
import { toPicture } from "./pictures.ts";
import type { Scope } from "./scope.ts";
import { properties, shown, table } from "./wikitext.ts";
import type { Word } from "./words.ts";

/** Its databases and whom they are for, a row each. */
function databases(scope: Scope, cluster: Cluster): string[][] {
  const { inventory } = scope.plan;
  return databasesOf(inventory, cluster).map(({ id }) => {
    const application = inventory.applications.find((each) => each.id === id);
    const kept = inventory.databases.find((database) => database.id === id);
    return [
      shown(id),
      application ? scope.to("application", [id]) : shown(kept?.title[scope.language] ?? ""),
    ];
  });
}

/** The version that is declared: PostgreSQL's, and those to which Debian's package of the software is held. */
function software(scope: Scope, cluster: Cluster): string {
  const major = cluster.software === "postgresql" ? ` ${cluster.version}` : "";
  const held = Object.entries(scope.plan.inventory.versions).filter(([source]) =>
    source.startsWith(cluster.software),
  );
  const versions = held.map(([source, version]) => `${source} ${version}`);
  return `${cluster.software}${major} (${versions.join(", ") || scope.say("asDebian")})`;
}

/** The lines of a cluster's page. */
export function clusterLines(scope: Scope, cluster: Cluster): string[] {
  const data = dataHostsOf(cluster);
  const votes = partsOf(cluster).filter((id) => !data.includes(id));
  const copies = data.filter((id) => !cluster.members.includes(id));
  const row = (label: Word, value: string) => [scope.say(label), value] as const;
  return [
    `'''${shown(cluster.title[scope.language])}'''`,
    ...properties([
      row("software", shown(software(scope, cluster))),
      row("members", scope.to("host", cluster.members)),
      row("witness", scope.to("host", votes)),
      row("replicas", scope.to("host", copies)),
      row("votes", toPicture(scope, "quorum")),
    ]),
    ...scope.part("databases", table([scope.say("database"), scope.say("users")], databases(scope, cluster))),
    ...scope.part("backups", clusterBackups(scope, cluster)),
  ];
}
