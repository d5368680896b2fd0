/** The lab with a PostgreSQL cluster and Redmine on its web hosts, whatever the lab has of them itself. */
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import type { Settings } from "../../src/shell/stack.ts";

export const REDMINE = {
  id: "redmine",
  title: { en: "Redmine", ru: "Редмайн" },
  software: "redmine",
  language: "ru",
  database: { cluster: "postgresql", connections: 40 },
  hostnames: ["redmine.lab.opplet.net"],
  nodes: ["web1", "web2"],
  storage: { uploads: "off" },
} satisfies Application;

type Application = NonNullable<FarmDeclaration["applications"]>[number];

/** Declares them; `more` replaces parts of the application. */
export function withRedmine(farm: FarmDeclaration, more: Partial<Application> = {}): void {
  const others = (farm.clusters ?? []).filter(({ software }) => software !== "postgresql");
  const title = { en: "PostgreSQL", ru: "PostgreSQL" };
  farm.clusters = [
    ...others,
    { id: "postgresql", title, software: "postgresql", members: ["db1", "db2", "db3"] },
  ];
  farm.applications = [
    ...(farm.applications ?? []).filter(({ software }) => software !== "redmine"),
    { ...REDMINE, ...more },
  ];
}

/** The same as a change of the lab. */
export const redmineLab =
  (more: Partial<Application> = {}) =>
  (farm: FarmDeclaration, _: Settings): void =>
    withRedmine(farm, more);
