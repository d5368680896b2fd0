import * as pulumi from "@pulumi/pulumi";
import type { FarmHost } from "../host/component.ts";
import type { Application } from "../inventory/schema.ts";

export interface ApplicationServiceArgs {
  readonly application: Application;
  readonly nodes: readonly FarmHost[];
  /** Cluster that holds its database. */
  readonly cluster: pulumi.Resource;
}

/** An application as users meet it: there once its nodes are activated, and so serve it. */
export class ApplicationService extends pulumi.ComponentResource {
  readonly urls: string[];

  constructor(name: string, args: ApplicationServiceArgs, options?: pulumi.ComponentResourceOptions) {
    const dependsOn = [args.cluster, ...args.nodes.map((n) => n.confirmed)];
    super("farms:apps:Application", name, {}, { ...options, dependsOn });
    this.urls = args.application.hostnames.map((hostname) => `http://${hostname}/`);
    this.registerOutputs({ title: args.application.title, nodes: args.application.nodes, urls: this.urls });
  }
}
