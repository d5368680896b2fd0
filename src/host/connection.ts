import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { hostOf } from "../inventory/load.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";

export type Connection = types.input.remote.ConnectionArgs;

/**
 * How the program reaches a host: as root, by key, with the host's key known in advance; a guest through its
 * Proxmox host. `privateKey` is the administrator's; without one the SSH agent is asked.
 */
export function connectionTo(
  inventory: Inventory,
  keys: Keys,
  id: string,
  privateKey: string | undefined,
): Connection {
  const host = hostOf(inventory, id);
  const end = (target: typeof host) => ({
    host: target.address,
    user: "root",
    hostKey: keys.sshHostKey(target.id).publicKey,
    ...(privateKey === undefined ? {} : { privateKey: pulumi.secret(privateKey) }),
  });
  if (host.origin.kind !== "guest") return end(host);
  return { ...end(host), proxy: end(hostOf(inventory, host.origin.parent)) };
}
