/** A network of machines that one test file has to itself, without a farm in it. */
import { ensureImage } from "../../src/twin/machines/image.ts";
import { type Lock, lockStack } from "../../src/twin/machines/lock.ts";
import { openNetwork } from "../../src/twin/machines/network.ts";
import { startPackageProxy } from "../../src/twin/machines/packages.ts";
import { ensurePrerequisites } from "../../src/twin/machines/prerequisites.ts";
import { destroyStack } from "../../src/twin/machines/stack.ts";

/**
 * Opens the network of a stack, empty, with packages and the base image at hand. Returns the lock on it, for `closeStack`.
 * `holder` is what a second comer is told of.
 */
export async function openStack(stack: string, range: string, holder: string): Promise<Lock> {
  await ensurePrerequisites();
  const lock = await lockStack(stack, holder);
  await destroyStack(stack);
  await openNetwork(stack, range);
  await startPackageProxy(stack);
  await ensureImage(stack);
  return lock;
}

/** Removes the machines and the network of a stack that was opened. */
export async function closeStack(stack: string, lock: Lock): Promise<void> {
  await destroyStack(stack);
  lock.release();
}
