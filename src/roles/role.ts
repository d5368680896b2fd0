import type { Contribution } from "../host/state.ts";
import type { Application, Cluster, Host, Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";

/** What a role may look at. All of it is plain data; a role is a pure function of it. */
export interface RoleContext {
  readonly inventory: Inventory;
  readonly host: Host;
  readonly keys: Keys;
  /** Notes a secret that this host needs, by name, and gives back its placeholder `${secret:NAME}`. */
  readonly secret: (name: string) => string;
}

/** A role that a host plays because of what it is: every host has the base role, for instance. */
export type HostRole = (context: RoleContext) => Contribution;

/** A role that a host plays for a cluster it is a member of or a client of. */
export type ClusterRole = (context: RoleContext, cluster: Cluster) => Contribution;

/** A role that a host plays for an application it serves. */
export type ApplicationRole = (context: RoleContext, application: Application) => Contribution;
