/** What it means to lose a host with its disk, and how it is made anew. */
import { AGENT } from "../host/agent.ts";
import { guestsOf } from "../inventory/capacity.ts";
import { ownMachine } from "../inventory/load.ts";
import { isHypervisor, isMadeElsewhere, mountsOf } from "../inventory/machines.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { reinstallSteps, vpsOf } from "../machines/contabo/steps.ts";
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
      ...(mountsOf(host.origin).length > 0
        ? [
            `save the files of its mounts, and free them on ${parent}: while it has any, it is not made anew (it tells the commands)`,
          ]
        : []),
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

const asked = (id: string): string =>
  `on ${id}, if it still runs: ${AGENT} gates. It tells whether the others can do without it, and ends with 0 if they can`;

/** A virtual server that the program has Contabo install. */
function vpsText(inventory: Inventory, host: Host): string[] {
  const { id } = host;
  const { product, region } = vpsOf(host);
  const stack = `--stack ${inventory.stack}`;
  const key = `ssh-host-key/${id}`;
  return [
    `${id}, a virtual server of Contabo's: ${product} in ${region}`,
    ...told(lossesOf(inventory, host)),
    `Another server may have its name, once this one is off: write its site, product and region in stacks/${inventory.stack}.ts and its address in farms:addresses.${id} first`,
    `What farm rebuild ${id} ${stack} --execute --confirm ${id} does; interrupted, it is run again`,
    ...reinstallSteps(host, inventory).map(stepText),
    "What is left to do then",
    ...numbered([
      raise(inventory, id),
      `pulumi up: ${id} was made for the farm, so nothing is to be adopted; it gets its bundle, and joins what it was part of`,
      `Contabo has been given its SSH host key. To have it use another one, write generations: { "${key}": ${(inventory.generations[key] ?? 1) + 1} } as well, when that has run, and pulumi up once more`,
    ]),
  ];
}

/** How a cloud provider installs a machine anew that the program did not make; undefined for one that has no such command. */
function commandAtCloud({ origin }: Host, number: string): string | undefined {
  if (origin.kind === "droplet")
    return `doctl compute droplet-action rebuild ${number} --image ${origin.image} --wait`;
  if (origin.kind === "hcloud")
    return `hcloud server disable-protection ${number} rebuild, then hcloud server rebuild ${number} --image ${origin.image}`;
  return undefined;
}

/** A machine that was there before the farm, and that its provider installs at a person's word. */
function byHandText(inventory: Inventory, host: Host): string[] {
  const { id, origin } = host;
  const command = commandAtCloud(host, inventory.imports[id] ?? "NUMBER");
  const where =
    command ?? "its provider's panel: install Debian 13 anew on the same machine, with your SSH key";
  return [
    `${id}, ${origin.kind} at ${host.site}`,
    ...told(lossesOf(inventory, host)),
    "What to do: its provider makes it anew, the program all that is on it",
    ...numbered([
      asked(id),
      `${where}: all that is on its disk is lost; number, address and firewalls stay`,
      `on its provider's console see that your SSH key lets you in as root and read its host key, then: farm bootstrap ${id} --stack ${inventory.stack} --host-key 'ssh-ed25519 AAAA…'`,
      raise(inventory, id),
      ...(inventory.adopt.includes(id)
        ? []
        : [
            `pulumi config set --path 'farms:adopt[${inventory.adopt.length}]' ${id}: a machine that the program did not make is only looked at otherwise`,
          ]),
      "pulumi up",
    ]),
    `Where it is gone at its provider altogether, another machine may have its name: ${origin.kind === "dedicated" ? "" : "pulumi refresh, so that the engine forgets it (not tried on a real cloud yet); "}write the new one's site and origin in stacks/${inventory.stack}.ts and its address in farms:addresses.${id}${id in inventory.imports ? `, its number in farms:imports.${id} or none there` : ""}, and begin anew with farm rebuild ${id}`,
  ];
}

/** A machine that the program makes at a cloud: it goes there, and the engine is told to look. */
function cloudText(inventory: Inventory, host: Host, gone: string, name: string): string[] {
  const { id, origin } = host;
  return [
    `${id}, ${origin.kind} at ${host.site}, made by the program`,
    ...told(lossesOf(inventory, host)),
    "What to do",
    ...numbered([
      asked(id),
      `${gone}, unless it is gone: all that is on its disk is lost; its address stays bought`,
      `pulumi refresh: the engine finds ${name} gone, and nothing else but what hangs on it (not tried on a real cloud yet)`,
      raise(inventory, id),
      `pulumi preview --diff, pulumi up: ${id} is made under its address, with its SSH host key and the administrators' keys of today; nothing is to be adopted; the run ends when it is at work again`,
    ]),
  ];
}

function textOf(inventory: Inventory, host: Host): string[] {
  const { id, origin } = host;
  if (origin.kind === "guest") return guestText(inventory, host, origin.parent, origin.vmid);
  if (origin.kind === "vps") return vpsText(inventory, host);
  if (isHypervisor(origin)) return proxmoxText(inventory, host);
  if (isMadeElsewhere(origin)) return byHandText(inventory, host);
  return origin.kind === "droplet"
    ? cloudText(
        inventory,
        host,
        `doctl compute droplet delete ${id}`,
        "droplet and assignment of its address",
      )
    : cloudText(
        inventory,
        host,
        `hcloud server disable-protection ${id} delete rebuild, then hcloud server delete ${id}`,
        "the server",
      );
}

/**
 * Tells what is lost with a host, what comes back from where, and what to do; asks nobody. Throws a FarmError (exit code 2)
 * when there is no such host.
 */
export function rebuildText(inventory: Inventory, id: string): string {
  return `${textOf(inventory, namedHost({ inventory }, id)).join("\n")}\n`;
}
