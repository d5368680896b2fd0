import { ZeroTrustAccessApplication } from "@pulumi/cloudflare/zeroTrustAccessApplication.js";
import { ZeroTrustAccessPolicy } from "@pulumi/cloudflare/zeroTrustAccessPolicy.js";
import { ZeroTrustTunnelCloudflared } from "@pulumi/cloudflare/zeroTrustTunnelCloudflared.js";
import { ZeroTrustTunnelCloudflaredConfig } from "@pulumi/cloudflare/zeroTrustTunnelCloudflaredConfig.js";
import * as pulumi from "@pulumi/pulumi";
import type { Inventory } from "../../inventory/schema.ts";
import type { Keys } from "../../plan/keys.ts";
import { edgeNames, ORIGIN } from "../edge.ts";
import type { AccessRule } from "../rules.ts";
import { TUNNEL_SECRET, tunnelToken } from "./secret.ts";

export interface CloudflareTunnelArgs {
  readonly inventory: Inventory;
  readonly account: string;
  readonly keys: Keys;
  readonly access: readonly AccessRule[];
}

/** How long somebody who has been let in is not asked again: a working day. */
const SESSION = "10h";

/**
 * The tunnel by which Cloudflare reaches our nodes, with the names that it may ask for, and the applications before which it
 * asks who somebody is. Connectors open it from inside: no port of a node is open to the world.
 */
export class CloudflareTunnel extends pulumi.ComponentResource {
  readonly tunnelId: pulumi.Output<string>;
  /** Where names lead that are to come through it. */
  readonly target: pulumi.Output<string>;
  /** By which connectors open it, a secret. */
  readonly token: pulumi.Output<string>;

  constructor(name: string, args: CloudflareTunnelArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:dns:Tunnel", name, {}, options);
    const { inventory, account: accountId, keys } = args;
    const secret = keys.secret(TUNNEL_SECRET);
    const tunnelSecret = pulumi.secret(secret);
    const tunnel = new ZeroTrustTunnelCloudflared(
      name,
      { accountId, name: `farms-${inventory.stack}`, configSrc: "cloudflare", tunnelSecret },
      { parent: this },
    );
    const names = [...new Set(edgeNames(inventory).map((each) => each.name))].sort();
    new ZeroTrustTunnelCloudflaredConfig(
      `${name}-ingress`,
      {
        accountId,
        tunnelId: tunnel.id,
        source: "cloudflare",
        config: {
          ingresses: [
            ...names.map((hostname) => ({ hostname, service: ORIGIN })),
            // The last one has to be for all that is left.
            { service: "http_status:404" },
          ],
        },
      },
      { parent: this },
    );
    this.#access(args);
    this.tunnelId = tunnel.id;
    this.token = pulumi.secret(
      tunnel.id.apply((tunnelId) => tunnelToken({ account: accountId, tunnelId, secret })),
    );
    this.target = pulumi.interpolate`${tunnel.id}.cfargotunnel.com`;
    this.registerOutputs({ tunnelId: this.tunnelId });
  }

  #access({ inventory: { stack, administrators }, account: accountId, access }: CloudflareTunnelArgs): void {
    if (access.length === 0) return;
    const emails = administrators.flatMap(({ email }) => (email === undefined ? [] : [email]));
    const policy = new ZeroTrustAccessPolicy(
      "administrators",
      {
        accountId,
        name: `farms-${stack}: administrators`,
        decision: "allow",
        includes: emails.map((email) => ({ email: { email } })),
        sessionDuration: SESSION,
      },
      { parent: this },
    );
    for (const { application, title, hostnames } of access)
      new ZeroTrustAccessApplication(
        application,
        {
          accountId,
          name: `farms-${stack}: ${title}`,
          type: "self_hosted",
          destinations: hostnames.map((uri) => ({ type: "public", uri })),
          sessionDuration: SESSION,
          policies: [{ id: policy.id, precedence: 1 }],
        },
        { parent: this },
      );
  }
}
