/** Machines of the twin that were made anew, and the time that took until the farm was healthy again. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { readSightings } from "../operate/drift/sightings.ts";
import { recordRebuilding } from "../operate/rebuild-record.ts";
import type { TwinFarm } from "./farm.ts";
import { machineLayout, stackLayout } from "./machines/layout.ts";
import { listMachines } from "./machines/machine.ts";

/** The file of a twin. */
export const twinRebuildings = (stack: string): string => join(stackLayout(stack).state, "rebuilds.jsonl");

/** Hosts that were seen healthy before, and whose machine was made since `began` (milliseconds since 1970). */
export function madeAnew({ stack, sightings }: TwinFarm, began: number): string[] {
  const known = readSightings(sightings);
  return listMachines(stack)
    .map(({ name }) => name)
    .filter((name) => name in known && statSync(machineLayout(stack, name).disk).birthtimeMs >= began);
}

/** Records that hosts, if any, were made anew by a command that has just ended. */
export function recordAnew({ stack }: TwinFarm, hosts: readonly string[], seconds: number): void {
  if (hosts.length === 0) return;
  const at = new Date().toISOString();
  recordRebuilding(twinRebuildings(stack), {
    hosts: [...hosts],
    what: "machine",
    seconds,
    at,
    where: "twin",
  });
}
