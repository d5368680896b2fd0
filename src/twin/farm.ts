/** A stack as its twin runs it: inventory, plan and how to reach each host. What all twin commands begin with. */
import { join } from "node:path";
import { type Connection, connectionTo } from "../host/connection.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { deriveKeys, type Keys } from "../plan/keys.ts";
import { makePlan, type Plan } from "../plan/plan.ts";
import { FarmError } from "../shell/errors.ts";
import { openStack, type Settings } from "../shell/stack.ts";
import { stackLayout } from "./machines/layout.ts";
import { openRange } from "./machines/network.ts";
import { twinSettings } from "./settings.ts";
import { SshPool } from "./ssh.ts";

export interface TwinFarm {
  readonly stack: string;
  readonly settings: Settings;
  readonly inventory: Inventory;
  readonly keys: Keys;
  readonly plan: Plan;
  readonly ssh: SshPool;
  readonly target: (host: string) => Connection<string>;
}

/** Where the records of the stack's resources lie. */
export const resourceFile = (stack: string): string => join(stackLayout(stack).state, "stack.json");

/** Refuses anybody but root: machines, networks and the twin's keys are root's alone. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new FarmError("the twin needs root", "run it with sudo");
}

/**
 * Opens the twin of a stack without touching its machines. Throws a FarmError when the caller is not root or the
 * declaration or its settings are wrong.
 */
export async function openFarm(stack: string): Promise<TwinFarm> {
  requireRoot();
  const settings = await twinSettings(stack);
  const { inventory, shell } = openStack(stack, settings);
  const keys = deriveKeys(shell.masterKey ?? "", stack, inventory.generations);
  return {
    stack,
    settings,
    inventory,
    keys,
    plan: makePlan(inventory, keys),
    ssh: new SshPool(stack),
    target: (host) => connectionTo(inventory, keys, host, shell.privateKey),
  };
}

/** As openFarm, for commands that talk to running machines. Throws a FarmError when the twin is down. */
export async function openRunningFarm(stack: string): Promise<TwinFarm> {
  requireRoot();
  if (openRange(stack) === undefined)
    throw new FarmError(`the twin '${stack}' is down`, `start it: farm twin up ${stack}`);
  return openFarm(stack);
}

/** A declared host by the name a person typed. Throws a FarmError (exit code 2) that lists the names. */
export function namedHost({ inventory }: TwinFarm, name: string): Host {
  if (!inventory.hosts.some((h) => h.id === name))
    throw new FarmError(
      `stack ${inventory.stack} has no host "${name}"`,
      `name one of: ${inventory.hosts.map((h) => h.id).join(", ")}`,
      2,
    );
  return hostOf(inventory, name);
}

/** The hosts that people named, and the guests that lose their machine with them. */
export function withGuests(farm: TwinFarm, names: readonly string[]): string[] {
  const hosts = new Set(names.map((name) => namedHost(farm, name).id));
  const guests = farm.inventory.hosts.filter((h) => h.origin.kind === "guest" && hosts.has(h.origin.parent));
  return [...new Set([...hosts, ...guests.map((g) => g.id)])];
}
