/** What must hold of one application, each with a message a part-time administrator can act on. */
import type { Application, Cluster, Inventory } from "./schema.ts";

const databaseOf: Readonly<Record<Application["software"], Cluster["software"]>> = {
  mediawiki: "mariadb",
  redmine: "postgresql",
};

/** One request at a time, and two connections while Redmine is set up. */
export const REDMINE_CONNECTIONS = 3;

function checkDatabase(inventory: Inventory, { id, software, database, nodes }: Application): string[] {
  const cluster = inventory.clusters.find((c) => c.id === database.cluster);
  const wanted = databaseOf[software];
  if (cluster !== undefined && cluster.software !== wanted)
    return [
      `application ${id} is ${software}, whose database is ${wanted}, but cluster ${cluster.id} is ${cluster.software}; name a ${wanted} cluster`,
    ];
  const { connections } = database;
  const least = REDMINE_CONNECTIONS * nodes.length;
  return software === "redmine" && connections !== undefined && connections < least
    ? [
        `application ${id} may hold ${connections} connections on ${nodes.length} node(s); Redmine needs ${REDMINE_CONNECTIONS} a node: write ${least} or more`,
      ]
    : [];
}

/** Inputs that are declared before there is anything that could act on them would be believed. */
function checkInputs({ id, software, mail, sso }: Application): string[] {
  return [
    ...(mail !== undefined && software !== "redmine"
      ? [`application ${id} declares mail, which the farm does not set up for ${software} yet; remove it`]
      : []),
    ...(sso !== undefined
      ? [
          `application ${id} declares single sign-on at ${sso.issuer}, but the farm has no identity provider yet, and Debian's ${software} alone does not speak OpenID Connect; remove sso, people log in with accounts of ${id}`,
        ]
      : []),
  ];
}

/** What is wrong with one application, as sentences for people. Names that it shares with others are not its own matter. */
export function checkApplication(inventory: Inventory, application: Application): string[] {
  const problems = [...checkDatabase(inventory, application), ...checkInputs(application)];
  const { id, nodes, hostnames } = application;
  const hosts = new Set(inventory.hosts.map((h) => h.id));
  for (const node of nodes)
    if (!hosts.has(node))
      problems.push(
        `application ${id} has a node "${node}", which is no host; declare the host or name another`,
      );
  const least = inventory.placement.nodes;
  if (application.main && nodes.length < least)
    problems.push(
      `application ${id} is a main one and stands on ${nodes.length} node(s); this environment demands ${least}: add nodes, or lower placement.nodes`,
    );
  const ours = inventory.domains.map((d) => d.name);
  for (const name of hostnames)
    if (!ours.some((domain) => name === domain || name.endsWith(`.${domain}`)))
      problems.push(
        `application ${id} answers to ${name}, which is in none of our domains (${ours.join(", ")}); declare the domain`,
      );
  return problems;
}
