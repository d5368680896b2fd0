import { kindOf } from "../clusters/kinds.ts";
import { passwordOf } from "../clusters/password.ts";
import { clusterOf } from "../inventory/load.ts";
import type { Application } from "../inventory/schema.ts";
import type { RoleContext } from "./role.ts";

/** Name of the secret that is the password of an application's account in its database cluster. */
export const databasePassword = ({ id, database }: Application): string =>
  passwordOf({ id, cluster: database.cluster });

/** Name by which an application logs in to its database with the present generation of its password. */
export function databaseLogin({ inventory, keys }: RoleContext, application: Application): string {
  const kind = kindOf(clusterOf(inventory, application.database.cluster));
  return kind.login(application.id, keys.generation(databasePassword(application)));
}
