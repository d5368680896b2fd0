/** `farm vswitch`: joins servers at Robot to the vSwitches that they are declared on. Nobody is ever taken out. */
import { vSwitchMembers } from "../inventory/check-vswitches.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { Robot } from "../machines/robot/robot.ts";
import type { VSwitch } from "../machines/robot/vswitches.ts";
import { CLOCK, type Clock } from "../machines/web-service.ts";
import { FarmError } from "../shell/errors.ts";
import { previewPlan } from "../shell/stack.ts";
import { robotCredentials } from "./engine-secrets.ts";
import { findServer } from "./install/server.ts";

/** Robot, and time. Tests put stand-ins. */
export interface RobotSite {
  readonly robot: Robot;
  readonly clock: Clock;
}

/** Seconds until Robot has put a change of members into practice, by judgement: a minute or two is usual. */
const READY_WITHIN = 600;
/** Seconds between two looks at it; Robot allows 500 an hour. */
const LOOK_EVERY = 10;

/** By its number alone: farms whose hosts share a vSwitch share its name. */
const nameOf = (vlan: number): string => `farms-${vlan}`;

/** A declared vSwitch, and how it is at Robot. */
interface Found {
  readonly vlan: number;
  /** Undefined as long as nobody has made it. */
  readonly present: VSwitch | undefined;
  readonly members: readonly { readonly host: string; readonly number: number; readonly status: string }[];
}

async function presentAs(robot: Robot, vlan: number): Promise<VSwitch | undefined> {
  const name = nameOf(vlan);
  const all = (await robot.vSwitches.list()).filter(({ cancelled }) => !cancelled);
  const [found, second] = all.filter((each) => each.name === name);
  if (second !== undefined)
    throw new FarmError(`Robot has two vSwitches named ${name}`, "rename the one that is not the farm's");
  if (found === undefined) return undefined;
  if (found.vlan !== vlan)
    throw new FarmError(
      `Robot's vSwitch ${name} has VLAN ${found.vlan}, and not ${vlan}`,
      `rename it, or give it VLAN ${vlan}, in Robot`,
    );
  return robot.vSwitches.get(found.id);
}

const statusIn = (present: VSwitch | undefined, number: number): string =>
  present?.server.find(({ server_number }) => server_number === number)?.status ?? "missing";

async function find(site: RobotSite, vlan: number, hosts: readonly Host[]): Promise<Found> {
  const present = await presentAs(site.robot, vlan);
  const numbers = [];
  for (const { id, address } of hosts)
    numbers.push({ host: id, number: (await findServer(site, id, address)).server_number });
  const members = numbers.map((each) => ({ ...each, status: statusIn(present, each.number) }));
  return { vlan, present, members };
}

const SAYINGS: Readonly<Record<string, string>> = { missing: "has to join", ready: "is joined" };

function lines({ vlan, present, members }: Found): string[] {
  return [
    `vSwitch ${nameOf(vlan)}, VLAN ${vlan}: ${present === undefined ? "has to be made" : `number ${present.id}`}`,
    ...members.map(
      ({ host, number, status }) =>
        `  ${host}, server ${number}: ${SAYINGS[status] ?? `Robot says ${JSON.stringify(status)}`}`,
    ),
  ];
}

const isDone = ({ present, members }: Found): boolean =>
  present !== undefined && members.every(({ status }) => status === "ready");

/** Waits until Robot has done what it was told: until then it refuses any other change. */
async function awaitReady({ robot, clock }: RobotSite, id: number): Promise<void> {
  const end = clock.now() + READY_WITHIN * 1000;
  for (;;) {
    const { name, server } = await robot.vSwitches.get(id);
    const failed = server.find(({ status }) => status === "failed");
    if (failed !== undefined)
      throw new FarmError(
        `Robot says that server ${failed.server_number} could not join vSwitch ${name}`,
        "look at it in Robot (Servers, vSwitches): take the server out there, and run again",
      );
    const busy = server.filter(({ status }) => status !== "ready");
    if (busy.length === 0) return;
    if (clock.now() > end)
      throw new FarmError(
        `Robot has not joined ${busy.map(({ server_number }) => server_number).join(", ")} to vSwitch ${name} within ${READY_WITHIN} s`,
        "run again: it goes on from there",
      );
    await clock.sleep(LOOK_EVERY);
  }
}

async function join(site: RobotSite, { vlan, present, members }: Found): Promise<void> {
  const { vSwitches } = site.robot;
  const { id } = present ?? (await vSwitches.create(nameOf(vlan), vlan));
  await awaitReady(site, id);
  const missing = members.filter(({ status }) => status === "missing").map(({ number }) => number);
  if (missing.length > 0) await vSwitches.addServers(id, missing);
  await awaitReady(site, id);
}

/**
 * What the declared vSwitches are at Robot, as text, and whether something is left to do. With `execute` it is done: each is made
 * and joined, and waited for. Throws a FarmError when a server is not found, Robot refuses, or does not come to an end.
 */
export async function vSwitchText(
  site: RobotSite,
  inventory: Inventory,
  execute: boolean,
): Promise<{ text: string; left: boolean }> {
  const all = Map.groupBy(vSwitchMembers(inventory), ({ vSwitch }) => vSwitch ?? 0);
  const found: Found[] = [];
  for (const [vlan, hosts] of all) {
    const before = await find(site, vlan, hosts);
    if (execute && !isDone(before)) await join(site, before);
    found.push(execute ? await find(site, vlan, hosts) : before);
  }
  return { text: `${found.flatMap(lines).join("\n")}\n`, left: !found.every(isDone) };
}

/** `farm vswitch`; returns the exit code: 1 when something is left to do. Throws as vSwitchText does. */
export async function vSwitch(stack: string, execute: boolean): Promise<number> {
  const { inventory } = previewPlan(stack);
  if (vSwitchMembers(inventory).length === 0)
    throw new FarmError(
      `stack ${stack} declares no host on a vSwitch`,
      "write vSwitch: 4000 in the origin of a Proxmox host in stacks/, and its address in farms:vSwitchAddresses",
      2,
    );
  const robot = new Robot(await robotCredentials(stack));
  const { text, left } = await vSwitchText({ robot, clock: CLOCK }, inventory, execute);
  process.stdout.write(text);
  if (left) process.stdout.write(`To have it done: farm vswitch ${stack} --execute\n`);
  return left ? 1 : 0;
}
