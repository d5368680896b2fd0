import { existsSync, mkdtempSync, renameSync, rmdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initProcess } from "./inside.ts";
import { type MachineLayout, machineLayout } from "./layout.ts";
import { must } from "./run.ts";

/** A file system of a size of its own in a machine, beside its disk: what a hypervisor mounts into a container. */
export type Volume = {
  /** Of the file that it is, below the machine's directory. */
  name: string;
  /** Where it is in the machine. */
  path: string;
  bytes: number;
};

const fileOf = (machine: MachineLayout, name: string): string => join(machine.dir, `${name}.ext4`);

/** Makes the volumes that are not there yet, and writes down for machine.sh which ones it mounts at a boot, and where. */
export async function prepareVolumes(machine: MachineLayout, volumes: readonly Volume[]): Promise<void> {
  for (const volume of volumes) await makeVolume(machine, volume);
  const lines = volumes.map(({ name, path }) => `${fileOf(machine, name)} ${path}\n`);
  writeFileSync(machine.volumes, lines.join(""), { mode: 0o600 });
}

/** Made aside and renamed, so one that exists is whole. Empty, as a new ZFS dataset is: without ext4's lost+found. */
async function makeVolume(machine: MachineLayout, { name, bytes }: Volume): Promise<void> {
  const file = fileOf(machine, name);
  if (existsSync(file)) return;
  const aside = `${file}.new`;
  rmSync(aside, { force: true });
  writeFileSync(aside, "", { mode: 0o600 });
  truncateSync(aside, bytes);
  const lazy = ["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"];
  await must("make a volume", ["mkfs.ext4", "-q", "-F", "-m", "0", ...lazy, aside]);
  await must("empty a volume", ["debugfs", "-w", "-R", "rmdir lost+found", aside]);
  renameSync(aside, file);
}

/**
 * Mounts a directory of this mount namespace in that of another process: open_tree, setns, move_mount (numbers 428 and 429
 * on every architecture; constants as in linux/mount.h and sched.h).
 */
const HOTPLUG = `import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
source, pid, target = sys.argv[1:]
tree = checked(libc.syscall(428, -100, source.encode(), 1))
checked(libc.setns(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY), 0x20000))
os.makedirs(target, exist_ok=True)
checked(libc.syscall(429, tree, b"", -100, target.encode(), 4))`;

/** Mounts a prepared volume in a machine that runs. */
export async function mountVolume(stack: string, name: string, volume: Volume): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "farm-volume-"));
  const file = fileOf(machineLayout(stack, name), volume.name);
  const script = `mount -o loop "$1" "$2" && shift && exec python3 -c "$program" "$@"`;
  const args = [file, directory, String(initProcess(stack, name)), volume.path];
  try {
    // Mounted here in a mount namespace that ends with the command: what stays is the mount in the machine.
    await must(
      "mount a volume in a running machine",
      ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", ...args],
      { env: { ...process.env, program: HOTPLUG } },
    );
  } finally {
    rmdirSync(directory);
  }
}

/** Deletes a volume with all that is on it. A running machine goes on seeing it until it ends. */
export function deleteVolume(stack: string, name: string, volume: string): void {
  rmSync(fileOf(machineLayout(stack, name), volume), { force: true });
}

/** Enlarges a volume; what is on it grows at the next start of its machine (fitDisks). */
export function growVolume(stack: string, name: string, volume: Volume): void {
  truncateSync(fileOf(machineLayout(stack, name), volume.name), volume.bytes);
}
