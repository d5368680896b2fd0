import type { DatabaseUse } from "../inventory/clusters.ts";
import type { Application } from "../inventory/schema.ts";

/** Name of the secret that is the password of a database's account. */
export const passwordOf = ({ id, cluster }: Pick<DatabaseUse, "id" | "cluster">): string =>
  `password/${cluster}/${id}`;

/** Name of the secret that is the password of an application's account in its database cluster. */
export const databasePassword = ({ id, database }: Application): string =>
  passwordOf({ id, cluster: database.cluster });
