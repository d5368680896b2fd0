/** The smaller commands on a running twin: a shell, pulling plugs and putting them back, powering off. */
import { spawn } from "node:child_process";
import { namedHost } from "../operate/farm.ts";
import { farmCertificate } from "../roles/edge/authority.ts";
import { FarmError } from "../shell/errors.ts";
import { declarationOf } from "../shell/stack.ts";
import { undoLeftFault } from "./drills/left-over.ts";
import { openRunningFarm, openTwin, requireRoot, withGuests } from "./farm.ts";
import { askHosts, type HostHealth, isGreen } from "./health.ts";
import { isRunning } from "./machines/inside.ts";
import { lockStack } from "./machines/lock.ts";
import { bootAgain, kill, listMachines, powerCut, stop } from "./machines/machine.ts";
import { destroyStack, takeDown } from "./machines/stack.ts";

/** Runs a command on a host with this terminal, or a shell where there is none; returns its exit code. */
export async function shellOn(stack: string, name: string, argv: readonly string[]): Promise<number> {
  const farm = await openRunningFarm(stack);
  const host = namedHost(farm, name);
  const [command = "", ...args] = await farm.ssh.interactive(farm.target(host.id), argv);
  const child = spawn(command, args, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 255));
  });
}

/** Prints the certificate that a browser has to trust in order to take those of a twin's edge. */
export async function authority(stack: string): Promise<void> {
  const { inventory, keys } = await openTwin(stack);
  const certificate = farmCertificate(inventory, keys);
  if (certificate === undefined)
    throw new FarmError(`no host of ${stack} is an edge: it has no certificates`, "declare one: edge", 2);
  process.stdout.write(certificate);
}

/**
 * Pulls the plug of hosts, all at once; with `power`, unflushed writes are lost too. Throws a FarmError when a host is
 * not declared, or for `power` when one is off.
 */
export async function breakHosts(stack: string, names: readonly string[], power: boolean): Promise<void> {
  const farm = await openRunningFarm(stack);
  const hosts = withGuests(farm, names);
  const lock = await lockStack(stack, "farm twin break");
  try {
    await (power ? powerCut(stack, hosts) : kill(stack, hosts));
  } finally {
    lock.release();
  }
  await Promise.all(hosts.map((host) => farm.ssh.close(farm.target(host))));
  process.stdout.write(`off: ${hosts.join(", ")}\nput back: farm twin mend\n`);
}

/**
 * Boots the hosts that are off, those named or all, and undoes the fault of a drill that was killed. Throws a FarmError
 * when a host is not declared.
 */
export async function mendHosts(stack: string, names: readonly string[]): Promise<void> {
  const farm = await openRunningFarm(stack);
  const wanted = names.length > 0 ? withGuests(farm, names) : farm.inventory.hosts.map((h) => h.id);
  const lock = await lockStack(stack, "farm twin mend");
  const began = performance.now();
  try {
    const off = wanted.filter((host) => !isRunning(stack, host));
    await Promise.all(off.map((host) => bootAgain(stack, host)));
    const fault = await undoLeftFault(farm);
    if (fault !== undefined) process.stdout.write(`undone: ${fault}\n`);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(
      off.length === 0 ? "nothing was off\n" : `running after ${seconds} s: ${off.join(", ")}\n`,
    );
  } finally {
    lock.release();
  }
  const unwell = (await askHosts(farm)).filter((h: HostHealth) => !isGreen(h));
  if (unwell.length > 0)
    process.stdout.write(`not well yet: ${unwell.map((h) => h.host).join(", ")}; watch: farm twin status\n`);
}

/**
 * Powers all machines of a twin off in order, and with `purge` deletes everything it has but the image and the
 * package cache, which all twins share. A twin that is down or gone is no mistake.
 */
export async function down(stack: string, purge: boolean): Promise<void> {
  requireRoot();
  declarationOf(stack);
  const began = performance.now();
  const lock = await lockStack(stack, "farm twin down");
  try {
    const machines = listMachines(stack).filter((m) => m.running);
    const stopped = await Promise.allSettled(purge ? [] : machines.map((m) => stop(stack, m.name)));
    await (purge ? destroyStack(stack) : takeDown(stack));
    const failures = stopped.flatMap((s) => (s.status === "rejected" ? [s.reason] : []));
    if (failures.length > 0)
      throw new FarmError(
        `pulled the plug where powering off failed: ${failures.map((f) => f.message).join("; ")}`,
      );
    const what = purge ? "deleted" : `powered off ${machines.length} machines`;
    process.stdout.write(`${what} in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  } finally {
    lock.release();
  }
}
