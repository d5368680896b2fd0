import { spawn } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FarmError } from "../../shell/errors.ts";
import { LOCKS, makeRoots, stackLayout } from "./layout.ts";

export type Lock = { release(): void };

/**
 * Takes the lock of a stack, so that two runs never change the same twin.
 * The kernel holds it (flock) for as long as this process lives, so nothing is left behind by a kill -9.
 * @param command what a second comer is told is running, e.g. "farm twin up"
 * Throws a FarmError that names the holder when another run has it.
 */
export async function lockStack(stack: string, command: string): Promise<Lock> {
  stackLayout(stack);
  const lock = await lockFile(`stack-${stack}`, 0, command);
  if (lock) return lock;
  throw new FarmError(
    `another run holds the twin '${stack}': ${holder(`stack-${stack}`)}`,
    "wait until it has ended, or end it",
  );
}

/**
 * Runs `work` while holding a lock that all stacks share, waiting for it if need be.
 * @param limit seconds to wait for the present holder, then a FarmError
 */
export async function withSharedLock<T>(name: string, limit: number, work: () => Promise<T>): Promise<T> {
  const lock = await lockFile(name, limit, name);
  if (!lock)
    throw new FarmError(`waited ${limit} s for another run to be done with the ${name}: ${holder(name)}`);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** Undefined when somebody else holds the lock for the whole limit (seconds). */
async function lockFile(name: string, limit: number, command: string): Promise<Lock | undefined> {
  makeRoots();
  const fd = openSync(lockPath(name), "a+", 0o600);
  // Node has no flock of its own. The lock belongs to the open file, which the child shares with us, so it
  // stays with us when the child has ended; no other child inherits the descriptor.
  const child = spawn("flock", ["--exclusive", "--timeout", String(limit), "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 255));
  });
  if (code !== 0) {
    closeSync(fd);
    return undefined;
  }
  ftruncateSync(fd);
  const since = new Date().toTimeString().slice(0, 8);
  writeSync(fd, `pid ${process.pid}, \`${command}\`, since ${since}`);
  return { release: () => closeSync(fd) };
}

function holder(name: string): string {
  return readFileSync(lockPath(name), "utf8") || "it has only just started";
}

/** Lock files are never deleted: a lock on a deleted file would exclude nobody. */
function lockPath(name: string): string {
  return join(LOCKS, name);
}
