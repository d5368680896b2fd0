/** Volumes of a container, its root file system and its mounts, as Proxmox writes them into its configuration. */
import { PctError } from "./pct-options.ts";
import type { Volume } from "./volumes.ts";

export const GIB = 2 ** 30;

type Config = Record<string, string>;

/** The parts of a mount that the schema knows; those of them that the twin puts into practice are mp, backup and size. */
const MOUNT_KEYS = new Set("acl backup mountoptions mp quota replicate ro shared size".split(" "));

/** "local-zfs:8,mp=/srv" by key; what stands first, without one, is `volume`. */
function parse(text: string): Record<string, string> {
  const [volume = "", ...parts] = text.split(",");
  return { volume, ...Object.fromEntries(parts.map((part) => part.split(/=(.*)/s).slice(0, 2))) };
}

/** The number of a volume that no other of the container has, as Proxmox's storages find it: the lowest. */
function freeVolume(vmid: number, config: Config): string {
  const all = Object.values(config).join(" ");
  for (let number = 0; ; number++) {
    const name = `subvol-${vmid}-disk-${number}`;
    if (!new RegExp(`${name}\\b`).test(all)) return name;
  }
}

/** "local-zfs:8" (GiB) becomes the volume that ZFS storage makes of it. `what` is the option's name. */
export function newRootfs(vmid: number, given: string): string {
  const [, storage, size] = /^([\w-]+):(\d+(?:\.\d+)?)(?:,.*)?$/.exec(given) ?? [];
  if (!storage || !size)
    throw new PctError(`unable to parse rootfs '${given}': write it as STORAGE:SIZE_IN_GIB`);
  return `${storage}:subvol-${vmid}-disk-0,size=${size}G`;
}

/** A mount "local-zfs:8,mp=/srv,backup=1" as it is stored; its volume is new. `config` has what the container has by now. */
function newMount(vmid: number, option: string, given: string, config: Config): string {
  const { volume = "", mp, ...rest } = parse(given);
  const wrong = Object.keys(rest).find((key) => !MOUNT_KEYS.has(key));
  const problem = wrong
    ? `${option}.${wrong}: property is not defined in schema and the schema does not allow additional properties`
    : mp === undefined
      ? `${option}.mp: property is missing and it is not optional`
      : undefined;
  if (problem)
    throw new PctError(
      `400 Parameter verification failed.\n${option}: invalid format - format error\n${problem}`,
    );
  const [, storage, size] = /^([\w-]+):(\d+(?:\.\d+)?)$/.exec(volume) ?? [];
  if (!storage || option in config)
    throw new PctError(
      `the twin's stand-in for pct makes new mounts alone, as --mpN STORAGE:SIZE_IN_GIB,mp=PATH`,
    );
  const parts = Object.entries({ ...rest, size: `${size}G` }).sort(([a], [b]) => (a < b ? -1 : 1));
  const printed = parts.map(([key, value]) => `,${key}=${value}`).join("");
  return `${storage}:${freeVolume(vmid, config)},mp=${mp}${printed}`;
}

/** The configuration with the new mounts among the values of a call; others are left alone. */
export function withMounts(vmid: number, values: Record<string, string>, config: Config): Config {
  const all = { ...config };
  for (const [name, value] of Object.entries(values))
    if (/^mp\d+$/.test(name)) all[name] = newMount(vmid, name, value, all);
  return all;
}

/** The mounts of a configuration, as the machine has them. */
export function volumesOf(config: Config): Volume[] {
  return Object.entries(config)
    .filter(([name]) => /^mp\d+$/.test(name))
    .map(([, text]) => volumeOf(text));
}

/** A volume of a configuration; the root file system's path is "/". */
export function volumeOf(text: string): Volume {
  const { volume = "", mp = "/", size = "" } = parse(text);
  return { name: volume.split(":")[1] ?? "", path: mp, bytes: bytesOf(size) };
}

const UNITS = { K: 2 ** 10, M: 2 ** 20, G: GIB, T: 2 ** 40 };

/** "20G", "512M", "+1G" without its sign, or bytes. */
export function bytesOf(size: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(size) ?? [];
  if (number === undefined) throw new PctError("invalid size string");
  return Number(number) * (UNITS[unit as keyof typeof UNITS] ?? 1);
}

/**
 * A disk of a configuration at another size: as it is then stored, and the volume. Throws a PctError as Proxmox does where
 * there is no such disk, or it is not smaller.
 */
export function resized(config: Config, disk: string, size: string): { stored: string; volume: Volume } {
  const text = config[disk];
  if (text === undefined) throw new PctError(`no such disk: ${disk}`);
  const present = volumeOf(text);
  const bytes = (size.startsWith("+") ? present.bytes : 0) + bytesOf(size.replace("+", ""));
  if (bytes < present.bytes) throw new PctError("unable to shrink disk size");
  if (bytes === present.bytes) throw new PctError("disk is already at specified size");
  const stored = text.replace(/size=[^,]*/, `size=${bytes / GIB}G`);
  return { stored, volume: { ...present, bytes } };
}

/**
 * What `--delete` leaves of a configuration, and the volumes that go with all that is on them: a mount becomes an unused
 * volume, an unused volume goes.
 */
export function without(config: Config, names: readonly string[]): { config: Config; gone: string[] } {
  const rest = { ...config };
  const gone: string[] = [];
  for (const name of names) {
    const text = rest[name];
    delete rest[name];
    if (text === undefined) continue;
    const { volume = "" } = parse(text);
    if (/^mp\d+$/.test(name)) rest[freeUnused(rest)] = volume;
    if (/^unused\d+$/.test(name)) gone.push(volume.split(":")[1] ?? "");
  }
  return { config: rest, gone };
}

function freeUnused(config: Config): string {
  for (let number = 0; ; number++) if (!(`unused${number}` in config)) return `unused${number}`;
}
