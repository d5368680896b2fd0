import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { FarmError } from "../../shell/errors.ts";
import { waitUntil } from "./run.ts";

/**
 * Control groups. Every process that outlives a run of this program has one, so "is it running" and "kill it
 * whole" are questions to the kernel and need no file with process ids. A group is named by a path such as
 * "lab/machines/db1".
 */

const OWN = "farm-twin";

type Trees = { unified: string; memoryV1: string | undefined };

/**
 * Where control groups are mounted: below /sys/fs/cgroup on an ordinary Debian; on hybrid machines the
 * version 2 tree lies elsewhere and memory belongs to version 1.
 */
function trees(): Trees {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const unified = mounts.find(([, , type]) => type === "cgroup2")?.[1];
  if (!unified)
    throw new FarmError(
      "no cgroup2 file system is mounted here",
      "run it in the computer's own namespaces, or mount -t cgroup2 none /sys/fs/cgroup",
    );
  const memoryV1 = mounts.find(
    ([, , type, options]) => type === "cgroup" && options?.split(",").includes("memory"),
  );
  return { unified, memoryV1: memoryV1?.[1] };
}

/** The directory of a group in the version 2 tree. */
export function groupPath(group: string): string {
  return join(trees().unified, pathInTree(group));
}

/** The same from the root of the tree, wherever that is mounted. */
export function pathInTree(group: string): string {
  return join("/", OWN, group);
}

function memoryV1Path(group: string): string | undefined {
  const { memoryV1 } = trees();
  return memoryV1 && join(memoryV1, OWN, group);
}

/** Makes a group (nothing happens when it is there) and hands down the controllers that this machine has. */
function createGroup(group: string): void {
  const { unified } = trees();
  const path = groupPath(group);
  mkdirSync(path, { recursive: true });
  const downwards: string[] = [];
  for (let dir = path; dir.length >= unified.length; dir = dirname(dir)) downwards.unshift(dir);
  for (const dir of downwards) {
    const available = readFileSync(join(dir, "cgroup.controllers"), "utf8").split(/\s+/);
    const wanted = ["memory", "cpu", "pids"].filter((controller) => available.includes(controller));
    if (wanted.length > 0)
      writeFileSync(
        join(dir, "cgroup.subtree_control"),
        wanted.map((controller) => `+${controller}`).join(" "),
      );
  }
  const memory = memoryV1Path(group);
  if (memory) mkdirSync(memory, { recursive: true });
}

/**
 * Limits the memory of a group, now or while it runs.
 * @param bytes of memory and page cache together, which is what the kernel counts; undefined: no limit
 * @returns false where the kernel has no memory controller and so there is no limit
 */
export function limitMemory(group: string, bytes: number | undefined): boolean {
  createGroup(group);
  const memory = memoryV1Path(group);
  const v2 = join(groupPath(group), "memory.max");
  if (memory) writeFileSync(join(memory, "memory.limit_in_bytes"), String(bytes ?? -1));
  else if (existsSync(v2)) writeFileSync(v2, String(bytes ?? "max"));
  else return false;
  return true;
}

/**
 * Starts a command in a group, as the leader of a session of its own, so that it outlives this process.
 * @param log file that what it writes is appended to
 * @returns a promise for its end, with the exit code
 */
export function startDetached(
  group: string,
  argv: readonly string[],
  log: string,
): { ended: Promise<number> } {
  createGroup(group);
  // Below the group and not in it: with controllers handed down, only leaves may hold processes.
  const leaf = join(groupPath(group), "main");
  mkdirSync(leaf, { recursive: true });
  const memory = memoryV1Path(group);
  const enter = [leaf, ...(memory ? [memory] : [])].map((dir) => `echo 0 > ${dir}/cgroup.procs`).join(" && ");
  const out = openSync(log, "a", 0o600);
  const child = spawn("/bin/sh", ["-c", `${enter} && exec "$@"`, "sh", ...argv], {
    detached: true,
    stdio: ["ignore", out, out],
  });
  closeSync(out);
  child.unref();
  const ended = new Promise<number>((resolve) => {
    child.on("error", () => resolve(255));
    child.on("exit", (status) => resolve(status ?? 255));
  });
  return { ended };
}

/** Whether any process lives in the group or below it. */
export function isPopulated(group: string): boolean {
  return eventOf(group, "populated");
}

/** Stops all processes of the group at once, without their knowing, until they are killed. */
export async function freeze(group: string): Promise<void> {
  writeFileSync(join(groupPath(group), "cgroup.freeze"), "1");
  await waitUntil(
    () => isFrozen(group),
    10,
    () => `the processes of ${group} did not freeze within 10 s`,
  );
}

/** Lets the processes of a frozen group go on; nothing happens to others, or where there is no such group. */
export function thaw(group: string): void {
  const file = join(groupPath(group), "cgroup.freeze");
  if (existsSync(file)) writeFileSync(file, "0");
}

/** Whether all processes of the group stand still. */
export function isFrozen(group: string): boolean {
  return eventOf(group, "frozen");
}

/** Kills all processes of the group at once (SIGKILL) and removes it; nothing happens when there is none. */
export async function killGroup(group: string): Promise<void> {
  const path = groupPath(group);
  if (existsSync(path)) writeFileSync(join(path, "cgroup.kill"), "1");
  await removeGroup(group);
}

/** Removes a group once its last process is gone. */
export async function removeGroup(group: string): Promise<void> {
  await waitUntil(
    () => !isPopulated(group),
    30,
    () => `processes of ${group} are still there 30 s after they were killed`,
  );
  for (const path of [groupPath(group), memoryV1Path(group)])
    if (path)
      await waitUntil(
        () => removeTree(path),
        10,
        () => `the kernel still holds ${path} 10 s after its last process`,
      );
}

/** The processes directly in a directory of the version 2 tree; none when there is no such directory. */
export function processesIn(directory: string): number[] {
  return readIfThere(join(directory, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
}

function eventOf(group: string, event: "populated" | "frozen"): boolean {
  return readIfThere(join(groupPath(group), "cgroup.events")).includes(`${event} 1`);
}

/** Groups may go at any moment: a file that is gone (ENOENT, or ENODEV while being removed) is empty. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** False when a dying process still holds some directory of the tree. */
function removeTree(path: string): boolean {
  if (!existsSync(path)) return true;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory() && !removeTree(join(path, entry.name))) return false;
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}
