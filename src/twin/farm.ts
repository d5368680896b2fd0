/** A stack as its twin runs it. What all twin commands begin with. */
import { join } from "node:path";
import { type Farm, farmFrom, namedHost } from "../operate/farm.ts";
import { FarmError } from "../shell/errors.ts";
import { SshPool } from "../shell/ssh.ts";
import type { Settings } from "../shell/stack.ts";
import { stackLayout } from "./machines/layout.ts";
import { inNamespace, openRange } from "./machines/network.ts";
import { twinSettings } from "./settings.ts";

/** A farm whose hosts are machines of this computer. */
export interface TwinFarm extends Farm {
  readonly settings: Settings;
}

/** Where the records of the stack's resources lie. */
export const resourceFolder = (stack: string): string => join(stackLayout(stack).state, "stack");

/** SSH to the machines of a twin: it has to enter their network, and its files lie where all go when the twin goes. */
export function twinSsh(stack: string): SshPool {
  // The key exchange of the engine's own SSH. That of OpenSSH 9 costs 70 ms of a processor a connection, and guards
  // against whoever keeps what passes on a wire for tomorrow's computers: there is no wire.
  const settings = { KexAlgorithms: "curve25519-sha256" };
  return new SshPool(join(stackLayout(stack).run, "ssh"), (argv) => inNamespace(stack, argv), settings);
}

/** Refuses anybody but root: machines, networks and the twin's keys are root's alone. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new FarmError("the twin needs root", "run it with sudo");
}

/**
 * Opens the twin of a stack without touching its machines. Throws a FarmError when the caller is not root or the
 * declaration or its settings are wrong.
 */
export async function openTwin(stack: string): Promise<TwinFarm> {
  requireRoot();
  const settings = await twinSettings(stack);
  return {
    ...farmFrom(stack, settings, twinSsh(stack), join(stackLayout(stack).state, "seen.json")),
    settings,
  };
}

/** As openTwin, for commands that talk to running machines. Throws a FarmError when the twin is down. */
export async function openRunningFarm(stack: string): Promise<TwinFarm> {
  requireRoot();
  if (openRange(stack) === undefined)
    throw new FarmError(`the twin '${stack}' is down`, `start it: farm twin up ${stack}`);
  return openTwin(stack);
}

/** The hosts that people named, and the guests that lose their machine with them. */
export function withGuests(farm: TwinFarm, names: readonly string[]): string[] {
  const hosts = new Set(names.map((name) => namedHost(farm, name).id));
  const guests = farm.inventory.hosts.filter((h) => h.origin.kind === "guest" && hosts.has(h.origin.parent));
  return [...new Set([...hosts, ...guests.map((g) => g.id)])];
}
