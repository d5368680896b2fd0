import { hostOf } from "../inventory/load.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";

/** One end of an SSH connection, in the words of the command provider's connection arguments. */
export interface ConnectionEnd<Key> {
  readonly host: string;
  readonly user: string;
  /** The host's public key, known in advance. The provider ignores a missing one in silence, so it is required. */
  readonly hostKey: string;
  readonly privateKey?: Key;
}

export interface Connection<Key> extends ConnectionEnd<Key> {
  readonly proxy?: ConnectionEnd<Key>;
}

/**
 * How a host is reached: as root, by key, with the host's key known in advance; a guest through its Proxmox host.
 * `privateKey` is the administrator's, as text or as the engine's secret; without one the SSH agent is asked.
 * `generation` is that of the host's own key, the present one unless a former is asked for.
 */
export function connectionTo<Key>(
  inventory: Inventory,
  keys: Keys,
  id: string,
  privateKey: Key | undefined,
  generation?: number,
): Connection<Key> {
  const host = hostOf(inventory, id);
  const end = (target: typeof host, at?: number): ConnectionEnd<Key> => ({
    host: target.address,
    user: "root",
    hostKey: keys.sshHostKey(target.id, at).publicKey,
    ...(privateKey === undefined ? {} : { privateKey }),
  });
  if (host.origin.kind !== "guest") return end(host, generation);
  return { ...end(host, generation), proxy: end(hostOf(inventory, host.origin.parent)) };
}
