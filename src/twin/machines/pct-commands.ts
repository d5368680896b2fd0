import { randomBytes } from "node:crypto";
import { truncateSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { limitMemory } from "./cgroup.ts";
import { insideMachine, isRunning, machineGroup } from "./inside.ts";
import { machineLayout } from "./layout.ts";
import { destroy, kill, launch, listMachines, type MachineSpec, prepare, stop } from "./machine.ts";
import { openRange } from "./network.ts";
import { findGuest, forgetGuest, type Guest, guestsOf, saveGuest } from "./pct-guests.ts";
import { type PctCall, PctError, parseNet, printNet } from "./pct-options.ts";
import { newRootfs, resized, volumeOf, volumesOf, withMounts, without } from "./pct-volumes.ts";
import { readdress } from "./readdress.ts";
import { lastLines, run } from "./run.ts";
import { deleteVolume, growVolume, mountVolume } from "./volumes.ts";

/** One call of pct: on which host, with which arguments, and the content of the files that they name there. */
export type Call = PctCall & { stack: string; node: string; files: Record<string, string | null> };

/** Options that Proxmox would put into practice and the twin can't. */
const UNSUPPORTED = /^(dev\d+|unused\d+|template|restore|hookscript|password|revert)$/;
/** Options of `create` and `set` that aren't part of the configuration. */
const NOT_STORED = new Set(
  "vmid ostemplate bwlimit delete digest force ignore-unpack-errors pool ssh-public-keys start storage unique".split(
    " ",
  ),
);

/** Commands other than `exec`; each returns what goes to standard output or throws a PctError. */
export const commands: Record<string, (call: Call) => Promise<string>> = {
  async list({ stack, node }) {
    const rows = guestsOf(stack, node).map((guest) => [
      String(guest.vmid),
      statusOf(stack, guest),
      guest.config.lock ?? "",
      guest.config.hostname ?? "",
    ]);
    if (rows.length === 0) return "";
    return [["VMID", "Status", "Lock", "Name"], ...rows]
      .map(
        ([id = "", status = "", lock = "", name = ""]) =>
          // The widths of pct's own format: "%-10s %-10s %-12s %-20s\n".
          `${id.padEnd(10)} ${status.padEnd(10)} ${lock.padEnd(12)} ${name.padEnd(20)}\n`,
      )
      .join("");
  },

  async status(call) {
    return `status: ${statusOf(call.stack, existing(call))}\n`;
  },

  async config(call) {
    const lines = Object.entries(existing(call).config).sort(([a], [b]) => (a < b ? -1 : 1));
    return lines.map(([key, value]) => `${key}: ${value}\n`).join("");
  },

  async create(call) {
    const { stack, node, values } = call;
    const vmid = vmidOf(call);
    const left = findGuest(stack, node, vmid);
    // Killed in the middle of `create` or `destroy`: begin anew.
    if (left?.config.lock) await remove(stack, node, left);
    else if (left) throw new PctError(`CT ${vmid} already exists on node '${node}'`);

    refuseUnsupported(values);
    if (!/(^|[:/])debian-13-/.test(values.ostemplate ?? ""))
      throw new PctError(
        `volume '${values.ostemplate}' does not exist: the twin has a Debian 13 template alone`,
      );
    // 4 GiB is Proxmox's default for containers.
    const rootfs = newRootfs(vmid, values.rootfs ?? `${values.storage ?? "local"}:4`);
    const config = { ...defaults(call), ...stored(values), rootfs, lock: "create" };
    const guest: Guest = {
      vmid,
      machine: values.hostname ?? `ct${vmid}`,
      config: withMounts(vmid, values, config),
      authorizedKeys: keysOf(call),
    };
    const spec = specOf(stack, guest);
    if (listMachines(stack).some(({ name }) => name === guest.machine))
      throw new PctError(`unable to create CT ${vmid} - the twin has another machine named ${guest.machine}`);
    saveGuest(stack, node, guest);
    await prepare(stack, spec);
    delete guest.config.lock;
    saveGuest(stack, node, guest);
    if (values.start === "1") await launch(stack, spec);
    return `extracting archive '${values.ostemplate}'\nDetected container architecture: amd64\n`;
  },

  async set(call) {
    const { stack, node, values } = call;
    const guest = unlocked(existing(call));
    refuseUnsupported(values);
    for (const name of ["rootfs", "unprivileged", "arch"])
      if (name in values) throw new PctError(`unable to modify read-only option: '${name}'`);
    const { config, gone } = without(guest.config, values.delete?.split(",") ?? []);
    const kept = withMounts(guest.vmid, values, config);
    const changed = { ...guest, config: { ...kept, ...stored(values, kept) } };
    const spec = specOf(stack, changed);
    await readdress(stack, spec);
    // Before it is forgotten: a new volume may get the name of one that is gone, and must not find its files.
    for (const volume of gone) deleteVolume(stack, guest.machine, volume);
    saveGuest(stack, node, changed);
    if (!isRunning(stack, guest.machine)) return "";
    // Memory and new mounts come at once too, as with Proxmox. So does the name there, here at the next start.
    limitMemory(machineGroup(stack, guest.machine), spec.memoryBytes);
    const before = volumesOf(config).map(({ name }) => name);
    for (const volume of volumesOf(kept))
      if (!before.includes(volume.name)) await mountVolume(stack, guest.machine, volume);
    return "";
  },

  async resize(call) {
    const { stack, node, values } = call;
    const guest = unlocked(existing(call));
    const { disk = "", size = "" } = values;
    const { stored: text, volume } = resized(guest.config, disk, size);
    // At once with Proxmox's ZFS, here at the next start.
    if (disk === "rootfs") truncateSync(machineLayout(stack, guest.machine).disk, volume.bytes);
    else growVolume(stack, guest.machine, volume);
    const changed = { ...guest, config: { ...guest.config, [disk]: text } };
    saveGuest(stack, node, changed);
    await prepare(stack, specOf(stack, changed));
    return "";
  },

  async start(call) {
    const guest = unlocked(existing(call));
    if (isRunning(call.stack, guest.machine)) throw new PctError(`CT ${guest.vmid} already running`);
    await launch(call.stack, specOf(call.stack, guest));
    return "";
  },

  async stop(call) {
    await kill(call.stack, [running(call).machine]);
    return "";
  },

  async shutdown(call) {
    const { machine } = running(call);
    try {
      // 60 s is Proxmox's own default.
      await stop(call.stack, machine, Number(call.values.timeout ?? 60));
    } catch (error) {
      if (call.values.forceStop !== "1") throw error;
      await kill(call.stack, [machine]);
    }
    return "";
  },

  async push(call) {
    const { stack, values, files } = call;
    const guest = existing(call);
    // The real pct pushes into running guests alone, whatever its neighbours do.
    if (!isRunning(stack, guest.machine)) throw new PctError("can only push files to a running CT");
    const content = files[values.file ?? ""];
    if (typeof content !== "string") throw new PctError(`failed to open ${values.file} for reading`);
    const args = [values.destination ?? "", values.perms ?? "", values.user ?? "", values.group ?? ""];
    const command = insideMachine(stack, guest.machine, ["/bin/sh", "-c", PUSH, "sh", ...args]);
    const result = await run(command, { input: Buffer.from(content, "base64") });
    if (result.code !== 0)
      throw new PctError(`failed to create file: ${values.destination}: ${lastLines(result.stderr, 1)}`);
    return "";
  },

  async destroy(call) {
    const { stack, node, values } = call;
    const guest = existing(call);
    if (guest.config.protection === "1")
      throw new PctError(`can't remove CT ${guest.vmid} - protection mode enabled`);
    if (isRunning(stack, guest.machine) && values.force !== "1")
      throw new PctError(`unable to destroy CT ${guest.vmid} - container is running`);
    await remove(stack, node, guest);
    return values.purge === "1" ? `purging CT ${guest.vmid} from related configurations..\n` : "";
  },
};

/** Writes its input to $1 with permissions $2, owner $3, group $4; a secret is never readable by others in between. */
const PUSH = `set -e
if [ ! -e "$1" ]; then (umask 777; : >"$1"); chmod "\${2:-644}" "$1"; elif [ -n "$2" ]; then chmod "$2" "$1"; fi
if [ -n "$3" ]; then chown "$3" "$1"; fi
if [ -n "$4" ]; then chgrp "$4" "$1"; fi
cat >"$1"`;

/** The command that `pct exec` runs, as it runs on this computer. */
export function execCommand(call: Call): string[] {
  const guest = existing(call);
  if (!isRunning(call.stack, guest.machine)) throw new PctError(`container '${guest.vmid}' not running!`);
  if (call.extra.length === 0) throw new PctError("missing command");
  return insideMachine(call.stack, guest.machine, call.extra);
}

function vmidOf(call: Call): number {
  return Number(call.values.vmid);
}

function existing(call: Call): Guest {
  const guest = findGuest(call.stack, call.node, vmidOf(call));
  // ENOENT is what Perl's die makes the exit code here.
  if (!guest)
    throw new PctError(`Configuration file 'nodes/${call.node}/lxc/${vmidOf(call)}.conf' does not exist`, 2);
  return guest;
}

function unlocked(guest: Guest): Guest {
  if (guest.config.lock) throw new PctError(`CT is locked (${guest.config.lock})`);
  return guest;
}

function running(call: Call): Guest {
  const guest = unlocked(existing(call));
  if (!isRunning(call.stack, guest.machine)) throw new PctError(`CT ${guest.vmid} not running`);
  return guest;
}

function statusOf(stack: string, guest: Guest): string {
  return isRunning(stack, guest.machine) ? "running" : "stopped";
}

async function remove(stack: string, node: string, guest: Guest): Promise<void> {
  saveGuest(stack, node, { ...guest, config: { ...guest.config, lock: "destroyed" } });
  await destroy(stack, guest.machine);
  forgetGuest(stack, node, guest.vmid);
}

function refuseUnsupported(values: Record<string, string>): void {
  const name = Object.keys(values).find((option) => UNSUPPORTED.test(option));
  if (name) throw new PctError(`the twin's stand-in for pct can't do --${name}`);
}

/** What Proxmox writes into a new guest's configuration by itself. */
function defaults(call: Call): Record<string, string> {
  return { arch: "amd64", hostname: `CT${vmidOf(call)}`, memory: "512", ostype: "debian", swap: "512" };
}

/** The options that belong into the configuration, network interfaces with a MAC address as Proxmox gives them one. */
function stored(values: Record<string, string>, before: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(values).filter(
    ([name]) => !NOT_STORED.has(name) && !/^(rootfs|mp\d+)$/.test(name),
  );
  return Object.fromEntries(
    kept.map(([name, value]) => {
      if (!/^net\d+$/.test(name)) return [name, value];
      const old = before[name] ? parseNet(name, before[name]) : {};
      return [name, printNet({ hwaddr: old.hwaddr ?? newMac(), type: "veth", ...parseNet(name, value) })];
    }),
  );
}

/** BC:24:11 is Proxmox's own prefix. */
function newMac(): string {
  const bytes = randomBytes(3).toString("hex").toUpperCase();
  return `BC:24:11:${bytes.replace(/(..)(?=.)/g, "$1:")}`;
}

function keysOf(call: Call): string[] {
  const file = call.values["ssh-public-keys"];
  if (file === undefined) return [];
  const content = call.files[file];
  if (typeof content !== "string") throw new PctError(`can't open '${file}' - No such file or directory`, 2);
  return Buffer.from(content, "base64").toString().split("\n").filter(Boolean);
}

/** The machine that a guest is. The twin's bridge is flat, so the length of the prefix is the range's own. */
function specOf(stack: string, guest: Guest): MachineSpec {
  const { config, machine, authorizedKeys } = guest;
  const { ip, ip6 } = parseNet("net0", config.net0 ?? "name=eth0");
  const address = ip?.split("/")[0] ?? "none";
  const address6 = ip6?.split("/")[0];
  if (!isIPv4(address) || !(address6 === undefined || isIPv6(address6)))
    throw new PctError(
      "the twin's guests need a static address: --net0 …,ip=ADDRESS/PREFIX, and if they have one ip6=ADDRESS/PREFIX",
    );
  return {
    name: machine,
    hostname: config.hostname ?? machine,
    address,
    prefixLength: Number(openRange(stack)?.split("/")[1]),
    ...(address6 === undefined ? {} : { address6 }),
    memoryBytes: Number(config.memory) * 2 ** 20,
    diskBytes: volumeOf(config.rootfs ?? "").bytes,
    volumes: volumesOf(config),
    authorizedKeys,
  };
}
