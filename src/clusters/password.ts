import type { DatabaseUse } from "../inventory/clusters.ts";

/** Name of the secret that is the password of a database's account. */
export const passwordOf = ({ id, cluster }: Pick<DatabaseUse, "id" | "cluster">): string =>
  `password/${cluster}/${id}`;
