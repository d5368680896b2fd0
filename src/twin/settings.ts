/** The twin's own stack configuration: all in which it may differ from the real stack. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeWhole } from "../shell/files.ts";
import { declarationOf, readSettings, type Settings } from "../shell/stack.ts";
import { REPOSITORY_PORT } from "./edge/places.ts";
import { packagesKey } from "./edge/repository.ts";
import { numberOf } from "./engine/cloud-ids.ts";
import { stackLayout } from "./machines/layout.ts";
import { address6Of, controllerAddress } from "./machines/network.ts";
import { PROXY_PORT } from "./machines/packages.ts";
import { must } from "./machines/run.ts";

/** The twin's network. Private (RFC 1918), and known outside of the twin only as unreachable. */
export const TWIN_RANGE = "10.90.0.0/24";
/** First host's number in the range; the controller has the lowest. */
const FIRST_NUMBER = 10;

/** Where the key of the twin's administrator lies on this computer. */
export const administratorKey = (stack: string): string => join(stackLayout(stack).state, "administrator");

/** The hosts' numbers in the range, by name: each keeps the one that it was given first, whoever comes or goes. */
function numbers(stack: string): Record<string, number> {
  const path = join(stackLayout(stack).state, "numbers.json");
  const known: Record<string, number> = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  const fresh = declarationOf(stack).hosts.filter(({ id }) => known[id] === undefined);
  const next = Math.max(FIRST_NUMBER, ...Object.values(known).map((number) => number + 1));
  const all = { ...known, ...Object.fromEntries(fresh.map(({ id }, index) => [id, next + index])) };
  if (fresh.length > 0) writeWhole(path, JSON.stringify(all));
  return all;
}

function addresses(stack: string): Record<string, string> {
  const prefix = TWIN_RANGE.slice(0, TWIN_RANGE.lastIndexOf(".") + 1);
  const known = numbers(stack);
  return Object.fromEntries(declarationOf(stack).hosts.map(({ id }) => [id, `${prefix}${known[id]}`]));
}

/** A host's IPv6 address: a guest's is in the subnet of its Proxmox host, which has that one's number. */
function address6(stack: string): (id: string) => string {
  const known = numbers(stack);
  const { hosts } = declarationOf(stack);
  const subnets = new Map(
    hosts.map(({ id, origin }) => [id, origin.kind === "guest" ? known[origin.parent] : undefined]),
  );
  return (id) => address6Of(TWIN_RANGE, subnets.get(id) ?? 0, known[id] ?? 0);
}

/** Where Cloudflare is the edge: its connectors' packages and names come from the twin, as its stand-in does. */
async function standIn(stack: string): Promise<Settings> {
  if (declarationOf(stack).edge?.kind !== "cloudflare") return {};
  const controller = controllerAddress(TWIN_RANGE);
  const repository = `http://${controller}:${REPOSITORY_PORT}`;
  return { cloudflared: { repository, key: await packagesKey(stack) }, nameservers: [controller] };
}

/** Guests of all Proxmox hosts are on the twin's one bridge, whose address is the controller's. */
const guestNetwork = (): string => `${controllerAddress(TWIN_RANGE)}/${TWIN_RANGE.split("/")[1]}`;

/** A Proxmox host's address in the subnet of its guests. */
function guestNetwork6(stack: string): (id: string) => string {
  const known = numbers(stack);
  return (id) => `${address6Of(TWIN_RANGE, known[id] ?? 0, 1)}/64`;
}

/** A setting by name, such as `imports`, with the twin's own values; nothing where the real stack has none. */
function byName(real: Settings, key: string, value: (name: string) => string): Settings {
  if (real[key] === undefined) return {};
  return { [key]: Object.fromEntries(Object.keys(real[key] as object).map((name) => [name, value(name)])) };
}

/** Makes a file once, whole or not at all. */
function once(path: string, make: () => string): string {
  if (!existsSync(path)) writeWhole(path, make());
  return readFileSync(path, "utf8");
}

/** Makes the key of a twin's administrator, and its .pub, unless they are there. */
export async function makeAdministratorKey(path: string): Promise<void> {
  if (existsSync(path) && existsSync(`${path}.pub`)) return;
  const command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "twin", "-f", path];
  await must("make the administrator's key", command, { input: "y\n" });
}

/**
 * The settings of a stack as its twin runs with them: the stack's own file with a few keys replaced. Master key and
 * administrator's key are made at the first call and kept with the twin. Throws as readSettings does.
 */
export async function twinSettings(stack: string): Promise<Settings> {
  const { state } = stackLayout(stack);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const key = administratorKey(stack);
  await makeAdministratorKey(key);
  const real = readSettings(stack);
  return {
    ...real,
    ...byName(real, "imports", numberOf),
    ...(await standIn(stack)),
    addresses: addresses(stack),
    ...byName(real, "guestNetworks", guestNetwork),
    ...byName(real, "addresses6", address6(stack)),
    ...byName(real, "guestNetworks6", guestNetwork6(stack)),
    administrators: [
      { name: "twin", languages: ["en", "ru"], keys: [readFileSync(`${key}.pub`, "utf8").trim()] },
    ],
    masterKey: once(join(state, "master-key"), () => randomBytes(32).toString("base64")),
    packageProxy: `http://${controllerAddress(TWIN_RANGE)}:${PROXY_PORT}`,
    privateKey: readFileSync(key, "utf8"),
  };
}

/** Keys under `farms:` in which the twin's settings differ from the real stack's, sorted. */
export function differences(stack: string, settings: Settings): string[] {
  const real = readSettings(stack);
  const keys = new Set([...Object.keys(real), ...Object.keys(settings)]);
  return [...keys].filter((key) => !isDeepStrictEqual(real[key], settings[key])).sort();
}
