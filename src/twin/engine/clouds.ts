/**
 * How the twin answers for the clouds (DigitalOcean, Hetzner Cloud): a server becomes a booted machine, which finds in its
 * user data what cloud-init would find; what surrounds servers there, such as firewalls and projects, is only written down.
 */
import { parse } from "yaml";
import { z } from "zod";
import { FarmError } from "../../shell/errors.ts";
import { isRunning } from "../machines/inside.ts";
import { boot, destroy } from "../machines/machine.ts";
import { numberOf, TWIN_RANGE } from "../settings.ts";
import type { Properties, ResourceRecord } from "./state.ts";

/** What the twin knows of its stack when it answers for a cloud. */
export interface Cloud {
  readonly stack: string;
  /** Addresses of hosts, by name. */
  readonly addresses: Readonly<Record<string, string>>;
}

const SERVERS = new Set(["digitalocean:index/droplet:Droplet", "hcloud:index/server:Server"]);
/** What can be done on a server of a cloud has terabytes behind it; its part in the twin needs little. */
const DISK = 20e9;

/** The words of the user data that matter before the first connection. */
const userDataSchema = z.looseObject({
  bootcmd: z.array(z.unknown()).default([]),
  ssh_authorized_keys: z.array(z.string()),
  ssh_keys: z.object({ ed25519_private: z.string(), ed25519_public: z.string() }),
});

export const isCloud = (type: string): boolean => /^(digitalocean|hcloud):/.test(type);

async function bootServer({ stack, addresses }: Cloud, name: string, userData: string): Promise<void> {
  const address = addresses[name];
  if (address === undefined)
    throw new FarmError(`the twin has no address for the server ${name}`, "declare it as a host");
  const { bootcmd, ssh_authorized_keys, ssh_keys } = userDataSchema.parse(parse(userData));
  await boot(stack, {
    name,
    address,
    prefixLength: Number(TWIN_RANGE.split("/")[1]),
    diskBytes: DISK,
    hostKey: { privateKey: ssh_keys.ed25519_private, publicKey: ssh_keys.ed25519_public.trim() },
    authorizedKeys: ssh_authorized_keys,
    fresh: JSON.stringify(bootcmd).includes("/var/lib/farm/fresh"),
  });
}

/**
 * Makes a resource of a cloud, or writes down its change; returns its outputs. A server that exists (it was imported)
 * runs already. Throws a FarmError for a server that the twin can't boot.
 */
export async function applyCloud(cloud: Cloud, type: string, inputs: Properties): Promise<Properties> {
  const name = String(inputs.name);
  if (SERVERS.has(type) && !isRunning(cloud.stack, name))
    await bootServer(cloud, name, String(inputs.userData));
  return { ...inputs, ...(SERVERS.has(type) ? { dropletUrn: `do:droplet:${numberOf(name)}` } : {}) };
}

/** Removes a resource that the program no longer declares. */
export async function deleteCloud({ stack }: Cloud, { type, inputs }: ResourceRecord): Promise<void> {
  if (SERVERS.has(type)) await destroy(stack, String(inputs.name));
}

/** Answers a question of the program to a cloud. Throws a FarmError for one that the twin does not know. */
export async function askCloud({
  token,
  inputs,
}: {
  token: string;
  inputs: Properties;
}): Promise<Properties> {
  if (token === "hcloud:index/getPrimaryIp:getPrimaryIp")
    return { ...inputs, id: Number(numberOf(String(inputs.ipAddress))), autoDelete: false };
  throw new FarmError(`the twin has no answer for the function ${token}`, "teach it one in src/twin/engine");
}
