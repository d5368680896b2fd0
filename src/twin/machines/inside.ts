import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FarmError } from "../../shell/errors.ts";
import { groupPath, isPopulated, processesIn } from "./cgroup.ts";
import { type Result, type RunOptions, run } from "./run.ts";

/** The control group of a machine. */
export function machineGroup(stack: string, name: string): string {
  return `${stack}/machines/${name}`;
}

/** Whether the machine runs; a machine that is just booting or powering off does. */
export function isRunning(stack: string, name: string): boolean {
  return isPopulated(machineGroup(stack, name));
}

/**
 * Process id, on this computer, of the machine's own process 1; undefined while it has none: machine.sh makes a group
 * for each boot, nspawn a `payload` in it, and systemd its init.scope in that.
 */
export function initProcess(stack: string, name: string): number | undefined {
  const group = groupPath(machineGroup(stack, name));
  if (!isRunning(stack, name)) return undefined;
  const boots = readdirSync(group).filter((entry) => entry.startsWith("boot-"));
  const pids = boots.flatMap((boot) => processesIn(join(group, boot, "payload", "init.scope")));
  return pids.find(isInit);
}

/**
 * Whether a process is number 1 where it lives. Its group also holds children on their way to their own group, and
 * these have lower numbers on this computer when the kernel has just started to count anew.
 */
function isInit(pid: number): boolean {
  try {
    return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/**
 * A command as it runs inside a machine, in all its namespaces, as root: past its network and its sshd. For tests and
 * for what a hypervisor does from outside; people use ssh. Throws a FarmError when the machine isn't up.
 */
export function insideMachine(stack: string, name: string, argv: readonly string[]): string[] {
  const pid = initProcess(stack, name);
  if (pid === undefined) throw new FarmError(`${name} is not running`);
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return [
    ...["nsenter", "--target", String(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"],
    ...["--root", "--wd", "env", "--ignore-environment", path, "HOME=/root", "LANG=C.UTF-8", ...argv],
  ];
}

/**
 * A command of this computer as it runs in a machine's own network, which its packet filter can't tell from the
 * machine's own. Throws a FarmError when the machine isn't up.
 */
export function inNetworkOf(stack: string, name: string, argv: readonly string[]): string[] {
  const pid = initProcess(stack, name);
  if (pid === undefined) throw new FarmError(`${name} is not running`);
  return ["nsenter", "--target", String(pid), "--net", ...argv];
}

/** Runs a command inside a machine and returns its exit code and output. */
export function inMachine(
  stack: string,
  name: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  return run(insideMachine(stack, name, argv), options);
}
