/** Extensions of PostgreSQL that a Debian 13 host can have, as Debian's packages list them (extension/NAME.control). */
import type { PostgresCluster } from "./schema.ts";

type Version = PostgresCluster["version"];

/** Those of the server's own package, in 15 and 17 alike. */
const OF_SERVER =
  "amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw " +
  "fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache " +
  "pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks " +
  "pgstattuple plpgsql postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent " +
  "uuid-ossp xml2";

/** Ends of the names of their packages, which begin with the server's. */
const packages = new Map<string, string>([
  ...OF_SERVER.split(" ").map((name) => [name, ""] as const),
  ["hypopg", "-hypopg"],
  ["postgis", "-postgis-3"],
  ["unit", "-unit"],
  ["vector", "-pgvector"],
]);

/** Debian 12's postgis needs libraries of which Debian 13 has others. */
const lacking: Record<Version, readonly string[]> = { 15: ["postgis"], 17: [] };

/** Names that a declaration may ask for, sorted. */
export const knownExtensions = (version: Version): readonly string[] =>
  [...packages.keys()].filter((name) => !lacking[version].includes(name)).sort();

/** Debian package that has an extension; undefined when there is none. */
export function extensionPackage(name: string, version: Version): string | undefined {
  const end = lacking[version].includes(name) ? undefined : packages.get(name);
  return end === undefined ? undefined : `postgresql-${version}${end}`;
}
