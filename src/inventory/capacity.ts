/** What a Proxmox host has for its guests, and what they take. */
import { mountsOf } from "./machines.ts";
import type { Host, Inventory } from "./schema.ts";

const GB = 1e9;
/** For Proxmox VE's own services, without guests: its documentation asks for 2 GB. */
const SYSTEM_MEMORY = 2 * GB;
/** ZFS gets slow and fragments when a pool is fuller than that (OpenZFS, "Workload Tuning": keep a fifth free). */
const POOL_SHARE = 0.8;

/**
 * Bytes that ZFS may keep of the disks in memory (its ARC): a tenth of the memory, at most 16 GiB, as Proxmox VE's installer
 * sets it since 8.1.
 */
export const arcLimit = (memory: number): number => Math.min(Math.floor(memory / 10), 16 * 2 ** 30);

interface Resources {
  /** Bytes. */
  readonly memory: number;
  /** Bytes. */
  readonly disk: number;
  /** Threads. */
  readonly cores: number;
}

/** What is left for guests of a Proxmox host. */
export function roomOf(host: Host): Resources {
  return {
    memory: host.memory - arcLimit(host.memory) - SYSTEM_MEMORY,
    disk: host.disk * POOL_SHARE,
    cores: host.origin.kind === "dedicated" ? host.origin.cores : 0,
  };
}

const parentOf = ({ origin }: Host): string => (origin.kind === "guest" ? origin.parent : "");

/** Each host of a plan asks for its guests, so they are looked up once for all. */
const guestsByParent = new WeakMap<readonly Host[], ReadonlyMap<string, Host[]>>();

/** The guests of a Proxmox host, in the order of the declaration; none for any other host. */
export function guestsOf({ hosts }: Pick<Inventory, "hosts">, parent: string): readonly Host[] {
  const known = guestsByParent.get(hosts) ?? Map.groupBy(hosts, parentOf);
  guestsByParent.set(hosts, known);
  return known.get(parent) ?? [];
}

/** What a Proxmox host's guests are promised, added up. */
export function takenBy(guests: readonly Host[]): Resources {
  const sum = (of: (guest: Host) => number): number => guests.reduce((total, guest) => total + of(guest), 0);
  return {
    memory: sum((g) => g.memory),
    disk: sum((g) => mountsOf(g.origin).reduce((total, mount) => total + mount.size, g.disk)),
    cores: sum(({ origin }) => (origin.kind === "guest" ? origin.cores : 0)),
  };
}

const inGigabytes = (bytes: number): string => `${(bytes / GB).toFixed(1)} GB`;
const inThreads = (threads: number): string => `${threads}`;

/** Refuses to promise guests more than their host has; says the sum, since no single guest is at fault. */
export function checkCapacity(inventory: Inventory): string[] {
  return inventory.hosts.flatMap((host) => {
    if (host.origin.kind !== "dedicated") return [];
    const guests = guestsOf(inventory, host.id);
    if (guests.length === 0) return [];
    const [room, taken] = [roomOf(host), takenBy(guests)];
    const kinds = [
      ["memory", inGigabytes, "after ZFS and Proxmox have theirs"],
      ["disk", inGigabytes, "when a fifth of the pool stays free"],
      ["cores", inThreads, "as threads of its processor"],
    ] as const;
    return kinds
      .filter(([kind]) => taken[kind] > room[kind])
      .map(
        ([kind, written, why]) =>
          `${host.id} has ${written(room[kind])} of ${kind} for guests (${why}), its ${guests.length} guests are promised ${written(taken[kind])}; give them less or move one elsewhere`,
      );
  });
}
