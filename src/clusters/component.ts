import * as pulumi from "@pulumi/pulumi";
import type { FarmHost } from "../host/component.ts";
import type { Cluster, Host } from "../inventory/schema.ts";
import { kindOf } from "./kinds.ts";

export interface DatabaseClusterArgs {
  readonly cluster: Cluster;
  /** Hosts with the data, members first. */
  readonly dataHosts: readonly Host[];
  /** All hosts that play a part in it. */
  readonly parts: readonly FarmHost[];
}

/** A database cluster of any kind: there once all that play a part in it are activated, and so at work. */
export class DatabaseCluster extends pulumi.ComponentResource {
  /** Mesh addresses of the hosts with the data, with the database's port; members first. */
  readonly endpoints: string[];

  constructor(name: string, args: DatabaseClusterArgs, options?: pulumi.ComponentResourceOptions) {
    const { token, port } = kindOf(args.cluster);
    super(token, name, {}, { ...options, dependsOn: args.parts.map((part) => part.confirmed) });
    this.endpoints = args.dataHosts.map(({ mesh }) => `${mesh}:${port}`);
    this.registerOutputs({ members: args.cluster.members, endpoints: this.endpoints });
  }
}
