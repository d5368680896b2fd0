import type { Application } from "../inventory/schema.ts";

/** Name of the secret that is the password of an application's account in its database cluster. */
export const databasePassword = ({ id, database }: Application): string =>
  `password/${database.cluster}/${id}`;
