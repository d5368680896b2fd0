import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { FarmError } from "../../shell/errors.ts";
import type { MachineLayout } from "./layout.ts";
import { lastLines, must, run, waitUntil } from "./run.ts";

/** A file that is put on a new disk: path in the machine, content, permissions. */
export type Seed = { path: string; content: string; mode: number };

/**
 * Makes the disk of a machine unless it has one: a sparse file with an ext4 file system whose `upper` directory holds
 * all that differs from the base image. It is made aside and renamed, so a disk that exists is whole.
 * @param bytes size of the disk as the machine sees it
 */
export async function ensureDisk(machine: MachineLayout, bytes: number, seeds: Seed[]): Promise<void> {
  if (existsSync(machine.disk)) return;
  const content = join(machine.dir, "disk-content");
  const aside = `${machine.disk}.new`;
  for (const path of [content, aside]) rmSync(path, { recursive: true, force: true });
  mkdirSync(join(content, "work"), { recursive: true });
  writeSeeds(join(content, "upper"), seeds);

  writeFileSync(aside, "", { mode: 0o600 });
  truncateSync(aside, bytes);
  await must("make the machine's disk", [
    "mkfs.ext4",
    ...["-q", "-F", "-d", content, "-m", "0"],
    // What is written here is written by every machine at every first boot; the kernel does the rest when idle.
    ...["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-J", "size=64"],
    aside,
  ]);
  rmSync(content, { recursive: true });
  renameSync(aside, machine.disk);
}

/** Writes files below a directory that stands for the machine's root, with the permissions Debian expects there. */
export function writeSeeds(root: string, seeds: Seed[]): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true, mode: 0o755 });
  for (const { path, content, mode } of seeds) {
    const file = join(root, path);
    // /root and what lies in it is its owner's alone.
    mkdirSync(join(file, ".."), { recursive: true, mode: path.startsWith("/root/") ? 0o700 : 0o755 });
    writeFileSync(file, content);
    chmodSync(file, mode);
  }
}

const disksOf = (machine: MachineLayout): string[] =>
  existsSync(machine.dir)
    ? readdirSync(machine.dir)
        .filter((name) => name.endsWith(".ext4"))
        .map((name) => join(machine.dir, name))
    : [];

/** Bytes of the ext4 file system in a file, and of one of its blocks, from its superblock (kernel, "ext4: Super Block"). */
function fileSystemOf(file: string): { bytes: number; block: number } {
  const superblock = Buffer.alloc(1024);
  const descriptor = openSync(file, "r");
  readSync(descriptor, superblock, 0, 1024, 1024);
  closeSync(descriptor);
  const block = 1024 << superblock.readUInt32LE(0x18);
  return { bytes: (superblock.readUInt32LE(0x04) + superblock.readUInt32LE(0x150) * 2 ** 32) * block, block };
}

/**
 * Lets file systems grow into disk and volumes that were enlarged. Not while they are mounted: that takes a right
 * (CAP_SYS_RESOURCE) that root has not everywhere.
 */
export async function fitDisks(machine: MachineLayout): Promise<void> {
  for (const file of disksOf(machine)) {
    const { bytes, block } = fileSystemOf(file);
    if (statSync(file).size - bytes < block) continue;
    // Its journal has to be empty. 1 says that it was not.
    const { code, stderr } = await run(["e2fsck", "-p", file]);
    if (code > 1) throw new FarmError(`${file} can't be enlarged, e2fsck says: ${lastLines(stderr, 3)}`);
    await must("enlarge a file system", ["resize2fs", "-f", file]);
  }
}

/**
 * Waits until no loop device uses the disk or a volume any more: mounted twice, it would be destroyed. A device that a
 * killed run left without a mount is removed.
 */
export async function releaseDisks(machine: MachineLayout): Promise<void> {
  await Promise.all(disksOf(machine).map(releaseDisk));
}

async function releaseDisk(file: string): Promise<void> {
  await waitUntil(
    async () => {
      const { stdout } = await run(["losetup", "--noheadings", "--output", "NAME", "--associated", file]);
      const devices = stdout.split("\n").filter(Boolean);
      for (const device of devices) await run(["losetup", "--detach", device.trim()]);
      return devices.length === 0;
    },
    10,
    () => `${file} is still mounted somewhere, 10 s after its machine has ended`,
  );
}

/**
 * Cuts the disk off as a power failure does: nothing more reaches it, not even its journal
 * (FS_IOC_SHUTDOWN with NOLOGFLUSH, see ext4_ioctl_shutdown in the kernel's source).
 * @param mount where the disk is mounted, as a path that this process can open
 */
export async function cutDisk(mount: string): Promise<void> {
  // _IOR('X', 125, __u32) is 0x8004587d; the argument 2 is NOLOGFLUSH.
  const script = `import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))`;
  await must("cut the disk's power", ["python3", "-c", script, mount]);
}
