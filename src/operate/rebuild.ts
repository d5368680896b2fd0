/** What it means to lose a host with its disk, and how it is made anew. */
import { guestsOf } from "../inventory/capacity.ts";
import { ownMachine } from "../inventory/load.ts";
import { isHypervisor } from "../inventory/machines.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import type { Step } from "../machines/install-step.ts";
import { stepsOf } from "../machines/proxmox-install/steps.ts";
import { namedHost } from "./farm.ts";
import { type Loss, lossesOf } from "./losses.ts";

const numbered = (lines: readonly string[]): string[] =>
  lines.map((line, index) => `  ${index + 1}. ${line}`);

const told = (losses: readonly Loss[], indent = "  "): string[] =>
  losses.map(({ lost, back }) => `${indent}lost: ${lost}\n${indent}back: ${back}`);

/** The engine can't see that a machine is another; it would take all that it has done there for done. */
const raise = (inventory: Inventory, id: string): string =>
  `in stacks/${inventory.stack}.ts write generations: { "machine/${id}": ${ownMachine(inventory.generations, id) + 1} }: it is another machine now, with nothing of what was done before`;

function guestText(inventory: Inventory, host: Host, parent: string, vmid: number): string[] {
  const { id } = host;
  return [
    `${id}, guest ${vmid} of ${parent}`,
    ...told(lossesOf(inventory, host)),
    "What to do",
    ...numbered([
      `in stacks/${inventory.stack}.ts write generations: { "machine/${id}": ${ownMachine(inventory.generations, id) + 1} }, and nothing else: one machine a run`,
      `farm diff HEAD ${inventory.stack} shows what that changes; pulumi preview too`,
      `pulumi up: ${parent} asks ${id}, if it still runs, whether the others can do without it; then guest ${vmid} is destroyed with its disk and made anew; the run ends when ${id} is at work again`,
    ]),
  ];
}

const indented = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `       ${line}`.trimEnd())
    .join("\n");

function stepText({ what, where, how, harm, ends }: Step<string>, index: number): string {
  return [
    `  ${index + 1}. ${where}: ${what}`,
    ...(harm ? [`     DESTRUCTIVE: ${harm}`] : []),
    indented(how),
    `     ends when: ${ends}`,
  ].join("\n");
}

/** The steps that the program does itself, all of them, and what is to be done before and after. */
function proxmoxText(inventory: Inventory, host: Host): string[] {
  const { id } = host;
  const guests = guestsOf(inventory, id);
  const gone = [id, ...guests.map((guest) => guest.id)];
  const hardware = host.origin.kind === "dedicated" ? host.origin.hardware : undefined;
  const disks = hardware?.disks;
  const stack = `--stack ${inventory.stack}`;
  return [
    `${id}, a whole server with Proxmox VE, and with it its guests: ${guests.map((guest) => guest.id).join(", ") || "none"}`,
    ...told(lossesOf(inventory, host, gone)),
    ...guests.flatMap((guest) => [`  ${guest.id}`, ...told(lossesOf(inventory, guest, gone), "    ")]),
    ...(disks
      ? []
      : [
          `Not yet: the names of its disks are not declared, and without them nothing is written. farm rebuild ${id} --check ${stack} tells them`,
        ]),
    `What farm rebuild ${id} ${stack} --execute --confirm ${id} does; interrupted, it is run again`,
    ...stepsOf(host, inventory, disks ?? ["DISK1", "DISK2"]).map(stepText),
    "What is left to do then",
    ...numbered([
      raise(inventory, id),
      `pulumi up: ${id} gets its bundle and makes its guests, each with an empty disk`,
      "where no other copy is left, the data come back from backups",
    ]),
  ];
}

/** A machine that its provider installs at a person's word. */
function byHandText(inventory: Inventory, host: Host): string[] {
  const { id, origin } = host;
  const where =
    origin.kind === "vps"
      ? "Contabo's customer control panel: Reinstall, Debian 13, with your SSH key"
      : "its provider's panel: install Debian 13 anew on the same machine, with your SSH key";
  return [
    `${id}, ${origin.kind} at ${host.site}`,
    ...told(lossesOf(inventory, host)),
    "What to do: its provider makes it anew, the program all that is on it",
    ...numbered([
      `${where}; all that is on its disk is lost`,
      `read its SSH host key on the provider's console, then: farm bootstrap ${id} --stack ${inventory.stack} --host-key 'ssh-ed25519 AAAA…'`,
      raise(inventory, id),
      `pulumi config set --path 'farms:adopt[${inventory.adopt.length}]' ${id}, unless it is there: a machine that the program did not make is only looked at otherwise`,
      "pulumi up",
    ]),
  ];
}

/**
 * Tells what is lost with a host, what comes back from where, and what to do; asks nobody. Throws a FarmError (exit code 2)
 * when there is no such host.
 */
export function rebuildText(inventory: Inventory, id: string): string {
  const host = namedHost({ inventory }, id);
  const { origin } = host;
  const lines =
    origin.kind === "guest"
      ? guestText(inventory, host, origin.parent, origin.vmid)
      : isHypervisor(origin)
        ? proxmoxText(inventory, host)
        : byHandText(inventory, host);
  return `${lines.join("\n")}\n`;
}
