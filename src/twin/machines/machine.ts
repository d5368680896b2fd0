import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { FarmError } from "../../shell/errors.ts";
import { writeWhole } from "../../shell/files.ts";
import {
  freeze,
  groupPath,
  killGroup,
  limitMemory,
  pathInTree,
  processesIn,
  removeGroup,
  startDetached,
  thaw,
} from "./cgroup.ts";
import { cutDisk, ensureDisk, fitDisks, releaseDisks, writeSeeds } from "./disk.ts";
import { ensureImage } from "./image.ts";
import { initProcess, inNetworkOf, isRunning, machineGroup } from "./inside.ts";
import { machineLayout, stackLayout } from "./layout.ts";
import { BRIDGE, inNamespace, isWithin, openRange, range6Of } from "./network.ts";
import { lastLines, run, waitUntil } from "./run.ts";
import { everyBoot, firstBoot } from "./seeds.ts";
import { prepareVolumes, type Volume } from "./volumes.ts";

export type MachineSpec = {
  /** Unique in the stack, and the host name unless that is given. */
  name: string;
  hostname?: string;
  /** IPv4 address within the stack's range. */
  address: string;
  prefixLength: number;
  /** IPv6 address within the range that belongs to the stack's, where it has one. */
  address6?: string;
  /** Limit that the kernel sets from outside; the machine itself sees the whole computer's memory. */
  memoryBytes?: number;
  /** Size of the disk at its making; a file that was enlarged since is fitted at a boot. */
  diskBytes: number;
  /** File systems beside the disk. They are made at their first boot, and those that go are kept. */
  volumes?: readonly Volume[];
  /** OpenSSH's ed25519 host key as texts; without it the machine gets a new one at its first boot. */
  hostKey?: { privateKey: string; publicKey: string };
  /** Lines of root's authorized_keys at the first boot. */
  authorizedKeys: string[];
  /** Whether it bears the mark of a machine that was made for the farm, by which the agent knows it. */
  fresh?: boolean;
  /** Files and directories of this computer to show inside, as systemd-nspawn's --bind: SOURCE[:DESTINATION]. */
  binds?: string[];
};

/** Seconds a booted machine has until its sshd answers; measured: 1 to 4. */
const BOOT_LIMIT = 30;
/** Seconds a machine has to power itself off; systemd gives each service 90. */
const STOP_LIMIT = 120;

/**
 * Boots a machine in a stack whose network and package proxy run, and waits until its sshd answers. The first boot
 * makes its disk; later ones find it as it was left. A machine that already runs is only waited for. Name,
 * addresses and memory limit are set anew at each boot, disk size and keys at the first alone.
 * Throws a FarmError with the end of the console when no sshd answers within 30 s; the machine stays as it is.
 */
export async function boot(stack: string, spec: MachineSpec): Promise<void> {
  const started = isRunning(stack, spec.name) ? undefined : await launch(stack, spec);
  const decided = new AbortController();
  // Asked from within the machine's own network: its packet filter may keep everybody else out.
  const script = join(import.meta.dirname, "await-ssh.py");
  const banner = run(inNetworkOf(stack, spec.name, ["python3", script, spec.address, String(BOOT_LIMIT)]), {
    signal: decided.signal,
  });
  const outcomes = [
    banner.then(({ code }) =>
      code === 0 ? "" : `no sshd answers at ${spec.address} within ${BOOT_LIMIT} s`,
    ),
  ];
  if (started) outcomes.push(started.ended.then((code) => `it ended with code ${code}`));
  const outcome = await Promise.race(outcomes);
  decided.abort();
  if (outcome)
    throw new FarmError(
      `${spec.name} does not boot: ${outcome}. Its console:\n${consoleEnd(stack, spec.name)}`,
    );
}

/**
 * Powers a machine on and returns as soon as its process 1 runs, long before it offers any service.
 * @returns a promise for its end, with the exit code
 */
