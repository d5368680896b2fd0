import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import {
  canonical6,
  type InterfaceAddress,
  isIn,
  overlap,
  toIpv4,
  toNumber,
} from "../../inventory/addresses.ts";
import { FarmError } from "../../shell/errors.ts";
import { writeWhole } from "../../shell/files.ts";
import { makeRoots, RUN, stackLayout } from "./layout.ts";
import { withSharedLock } from "./lock.ts";
import { must, type Result, type RunOptions, run } from "./run.ts";

/** The bridge that all machines of a stack hang on, inside the stack's network namespace. */
export const BRIDGE = "farm0";

/**
 * Opens the network of a stack: a namespace with one bridge and no route out of it, so that nothing in it can reach
 * any address but its own. Outside, an `unreachable` route keeps packets for that range from leaving by the default
 * route when somebody forgets to enter the namespace. What is there already stays as it is. The network has IPv6 as well,
 * in the range that belongs to this one.
 * @param range such as "10.90.0.0/24"; its first address is the controller's
 * Throws a FarmError when the range is in use on this computer or the stack runs with another one.
 */
export async function openNetwork(stack: string, range: string): Promise<void> {
  const { namespace, run: runDir, rangeFile } = stackLayout(stack);
  const { prefixLength } = parseRange(range);
  const present = openRange(stack);
  if (present !== undefined && present !== range)
    throw new FarmError(`the twin '${stack}' runs with ${present}, not ${range}`, "take it down first");
  const ranges = [range, range6Of(range)];
  for (const each of ranges) await refuseRangeInUse(each);

  makeRoots();
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  await withSharedLock("routes", 10, async () => {
    writeWhole(rangeFile, range);
    for (const each of ranges.filter(canLeave))
      await must("keep the twin's addresses from leaving this computer", [
        ...["ip", "route", "replace", "unreachable", each],
      ]);
  });
  if (!existsSync(`/run/netns/${namespace}`))
    await must("make a network namespace", ["ip", "netns", "add", namespace]);
  const ip = ["ip", "-netns", namespace];
  if ((await run([...ip, "link", "show", BRIDGE])).code !== 0)
    await must("make the twin's bridge", [...ip, "link", "add", BRIDGE, "type", "bridge"]);
  for (const own of [
    `${controllerAddress(range)}/${prefixLength}`,
    `${address6Of(range, 0, 1)}/${PREFIX_LENGTH_6}`,
  ])
    await must("address the twin's bridge", [...ip, "address", "replace", own, "dev", BRIDGE]);
  for (const link of ["lo", BRIDGE]) await must(`bring up ${link}`, [...ip, "link", "set", link, "up"]);
}

/** Removes the network of a stack; its machines and proxy must be gone. Nothing happens when there is none. */
export async function closeNetwork(stack: string): Promise<void> {
  const { namespace, run: runDir } = stackLayout(stack);
  const range = openRange(stack);
  if (existsSync(`/run/netns/${namespace}`))
    await must("remove the network namespace", ["ip", "netns", "delete", namespace]);
  await withSharedLock("routes", 10, async () => {
    rmSync(runDir, { recursive: true, force: true });
    if (range !== undefined && !openStacks().some((other) => openRange(other) === range))
      for (const each of [range, range6Of(range)]) await run(["ip", "route", "delete", "unreachable", each]);
  });
}

/** The range that the network of a stack was opened with; undefined when it isn't open. */
export function openRange(stack: string): string | undefined {
  const { rangeFile } = stackLayout(stack);
  return existsSync(rangeFile) ? readFileSync(rangeFile, "utf8") : undefined;
}

/** Names of the stacks whose network is open. */
export function openStacks(): string[] {
  if (!existsSync(RUN)) return [];
  return readdirSync(RUN).filter((name) => existsSync(join(RUN, name, "range")));
}

/** The first address of a range: the bridge's own, where the package proxy listens. */
export function controllerAddress(range: string): string {
  const { network } = parseRange(range);
  return toIpv4(network + 1);
}

/** Of a twin's IPv6 range: one site's. All machines are neighbours, whatever subnets their farm gives them. */
export const PREFIX_LENGTH_6 = 48;

/** The IPv6 range that belongs to one of IPv4: unique local addresses for one site, of each range its own (RFC 4193). */
export function range6Of(range: string): string {
  const { network } = parseRange(range);
  return `fd00:${(network >>> 16).toString(16)}:${(network & 0xffff).toString(16)}::/${PREFIX_LENGTH_6}`;
}

/** A number in a subnet of the IPv6 range of an IPv4 range. People read both as they count: host 11 ends with 11. */
export function address6Of(range: string, subnet: number, number: number): string {
  const [site = ""] = range6Of(range).split("::/");
  return canonical6(`${site}:${subnet}::${number}`);
}

/** Whether an address belongs to a range. */
export function isWithin(address: string, range: string): boolean {
  return isIn(address, interfaceOf(range));
}

/** A command as it runs inside the network of a stack. It gets a mount namespace of its own as well. */
export function inNamespace(stack: string, argv: readonly string[]): string[] {
  return ["ip", "netns", "exec", stackLayout(stack).namespace, ...argv];
}

/** Runs a command inside the network of a stack, on this computer's file system: ssh, curl, a browser. */
export function runInNamespace(
  stack: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  return run(inNamespace(stack, argv), options);
}

async function refuseRangeInUse(range: string): Promise<void> {
  const family = isIPv6(interfaceOf(range).address) ? "-6" : "-4";
  const routes: { type?: string; dst: string; dev?: string }[] = JSON.parse(
    await must("read the routes of this computer", ["ip", "-json", family, "route", "show"]),
  );
  const clash = routes.find(
    ({ type, dst }) =>
      type !== "unreachable" && dst !== "default" && overlap(interfaceOf(dst), interfaceOf(range)),
  );
  if (clash)
    throw new FarmError(
      `${range} can't be the twin's: this computer already reaches ${clash.dst} by ${clash.dev ?? "a route"}`,
      "choose another private range for the twin",
    );
}

/** Whether packets to a range could leave this computer at all: not those of IPv6 where that is switched off. */
function canLeave(range: string): boolean {
  const setting = "/proc/sys/net/ipv6/conf/lo/disable_ipv6";
  return (
    !isIPv6(interfaceOf(range).address) ||
    (existsSync(setting) && readFileSync(setting, "utf8").trim() === "0")
  );
}

/** A range, or an address alone, of either family. */
function interfaceOf(range: string): InterfaceAddress {
  const [address = "", length] = range.split("/");
  return { address, prefixLength: Number(length ?? (isIPv6(address) ? 128 : 32)) };
}

/** A range of IPv4 as a number and a length; the bits beyond the length must be zero. */
function parseRange(range: string): { network: number; prefixLength: number } {
  const [address = "", length] = range.split("/");
  const network = toNumber(address);
  const prefixLength = Number(length);
  if (!/^\d+(\.\d+){3}$/.test(address) || !(prefixLength <= 32) || network % 2 ** (32 - prefixLength) !== 0)
    throw new FarmError(`"${range}" isn't a range of addresses`, "write it like 10.90.0.0/24", 2);
  return { network, prefixLength };
}
