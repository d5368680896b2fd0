/** What was last seen of each host: kept on this computer, so that of one that can't be reached something is known. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeWhole } from "../../shell/files.ts";

/** One look at a host. Times as ISO 8601 in UTC. */
export interface Sighting {
  readonly seenAt: string;
  readonly appliedAt: string;
  /** SHA-256 of the bundle that was applied last, hex. */
  readonly sha256: string;
  /** That bundle. It holds no secrets. */
  readonly bundle: string;
  /** The commit of the program that applied it, where the host knows it. */
  readonly commit?: string;
}

export type Sightings = Readonly<Record<string, Sighting>>;

/** Reads the sightings of a farm by host. None when there is no such file, or one that a power cut has spoilt. */
export function readSightings(path: string): Sightings {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** Adds what was just seen; the file (0600) is replaced whole, and read anew before, for others may add to it too. */
export function keepSightings(path: string, seen: Sightings): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeWhole(path, JSON.stringify({ ...readSightings(path), ...seen }));
}
