/** A farm whose hosts are asked and told things by operators: what such commands begin with, on the real one or its twin. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type Connection, connectionTo } from "../host/connection.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { deriveKeys, type Keys } from "../plan/keys.ts";
import { makePlan, type Plan } from "../plan/plan.ts";
import { FarmError } from "../shell/errors.ts";
import { SshPool } from "../shell/ssh.ts";
import { declarationOf, openStack, readSettings, refuseExamples, type Settings } from "../shell/stack.ts";
import { engineSecrets } from "./engine-secrets.ts";

/** A stack and the way to its hosts. */
export interface Farm {
  readonly stack: string;
  readonly inventory: Inventory;
  readonly keys: Keys;
  readonly plan: Plan;
  readonly ssh: SshPool;
  readonly target: (host: string) => Connection<string>;
  /** File in which this computer keeps what it last saw of each host (drift/sightings.ts). */
  readonly sightings: string;
}

/** Puts a farm together from complete settings, secrets included. Throws a FarmError (exit code 2) when they are wrong. */
export function farmFrom(stack: string, settings: Settings, ssh: SshPool, sightings: string): Farm {
  const { inventory, shell } = openStack(stack, settings);
  const keys = deriveKeys(shell.masterKey ?? "", stack, inventory.generations);
  return {
    stack,
    inventory,
    keys,
    plan: makePlan(inventory, keys),
    ssh,
    target: (host) => connectionTo(inventory, keys, host, shell.privateKey),
    sightings,
  };
}

/** A file in which this computer keeps something about the real farms, after the XDG base directory specification. */
export const kept = (name: string): string =>
  join(process.env.XDG_STATE_HOME || join(homedir(), ".local/state"), "farms", name);

/**
 * Opens the real farm of a stack; sends nothing to its hosts yet. Its secrets are the engine's, who is asked for them.
 * Throws a FarmError: with exit code 2 when the declaration or the settings are wrong or still examples, so that
 * nothing is ever sent to an example's address; with 1 when the engine gives no secrets.
 */
export async function openFarm(stack: string): Promise<Farm> {
  declarationOf(stack);
  const settings = readSettings(stack);
  refuseExamples(openStack(stack, settings).inventory);
  const connections = join(homedir(), ".cache/farms/ssh", stack);
  const secrets = await engineSecrets(stack);
  const ssh = new SshPool(connections, (argv) => argv);
  return farmFrom(stack, { ...settings, ...secrets }, ssh, kept(`${stack}.json`));
}

/** A declared host by the name a person typed. Throws a FarmError (exit code 2) that lists the names. */
export function namedHost({ inventory }: Pick<Farm, "inventory">, name: string): Host {
  if (!inventory.hosts.some((h) => h.id === name))
    throw new FarmError(
      `stack ${inventory.stack} has no host "${name}"`,
      `name one of: ${inventory.hosts.map((h) => h.id).join(", ")}`,
      2,
    );
  return hostOf(inventory, name);
}
