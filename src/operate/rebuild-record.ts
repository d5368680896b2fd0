/** How long it took to make hosts anew: a line each time in a file of this computer, for whoever asks how long it takes. */
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { FarmError } from "../shell/errors.ts";
import { kept } from "./farm.ts";

const rebuildingSchema = z.strictObject({
  /** Hosts that were made anew by one command. */
  hosts: z.array(z.string()).min(1),
  /**
   * `machine`: from the command until every probe of the farm said yes. `proxmox`, `debian`: the installation of that system alone, until
   * it waited for the program.
   */
  what: z.enum(["machine", "proxmox", "debian"]),
  seconds: z.number().positive(),
  /** When it was done, ISO 8601 in UTC. */
  at: z.iso.datetime(),
  where: z.enum(["twin", "real"]),
});

export type Rebuilding = Readonly<z.output<typeof rebuildingSchema>>;

/** The file of a real farm. */
export const realRebuildings = (stack: string): string => kept(`${stack}-rebuilds.jsonl`);

/** Adds a line; the file is for its owner alone (0600). */
export function recordRebuilding(path: string, rebuilding: Rebuilding): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  appendFileSync(path, `${JSON.stringify(rebuilding)}\n`, { mode: 0o600 });
}

/** Adds the installation of a real host that has just ended, if all of it was measured. */
export function recordInstallation(
  stack: string,
  host: string,
  what: Exclude<Rebuilding["what"], "machine">,
  seconds: number | undefined,
): void {
  if (seconds === undefined) return;
  const at = new Date().toISOString();
  recordRebuilding(realRebuildings(stack), { hosts: [host], what, seconds, at, where: "real" });
}

/** All lines of a file; none where there is no such file. Throws a FarmError that names a line which is none of these. */
export function readRebuildings(path: string): Rebuilding[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").flatMap((line, index) => {
    if (line === "") return [];
    const read = rebuildingSchema.safeParse(parsed(line));
    if (read.success) return [read.data];
    throw new FarmError(`${path}: line ${index + 1} is no record of a rebuild`, "remove that line");
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