export async function launch(stack: string, spec: MachineSpec): Promise<{ ended: Promise<number> }> {
  const machine = machineLayout(stack, spec.name);
  const group = machineGroup(stack, spec.name);
  await prepare(stack, spec);
  // What a killed run has left: an empty group, a loop device without a mount.
  await removeGroup(group);
  await releaseDisks(machine);
  await fitDisks(machine);
  limitMemory(group, spec.memoryBytes);
  const { ended } = startDetached(group, machineCommand(stack, spec), machine.console);
  let over = false;
  ended.then(() => {
    over = true;
  });
  await waitUntil(
    () => over || initProcess(stack, spec.name) !== undefined,
    BOOT_LIMIT,
    () => `${spec.name} does not start within ${BOOT_LIMIT} s. Its console:\n${consoleEnd(stack, spec.name)}`,
  );
  if (over) throw new FarmError(`${spec.name} does not start. Its console:\n${consoleEnd(stack, spec.name)}`);
  return { ended };
}

/** Makes a machine's disk and directories, without booting it; nothing happens to a disk that is there. */
export async function prepare(stack: string, spec: MachineSpec): Promise<void> {
  const machine = machineLayout(stack, spec.name);
  const range = openRange(stack);
  const { name, address, address6 } = spec;
  if (!range || !isWithin(address, range))
    throw new FarmError(`${name} can't have ${address}: the twin's addresses are ${range ?? "not open"}`);
  if (address6 !== undefined && !isWithin(address6, range6Of(range)))
    throw new FarmError(`${name} can't have ${address6}: the twin's IPv6 addresses are ${range6Of(range)}`);
  for (const dir of ["root", "disk"]) mkdirSync(join(machine.mounts, dir), { recursive: true, mode: 0o700 });
  writeWhole(machine.spec, JSON.stringify(spec, null, 2));
  writeSeeds(machine.overlay, everyBoot(stack, spec));
  // The disk holds only what differs from the image, so the two belong together for good.
  if (!existsSync(machine.image)) symlinkSync(await ensureImage(stack), machine.image);
  if (!existsSync(machine.disk)) await ensureDisk(machine, spec.diskBytes, await firstBoot(stack, spec));
  await prepareVolumes(machine, spec.volumes ?? []);
}

/** Boots a machine as it was booted last; for drills, which know machines by name. */
export function bootAgain(stack: string, name: string): Promise<void> {
  return boot(stack, storedSpec(stack, name));
}

/** What a machine was last booted with. Throws a FarmError when there is no such machine. */
export function storedSpec(stack: string, name: string): MachineSpec {
  const { spec } = machineLayout(stack, name);
  if (!existsSync(spec)) throw new FarmError(`the twin '${stack}' has no machine ${name}`);
  return JSON.parse(readFileSync(spec, "utf8"));
}

/** All machines of a stack, running or not, by name. */
export function listMachines(stack: string): { name: string; address: string; running: boolean }[] {
  const { machines } = stackLayout(stack);
  if (!existsSync(machines)) return [];
  return readdirSync(machines)
    .filter((name) => existsSync(machineLayout(stack, name).spec))
    .sort()
    .map((name) => ({ name, address: storedSpec(stack, name).address, running: isRunning(stack, name) }));
}

/**
 * Pulls the plug of machines, all at once: every process is killed. What they had written is still on its way to the
 * disk, as with a crashed system on a sound disk; powerCut() loses that too. Machines that are off stay off.
 */
export async function kill(stack: string, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => killGroup(machineGroup(stack, name))));
  await Promise.all(names.map((name) => releaseDisks(machineLayout(stack, name))));
}

/**
 * Cuts the power of machines, all at once: first they all stand still, then nothing more reaches their disks, not even
 * what was written without a sync, then they are killed. The next boot replays the journal.
 * Throws a FarmError when one of them doesn't run.
 */
