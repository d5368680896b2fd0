import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FarmError } from "../../shell/errors.ts";

/**
 * Where the twin keeps its things. Everything durable is below STATE, everything that a restart of
 * this computer may lose is below RUN. Both belong to root; only the package proxy, which runs as a user of its
 * own, may pass through them (0711), all that lies within is 0700.
 */
export const STATE = "/var/lib/farm-twin";
export const RUN = "/run/farm-twin";
export const IMAGES = join(STATE, "images");
export const PACKAGES = join(STATE, "packages");
export const PACKAGES_RUN = join(RUN, "packages");
export const LOCKS = join(RUN, "locks");

/** Names below STATE and RUN that no stack may take. */
const RESERVED = ["images", "packages", "locks"];

export type StackLayout = {
  /** Disks and machine directories. */
  readonly state: string;
  readonly machines: string;
  /** Guests of the Proxmox hosts: one JSON file per VMID. */
  readonly guests: string;
  readonly run: string;
  /** The address range of the network, as text, for as long as the network is open. */
  readonly rangeFile: string;
  /** Name of the network namespace. */
  readonly namespace: string;
};

export type MachineLayout = {
  readonly dir: string;
  /** What the machine was last booted with (MachineSpec as JSON). */
  readonly spec: string;
  /** Symbolic link to the base image that this machine's disk was made for. */
  readonly image: string;
  readonly disk: string;
  /** Which volumes are mounted at a boot, and where: a line each. */
  readonly volumes: string;
  /** Mount points; they are populated only in the machine's own mount namespace. */
  readonly mounts: string;
  /** Files that are laid over the root file system before every boot. */
  readonly overlay: string;
  readonly console: string;
};

/**
 * Paths and names that belong to one stack.
 * @param stack lower-case letters, digits and dashes, at most 40 characters; anything else throws a FarmError
 */
export function stackLayout(stack: string): StackLayout {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(stack) || RESERVED.includes(stack))
    throw new FarmError(
      `"${stack}" can't be the name of a twin`,
      "use lower-case letters, digits and dashes, a letter first",
      2,
    );
  const state = join(STATE, stack);
  const run = join(RUN, stack);
  return {
    state,
    machines: join(state, "machines"),
    guests: join(state, "guests"),
    run,
    rangeFile: join(run, "range"),
    namespace: `farm-${stack}`,
  };
}

/**
 * Paths of one machine.
 * @param name a host name: letters, digits and dashes, at most 63 characters; anything else throws a FarmError
 */
export function machineLayout(stack: string, name: string): MachineLayout {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    throw new FarmError(`"${name}" can't be the name of a machine`, "use a host name in lower case", 2);
  const dir = join(stackLayout(stack).machines, name);
  return {
    dir,
    spec: join(dir, "machine.json"),
    image: join(dir, "image"),
    disk: join(dir, "disk.ext4"),
    volumes: join(dir, "volumes"),
    mounts: join(dir, "mounts"),
    overlay: join(dir, "overlay"),
    console: join(dir, "console.log"),
  };
}

/** Makes the common directories with the permissions described above. */
export function makeRoots(): void {
  for (const dir of [STATE, RUN]) mkdirSync(dir, { recursive: true, mode: 0o711 });
  for (const dir of [IMAGES, LOCKS]) mkdirSync(dir, { recursive: true, mode: 0o700 });
}
