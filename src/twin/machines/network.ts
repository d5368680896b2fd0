import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { BlockList } from "node:net";
import { join } from "node:path";
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
 * route when somebody forgets to enter the namespace. What is there already stays as it is.
 * @param range such as "10.90.0.0/24"; its first address is the controller's
 * Throws a FarmError when the range is in use on this computer or the stack runs with another one.
 */
export async function openNetwork(stack: string, range: string): Promise<void> {
  const { namespace, run: runDir, rangeFile } = stackLayout(stack);
  const { prefixLength } = parseRange(range);
  const present = openRange(stack);
  if (present !== undefined && present !== range)
    throw new FarmError(`the twin '${stack}' runs with ${present}, not ${range}`, "take it down first");
  await refuseRangeInUse(range);

  makeRoots();
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  const unreachable = ["ip", "route", "replace", "unreachable", range];
  await withSharedLock("routes", 10, async () => {
    writeWhole(rangeFile, range);
    await must("keep the twin's addresses from leaving this computer", unreachable);
  });
  if (!existsSync(`/run/netns/${namespace}`))
    await must("make a network namespace", ["ip", "netns", "add", namespace]);
  const ip = ["ip", "-netns", namespace];
  if ((await run([...ip, "link", "show", BRIDGE])).code !== 0)
    await must("make the twin's bridge", [...ip, "link", "add", BRIDGE, "type", "bridge"]);
  await must("address the twin's bridge", [
    ...ip,
    ...["address", "replace", `${controllerAddress(range)}/${prefixLength}`, "dev", BRIDGE],
  ]);
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
      await run(["ip", "route", "delete", "unreachable", range]);
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
  return toText(network + 1);
}

/** Whether an address belongs to a range. */
export function isWithin(address: string, range: string): boolean {
  return overlap(address, range);
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
  const routes: { type?: string; dst: string; dev?: string }[] = JSON.parse(
    await must("read the routes of this computer", ["ip", "-json", "-4", "route", "show"]),
  );
  const clash = routes.find(
    ({ type, dst }) => type !== "unreachable" && dst !== "default" && overlap(dst, range),
  );
  if (clash)
    throw new FarmError(
      `${range} can't be the twin's: this computer already reaches ${clash.dst} by ${clash.dev ?? "a route"}`,
      "choose another private range for the twin",
    );
}

function overlap(one: string, other: string): boolean {
  const [a, b] = [parseRange(one), parseRange(other)];
  const wider = a.prefixLength < b.prefixLength ? a : b;
  const narrower = wider === a ? b : a;
  const list = new BlockList();
  list.addSubnet(toText(wider.network), wider.prefixLength);
  return list.check(toText(narrower.network));
}

/** An address or range of IPv4 as a number and a length; the bits beyond the length must be zero. */
function parseRange(range: string): { network: number; prefixLength: number } {
  const [address = "", length = "32"] = range.split("/");
  const network = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const prefixLength = Number(length);
  if (!/^\d+(\.\d+){3}$/.test(address) || !(prefixLength <= 32) || network % 2 ** (32 - prefixLength) !== 0)
    throw new FarmError(`"${range}" isn't a range of addresses`, "write it like 10.90.0.0/24", 2);
  return { network, prefixLength };
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}
