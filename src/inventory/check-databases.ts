/** What must hold of databases and what they ask of their clusters. */
import { type DatabaseUse, databaseUses } from "./clusters.ts";
import { doubles } from "./doubles.ts";
import { extensionPackage, knownExtensions } from "./extensions.ts";
import type { Cluster, Inventory, PostgresCluster } from "./schema.ts";

/** Databases and accounts that the software or the farm has for itself: an application must not get theirs. */
const reserved: Record<Cluster["software"], ReadonlySet<string>> = {
  mariadb: new Set(["mysql", "root", "sys"]),
  postgresql: new Set(["postgres", "template0", "template1", "farm", "replicator", "rewind"]),
};

/** What only PostgreSQL clusters are asked for. */
function checkPostgresNeeds(
  { id, needs: { connections, pool, extensions }, nodes }: DatabaseUse,
  { version }: PostgresCluster,
): string[] {
  const pooled = (pool ?? 0) * nodes.length;
  return [
    ...extensions
      .filter((name) => extensionPackage(name, version) === undefined)
      .map(
        (name) =>
          `${id} asks for the extension "${name}", which Debian 13 does not have for PostgreSQL ${version}; remove it, or take one of: ${knownExtensions(version).join(", ")}`,
      ),
    ...(connections !== undefined && pooled > connections
      ? [
          `${id} may hold ${connections} connections, but its pools take ${pooled} (${pool} on each of ${nodes.length} nodes); raise connections or lower pool`,
        ]
      : []),
  ];
}

function checkNeeds(inventory: Inventory, use: DatabaseUse): string[] {
  const { id, needs, cluster } = use;
  const found = inventory.clusters.find((c) => c.id === cluster);
  if (found === undefined)
    return [`${id} keeps its database in "${cluster}", which is no cluster; declare it in clusters`];
  if (reserved[found.software].has(id))
    return [
      `the database "${id}" of cluster ${cluster} would be one that ${found.software} or the farm has for itself; give it another name`,
    ];
  if (found.software === "postgresql") return checkPostgresNeeds(use, found);
  const { connections, pool, extensions } = needs;
  return connections === undefined && pool === undefined && extensions.length === 0
    ? []
    : [
        `${id}: connections, pool and extensions are for PostgreSQL, but ${cluster} is ${found.software}; remove them`,
      ];
}

/** Debian 12's packages of PostgreSQL 15 and its libpq5 are of one source package; 17's need a newer libpq5. */
function checkHeld({ clusters, versions }: Inventory): string[] {
  const newer = clusters.filter((c) => c.software === "postgresql" && c.version > 15).map(({ id }) => id);
  return versions["postgresql-15"] !== undefined && newer.length > 0
    ? [
        `versions holds postgresql-15, and its libpq5 with it, which is too old for PostgreSQL 17 of ${newer.join(", ")}; remove that line`,
      ]
    : [];
}

/** All that is wrong with databases, as findProblems. */
export function checkDatabases(inventory: Inventory): string[] {
  const uses = databaseUses(inventory);
  return [
    ...checkHeld(inventory),
    ...uses.flatMap((use) => checkNeeds(inventory, use)),
    ...doubles(
      uses,
      (u) => `${u.id} ${u.cluster}`,
      (u) => u.id,
    ).map(([name]) => {
      const [id, cluster] = name.split(" ");
      return `the database "${id}" of cluster ${cluster} is taken by two: an application and an entry of databases, or two of one; give one of them another name`;
    }),
  ];
}
