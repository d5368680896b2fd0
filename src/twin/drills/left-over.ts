/** Faults are written down before they begin, so that one whose drill was killed can be named and undone by another run. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FarmError } from "../../shell/errors.ts";
import { writeWhole } from "../../shell/files.ts";
import type { TwinFarm } from "../farm.ts";
import { stackLayout } from "../machines/layout.ts";
import { drilledCluster } from "./cluster.ts";
import { drillNamed } from "./drills.ts";

export interface WrittenFault {
  /** Name of the drill. */
  readonly drill: string;
  readonly cluster: string;
  readonly targets: readonly string[];
  /** ISO 8601. */
  readonly since: string;
}

/** With the twin's durable things: a full disk is still full after this computer has restarted. */
const file = (stack: string): string => join(stackLayout(stack).state, "fault.json");

export function writeDown(stack: string, fault: WrittenFault): void {
  writeWhole(file(stack), JSON.stringify(fault));
}

export function strikeOut(stack: string): void {
  rmSync(file(stack), { force: true });
}

/** The fault that is in force, or that a killed drill left; undefined when there is none. */
export function writtenFault(stack: string): WrittenFault | undefined {
  return existsSync(file(stack)) ? JSON.parse(readFileSync(file(stack), "utf8")) : undefined;
}

/** "partition-one of db1, since 12:00:01" */
export function nameOf({ drill, targets, since }: WrittenFault): string {
  return `${drill} of ${targets.join(", ")}, since ${new Date(since).toTimeString().slice(0, 8)}`;
}

/**
 * Undoes what a killed drill left, while the caller holds the stack's lock.
 * @returns what it was, in words; undefined when there was nothing
 * Throws a FarmError when that fails; the fault then stays written down.
 */
export async function undoLeftFault(farm: TwinFarm): Promise<string | undefined> {
  const left = writtenFault(farm.stack);
  if (left === undefined) return undefined;
  const drill = drillNamed(left.drill);
  if (!("fault" in drill)) throw new FarmError(`${left.drill} has no fault that could be undone`);
  await drill.fault.undo({ farm, cluster: drilledCluster(farm, left.cluster), targets: left.targets });
  strikeOut(farm.stack);
  return nameOf(left);
}
