/** How much of a host PostgreSQL may take. */
import type { Host } from "../../inventory/schema.ts";

const MIB = 2 ** 20;
const clamp = (low: number, value: number, high: number): number =>
  Math.floor(Math.max(low, Math.min(value, high)));

export interface Sizes {
  /** MiB. */
  readonly sharedBuffers: number;
  readonly cache: number;
  readonly workMem: number;
  readonly maintenanceMem: number;
  readonly maxWal: number;
  /** What is kept at most for a copy that is away. */
  readonly slotWal: number;
}

/**
 * Sizes in MiB from what a host has. A quarter of the memory for PostgreSQL's own buffers is its documentation's advice;
 * it leans on the kernel's cache for the rest.
 */
export function sizes(host: Host, connections: number): Sizes {
  const memory = host.share / MIB;
  const disk = host.disk / MIB;
  return {
    sharedBuffers: clamp(128, memory * 0.25, 16_384),
    cache: clamp(256, memory * 0.6, 49_152),
    // A query may take it for each of its sorts and hashes, and all connections at once should not swap.
    workMem: clamp(4, (memory * 0.25) / connections, 64),
    maintenanceMem: clamp(64, memory / 16, 1024),
    // Big enough that checkpoints don't press, small enough that recovery after a crash takes seconds.
    maxWal: clamp(512, disk / 40, 4096),
    // A copy that misses more gets a fresh one; the disk must not fill because it is away.
    slotWal: clamp(1024, disk / 8, 65_536),
  };
}

/** Connections of the whole cluster, as the smallest of its hosts can bear: a busy one takes about 10 MB. */
export function connectionsOf(hosts: readonly Host[]): number {
  return clamp(100, Math.min(...hosts.map((h) => h.share)) / (10 * MIB), 500);
}