export async function powerCut(stack: string, names: readonly string[]): Promise<void> {
  for (const name of names) if (!isRunning(stack, name)) throw new FarmError(`${name} is not running`);
  try {
    await Promise.all(names.map((name) => freeze(machineGroup(stack, name))));
    await Promise.all(
      names.flatMap((name) => {
        const [wrapper] = processesIn(join(groupPath(machineGroup(stack, name)), "main"));
        const disk = `/proc/${wrapper}/root${machineLayout(stack, name).mounts}/disk`;
        const volumes = storedSpec(stack, name).volumes ?? [];
        const paths = volumes.map(({ path }) => `/proc/${initProcess(stack, name)}/root${path}`);
        return [disk, ...paths].map(cutDisk);
      }),
    );
  } finally {
    await kill(stack, names);
  }
}

/**
 * Powers a machine off in order and waits for it. A machine that is off stays off.
 * @param limit seconds to wait, then a FarmError; kill() still works
 */
export async function stop(stack: string, name: string, limit = STOP_LIMIT): Promise<void> {
  const init = initProcess(stack, name);
  // One that a killed drill left standing still would not hear of it.
  thaw(machineGroup(stack, name));
  // SIGRTMIN+4 asks systemd for a power-off (systemd(1), "Signals"); SIGRTMIN is 34 with glibc.
  if (init !== undefined) process.kill(init, 34 + 4);
  await waitUntil(
    () => !isRunning(stack, name),
    limit,
    () => `${name} has not powered off within ${limit} s. Its console:\n${consoleEnd(stack, name)}`,
  );
  await removeGroup(machineGroup(stack, name));
  await releaseDisks(machineLayout(stack, name));
}

/** Kills a machine and deletes all it has. Nothing happens when there is none. */
export async function destroy(stack: string, name: string): Promise<void> {
  const machine = machineLayout(stack, name);
  await kill(stack, [name]);
  // The disk first: left with another image than its own by a kill in between, it would be garbage.
  rmSync(machine.disk, { force: true });
  rmSync(machine.dir, { recursive: true, force: true });
}

/** What nspawn calls a machine: it names the link to the bridge after it, and the kernel allows that 15 characters. */
function shortName(name: string): string {
  return name.length <= 12 ? name : createHash("sha256").update(name).digest("hex").slice(0, 12);
}

/** The machine's end of the bridge, in the network of its stack. */
export const machineLink = (name: string): string => `vb-${shortName(name)}`;

function machineCommand(stack: string, spec: MachineSpec): string[] {
  const machine = machineLayout(stack, spec.name);
  const group = pathInTree(machineGroup(stack, spec.name));
  return inNamespace(stack, [
    ...["/bin/sh", join(import.meta.dirname, "machine.sh")],
    ...[
      machine.disk,
      realpathSync(machine.image),
      machine.mounts,
      machine.overlay,
      group,
      machineLink(spec.name),
      machine.volumes,
    ],
    ...["--quiet", "--boot", "--register=no", "--keep-unit", "--console=read-only"],
    ...[
      `--directory=${machine.mounts}/root`,
      `--machine=${shortName(spec.name)}`,
      `--hostname=${spec.hostname ?? spec.name}`,
    ],
    ...[`--network-bridge=${BRIDGE}`, "--resolv-conf=off", "--timezone=off", "--link-journal=no"],
    // WireGuard runs in user space where the kernel has none.
    "--bind=/dev/net/tun",
    // What podman needs beside nspawn's own set (measured).
    ...["--system-call-filter=@keyring bpf", "--capability=CAP_BPF,CAP_PERFMON"],
    ...(existsSync("/dev/fuse") ? ["--bind=/dev/fuse"] : []),
    ...(spec.binds ?? []).map((bind) => `--bind=${bind}`),
  ]);
}

function consoleEnd(stack: string, name: string): string {
  const { console } = machineLayout(stack, name);
  return existsSync(console) ? lastLines(stripVTControlCharacters(readFileSync(console, "utf8")), 10) : "";
}
