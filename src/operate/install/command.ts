/** `farm rebuild HOST --check` and `--execute`. */
import { isHypervisor } from "../../inventory/machines.ts";
import type { Inventory } from "../../inventory/schema.ts";
import { checkConfirmation } from "../../machines/confirm.ts";
import { differences, reportLines } from "../../machines/proxmox-install/hardware.ts";
import { stepsOf } from "../../machines/proxmox-install/steps.ts";
import { Robot } from "../../machines/robot/robot.ts";
import { CLOCK } from "../../machines/web-service.ts";
import { FarmError } from "../../shell/errors.ts";
import { robotCredentials } from "../engine-secrets.ts";
import { type Farm, namedHost, openFarm } from "../farm.ts";
import { recordInstallation } from "../rebuild-record.ts";
import { type Candidate, type Declared, Installation, surveyOf } from "./installation.ts";
import { performSteps, tellWhatIsLeft } from "./perform.ts";
import { findServer, standing } from "./server.ts";
import { realSite, type Site } from "./site.ts";

const PUBLIC_KEY = /^ssh-ed25519 [A-Za-z0-9+/=]+/;

/** A host whose hardware is declared, disks or not. Throws a FarmError (exit code 2) for any other. */
export function declaredHardware(inventory: Inventory, id: string) {
  const host = namedHost({ inventory }, id);
  const { origin } = host;
  if (origin.kind !== "dedicated" || !isHypervisor(origin))
    throw new FarmError(
      `${id} is no server that this program installs: only Proxmox hosts, and virtual servers of Contabo's`,
      `farm rebuild ${id} --stack ${inventory.stack} says what to do`,
      2,
    );
  if (origin.hardware === undefined)
    throw new FarmError(
      `stacks/${inventory.stack}.ts does not say what ${id} is made of`,
      'write in its origin what is known: hardware: { nic: "82579LM" }, and a RAID controller if there is one',
      2,
    );
  return { host, hardware: origin.hardware };
}

/**
 * A host that may be installed, by the name that a person has typed twice. Throws a FarmError (exit code 2) when it is none, when its
 * disks are not declared, or when `confirm` is not its name.
 */
export function candidate(inventory: Inventory, id: string, confirm: string): Candidate {
  const { host, hardware } = declaredHardware(inventory, id);
  const { disks } = hardware;
  if (disks === undefined)
    throw new FarmError(
      `the names of ${id}'s disks are not declared; nothing was touched`,
      `farm rebuild ${id} --stack ${inventory.stack} --check tells them; write them in stacks/${inventory.stack}.ts: hardware: { disks: ["ata-…", "ata-…"], … }`,
      2,
    );
  checkConfirmation(`installation of ${id}, which destroys all that is on its disks`, [id], confirm);
  return { host, hardware: { ...hardware, disks } };
}

/** Does all steps in their order, as performSteps. */
export async function perform(
  site: Site,
  declared: Declared,
  chosen: Candidate,
  confirm: string,
  rescueKey?: string,
): Promise<number | undefined> {
  const installation = new Installation(site, declared, chosen, confirm, rescueKey);
  return performSteps(stepsOf(chosen.host, declared.inventory, chosen.hardware.disks), installation.steps);
}

async function siteOf(farm: Farm, id: string): Promise<Site> {
  const robot = new Robot(await robotCredentials(farm.stack));
  return realSite(robot, CLOCK, farm.ssh, farm.target(id));
}

function checkRescueKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  const found = PUBLIC_KEY.exec(key)?.[0];
  if (found === undefined)
    throw new FarmError(
      "--rescue-key is no Ed25519 public key of a host",
      "on the server's console, in the rescue system: cat /etc/ssh/ssh_host_ed25519_key.pub",
      2,
    );
  return found;
}

/** Text of how a server's hardware differs from what is declared, and whether it does. Changes nothing there. */
export async function hardwareText(
  site: Site,
  { inventory, keys }: Declared,
  id: string,
  rescueKey?: string,
): Promise<{ text: string; differs: boolean }> {
  const { host, hardware } = declaredHardware(inventory, id);
  const { server_number } = await findServer(site, id, host.address);
  const there = await standing(site, server_number, keys.sshHostKey(id).publicKey, rescueKey);
  if (there.kind === "other")
    throw new FarmError(
      `${id} shows an SSH host key that is neither the farm's nor that of its rescue system, or does not answer`,
      `scripts/farm bootstrap ${id} gives a running system the farm's key; or boot the rescue system in Robot`,
    );
  const survey = await surveyOf(site, there.hostKey);
  const problems = differences(host, hardware, survey);
  const lines = [
    `${id} reports:`,
    ...reportLines(survey).map((line) => `  ${line}`),
    problems.length > 0 ? "To be settled before it is installed:" : "It is made of what is declared.",
    ...problems.map((problem) => `  - ${problem}`),
  ];
  return { text: `${lines.join("\n")}\n`, differs: problems.length > 0 };
}

/** `farm rebuild HOST --check`; returns the exit code: 1 when anything differs from what is declared. */
export async function check(stack: string, id: string, rescueKey?: string): Promise<number> {
  const key = checkRescueKey(rescueKey);
  const farm = await openFarm(stack);
  declaredHardware(farm.inventory, id);
  const { text, differs } = await hardwareText(await siteOf(farm, id), farm, id, key);
  process.stdout.write(text);
  return differs ? 1 : 0;
}

/**
 * `farm rebuild HOST --execute`: installs Proxmox VE on a server anew. Throws a FarmError: with exit code 2 when nothing was
 * touched, with 1 when a step failed; run again, it goes on there.
 */
export async function execute(
  stack: string,
  inventory: Inventory,
  id: string,
  confirm: string,
  rescueKey?: string,
): Promise<void> {
  const chosen = candidate(inventory, id, confirm);
  const key = checkRescueKey(rescueKey);
  const farm = await openFarm(stack);
  const seconds = await perform(await siteOf(farm, id), farm, chosen, confirm, key);
  recordInstallation(stack, id, "proxmox", seconds);
  tellWhatIsLeft(id, stack, "Proxmox VE");
}
