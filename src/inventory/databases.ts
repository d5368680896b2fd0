/** The words for database clusters and for what they keep. */
import { z } from "zod";
import { id, title } from "./words.ts";

const concessions = {
  /**
   * Rules of placement that the cluster may break for now, each with what to do about it. It is said at every plan; one
   * that is not needed (any more) is refused.
   */
  concessions: z
    .array(
      z.strictObject({
        /** The rule that is broken. */
        rule: z.enum(["failureDomains", "providers", "quorum"]),
        /** What to do so that it holds again. */
        proposal: title,
      }),
    )
    .default([]),
};

const mariadbSchema = z.strictObject({
  id,
  title,
  software: z.literal("mariadb"),
  /** Hosts with the data; one of them takes the writes. */
  members: z.array(id).min(1),
  ...concessions,
});

const postgresqlSchema = z.strictObject({
  id,
  title,
  software: z.literal("postgresql"),
  /** Major version: 17 is Debian 13's, 15 Debian 12's. To raise it is the first of two steps: `farm-postgresql upgrade`. */
  version: z
    .union([z.literal(15), z.literal(17)], {
      error: "write 17, which Debian 13 has, or 15, which Debian 12 has",
    })
    .default(17),
  /** Hosts with the data and a vote each; one of them takes the writes, another confirms each of them. */
  members: z.array(id).min(2, "a cluster needs two members: each write is on two machines"),
  /** A host with a vote and no data, which makes the number of votes odd. */
  witness: id.optional(),
  /** While a witness is being replaced: the next one, which votes beside it. */
  nextWitness: id.optional(),
  /** Afterwards the former one, whose vote is given up. */
  formerWitness: id.optional(),
  /** Hosts with a copy of the data that may be far away and late: for reading, and for when all members are lost. */
  replicas: z.array(id).default([]),
  /**
   * How the others make sure that a member which they have lost sight of is off. "proxmox": its Proxmox host stops it.
   * "none": nobody does, so they wait until its right to write has run out.
   */
  fencing: z.enum(["none", "proxmox"]).default("none"),
  ...concessions,
});

export const clusterSchema = z.discriminatedUnion("software", [mariadbSchema, postgresqlSchema]);

/** What a PostgreSQL cluster is asked for beside a database and its account. */
export const postgresqlNeeds = {
  /** Connections that the account may hold at once, over all nodes. */
  connections: z.int().min(1).optional(),
  /** Connections that a pool on each node shares out among more clients (pgbouncer, a transaction at a time). */
  pool: z.int().min(1).optional(),
  /** Extensions, such as pg_trgm. */
  extensions: z.array(z.string().regex(/^[a-z][a-z0-9_-]*$/, "write the extension's name")).default([]),
};

/** A database that is kept ready, with its account, for an application that the farm does not run yet. */
export const databaseSchema = z.strictObject({
  id,
  title,
  /** The cluster that keeps it. */
  cluster: id,
  ...postgresqlNeeds,
});
