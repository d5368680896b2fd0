import type { Application } from "../inventory/schema.ts";
import type { RoleContext } from "./role.ts";

/** Name of the secret that is the password of an application's account in its database cluster. */
export const databasePassword = ({ id, database }: Application): string =>
  `password/${database.cluster}/${id}`;

/**
 * Name by which an application logs in to its database. In PostgreSQL each generation of the password has a login of
 * its own, so that the former and the new one are good at once.
 */
export function databaseLogin({ inventory, keys }: RoleContext, application: Application): string {
  const { id, database } = application;
  const cluster = inventory.clusters.find((c) => c.id === database.cluster);
  return cluster?.software === "postgresql" ? `${id}_${keys.generation(databasePassword(application))}` : id;
}
