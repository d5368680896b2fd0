/** The steps from a server, whatever runs on it, to Proxmox VE that waits for the program: in their order, as data. */
import type { Host, Inventory } from "../../inventory/schema.ts";
import type { Step } from "../install-step.ts";
import { FRESH } from "../user-data.ts";
import { answerFile } from "./answer.ts";
import { ISO } from "./release.ts";
import { AWAIT, FETCH, install, keep, PREPARE, RESTART, release, verify } from "./rescue-commands.ts";
import { SURVEY } from "./survey.ts";

export const STEP_IDS = [
  "find",
  "rescue",
  "reset",
  "enter",
  "check",
  "fetch",
  "prepare",
  "release",
  "install",
  "verify",
  "restart",
  "meet",
] as const;

export type StepId = (typeof STEP_IDS)[number];

/** Stands in commands for what the server reports, or for secrets. */
const UNKNOWN = { cidr: "PREFIX", gateway: "GATEWAY", mac: "MAC", passwordHash: "HASH" };

function answers(host: Host, inventory: Inventory): string {
  return answerFile(host, inventory, { ...UNKNOWN, cidr: `${host.address}/${UNKNOWN.cidr}` });
}

/**
 * All steps for a host. What only the server can tell stands there in capitals: the network's PREFIX, GATEWAY, the card's MAC
 * address; so does the password's HASH. `disks` are names under /dev/disk/by-id, or what stands for them.
 */
export function stepsOf(host: Host, inventory: Inventory, disks: readonly [string, string]): Step<StepId>[] {
  const names = [...disks];
  return [
    {
      id: "find",
      what: `find ${host.id}, and how far an earlier attempt has come`,
      where: "Robot",
      how: `GET /server: the one with address ${host.address}, which Robot too has to call ${host.id}\nGET /boot/NUMBER/rescue/last: the key that its rescue system shows`,
      ends: "it is ready, and shows the key of the farm, of its rescue system, or another",
    },
    {
      id: "rescue",
      what: "have it boot the rescue system next, with the administrators' keys",
      where: "Robot",
      how: "GET /key, POST /key for each that is missing\nPOST /boot/NUMBER/rescue",
      ends: "Robot names the SSH host key that the rescue system will show",
    },
    {
      id: "reset",
      what: `reset ${host.id}`,
      where: "Robot",
      how: `POST /reset/NUMBER type=hw, once Robot calls it ${host.id}`,
      harm: "whatever runs there stops at once, unsaved; what is on the disks stays",
      ends: "Robot has taken the request",
    },
    {
      id: "enter",
      what: "wait for the rescue system",
      where: "this computer",
      how: `ssh-keyscan -t ed25519 ${host.address}, then ssh with that key pinned`,
      ends: "it shows the key that Robot has named, and lets an administrator in",
    },
    {
      id: "check",
      what: "compare its hardware with what is declared",
      where: "the rescue system",
      how: SURVEY,
      ends: "nothing differs: disks, controller, network card, memory, address",
    },
    {
      id: "fetch",
      what: `fetch ${ISO.name} and Proxmox's assistant`,
      where: "the rescue system",
      how: FETCH,
      ends: "the hashes of both sources are the known ones",
    },
    {
      id: "prepare",
      what: "make the ISO unattended",
      where: "the rescue system",
      how: `${keep("answer.toml")} <<'END'\n${answers(host, inventory)}END\n${keep("first-boot")}    (a script with its SSH host key, which stays untold)\n${PREPARE}`,
      ends: "the assistant finds the answers good and writes the ISO",
    },
    {
      id: "release",
      what: "let go of the disks",
      where: "the rescue system",
      how: release(names),
      ends: "nothing holds on to them",
    },
    {
      id: "install",
      what: "install Proxmox VE over both disks",
      where: "the rescue system",
      how: `${install(host, names, UNKNOWN.mac)}${AWAIT}`,
      harm: `destroys everything on ${names.join(" and ")}`,
      ends: "the installer powers its virtual machine off, within an hour",
    },
    {
      id: "verify",
      what: "look at what it has written",
      where: "the rescue system",
      how: verify(names),
      ends: "both disks carry the same pool and can be booted from",
    },
    {
      id: "restart",
      what: "boot from the disks",
      where: "the rescue system",
      how: `${RESTART}    (after DELETE /boot/NUMBER/rescue, if that is still to boot next)`,
      ends: "the connection ends",
    },
    {
      id: "meet",
      what: "first contact",
      where: "the installed system",
      how: `test -e ${FRESH}; zpool status -x rpool; pveversion`,
      ends: "it shows the key of the farm, is marked as new, and its pool is healthy",
    },
  ];
}
