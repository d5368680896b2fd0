import { rmSync } from "node:fs";
import { killGroup } from "./cgroup.ts";
import { stackLayout } from "./layout.ts";
import { destroy, kill, listMachines } from "./machine.ts";
import { closeNetwork } from "./network.ts";
import { stopPackageProxy } from "./packages.ts";

/** Pulls the plug of a whole stack at once and closes its network; the machines' disks stay. */
export async function takeDown(stack: string): Promise<void> {
  await killGroup(stack);
  const names = listMachines(stack).map(({ name }) => name);
  await kill(stack, names);
  await stopPackageProxy(stack);
  await closeNetwork(stack);
}

/** Takes a stack down and deletes all it has, in every state that a killed run may have left. */
export async function destroyStack(stack: string): Promise<void> {
  await takeDown(stack);
  for (const { name } of listMachines(stack)) await destroy(stack, name);
  rmSync(stackLayout(stack).state, { recursive: true, force: true });
}
