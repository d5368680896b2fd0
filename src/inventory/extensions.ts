/** Extensions of PostgreSQL 17 that Debian 13 has, as its packages list them (extension/NAME.control). */

const SERVER = "postgresql-17";

/** Those of the server's own package. */
const OF_SERVER =
  "amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw " +
  "fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache " +
  "pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks " +
  "pgstattuple plpgsql postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent " +
  "uuid-ossp xml2";

const packages = new Map<string, string>([
  ...OF_SERVER.split(" ").map((name) => [name, SERVER] as const),
  ["hypopg", "postgresql-17-hypopg"],
  ["postgis", "postgresql-17-postgis-3"],
  ["unit", "postgresql-17-unit"],
  ["vector", "postgresql-17-pgvector"],
]);

/** Names that a declaration may ask for, sorted. */
export const knownExtensions: readonly string[] = [...packages.keys()].sort();

/** Debian package that has an extension; undefined when there is none. */
export const extensionPackage = (name: string): string | undefined => packages.get(name);
