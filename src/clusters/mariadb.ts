import * as pulumi from "@pulumi/pulumi";
import type { FarmHost } from "../host/component.ts";
import type { Cluster, Host } from "../inventory/schema.ts";

export interface MariaDbClusterArgs {
  readonly cluster: Cluster;
  readonly members: readonly { readonly host: Host; readonly component: FarmHost }[];
}

/** A MariaDB Galera cluster: there once all its members are activated, and so in sync. */
export class MariaDbCluster extends pulumi.ComponentResource {
  /** Mesh addresses of the members with their port, in the order in which proxies prefer them as writer. */
  readonly endpoints: string[];

  constructor(name: string, args: MariaDbClusterArgs, options?: pulumi.ComponentResourceOptions) {
    const members = args.members.map((m) => m.component.confirmed);
    super("farms:clusters:MariaDbCluster", name, {}, { ...options, dependsOn: members });
    this.endpoints = args.members.map((m) => `${m.host.mesh}:3306`);
    this.registerOutputs({ members: args.cluster.members, endpoints: this.endpoints });
  }
}
