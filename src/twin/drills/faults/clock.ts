/** Clocks that jump, where the kernel could make them. */
import { readFileSync } from "node:fs";
import { FarmError } from "../../../shell/errors.ts";
import { initProcess } from "../../machines/inside.ts";
import type { Scene } from "./fault.ts";

/**
 * Why a machine's wall clock can't be set apart from the others', from what the kernel says.
 * @param offsets /proc/PID/timens_offsets: the clocks that the kernel can shift for one group of processes
 * (time_namespaces(7)), a line each, the clock's name first
 */
export function sharedClock(offsets: string): string {
  const clocks = offsets
    .split("\n")
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/)[0]);
  return clocks.includes("realtime")
    ? "this kernel could shift a machine's wall clock, which this program does not know how to do"
    : `the machines share this computer's wall clock: of one machine the kernel shifts ${clocks.join(" and ")} alone`;
}

/** Looks on the machine of the first target. Throws a FarmError when that does not run. */
export async function clockRefusal({ farm, targets: [target = ""] }: Scene): Promise<string> {
  const pid = initProcess(farm.stack, target);
  if (pid === undefined) throw new FarmError(`${target} is not running`);
  return sharedClock(readFileSync(`/proc/${pid}/timens_offsets`, "utf8"));
}
