/**
 * How the twin answers for the clouds (DigitalOcean, Hetzner Cloud): a server becomes a booted machine, of which cloud-init
 * makes what its user data say; what surrounds servers there, such as firewalls and projects, is only written down, and so
 * is all that there is at Cloudflare.
 */
import { FarmError } from "../../shell/errors.ts";
import { runCloudInit } from "../machines/cloud-init.ts";
import { isRunning } from "../machines/inside.ts";
import { boot, destroy, listMachines } from "../machines/machine.ts";
import { TWIN_RANGE } from "../settings.ts";
import { numberOf } from "./cloud-ids.ts";
import type { Properties, ResourceRecord } from "./state.ts";

const SERVERS = new Set(["digitalocean:index/droplet:Droplet", "hcloud:index/server:Server"]);
/** Bytes: a cloud's server has more, of which its part in the twin needs little. */
const DISK = 20e9;
/** The first number in the twin's range that a server gets which is no host, and so has no address in configuration. */
const FIRST_FREE = 200;

export const isCloud = (type: string): boolean => /^(cloudflare|digitalocean|hcloud):/.test(type);

/** A stack's servers at clouds. */
export class Clouds {
  readonly #stack: string;
  readonly #addresses: Map<string, string>;
  readonly #addresses6: Readonly<Record<string, string>>;

  /** `addresses` and `addresses6` are those of the stack's hosts, by name. */
  constructor(
    stack: string,
    addresses: Readonly<Record<string, string>>,
    addresses6: Readonly<Record<string, string>> = {},
  ) {
    this.#stack = stack;
    this.#addresses6 = addresses6;
    const present = listMachines(stack).map(({ name, address }) => [name, address] as const);
    this.#addresses = new Map([...present, ...Object.entries(addresses)]);
  }

  /** The address of a server; one that has none gets the next that is free. */
  #addressOf(name: string): string {
    const taken = new Set(this.#addresses.values());
    const prefix = TWIN_RANGE.slice(0, TWIN_RANGE.lastIndexOf(".") + 1);
    let number = FIRST_FREE;
    while (taken.has(`${prefix}${number}`)) number += 1;
    const address = this.#addresses.get(name) ?? `${prefix}${number}`;
    this.#addresses.set(name, address);
    return address;
  }

  async #boot(name: string, address: string, userData: string): Promise<void> {
    const prefixLength = Number(TWIN_RANGE.split("/")[1]);
    // Neither keys nor mark: all that a server knows it has from its user data.
    const address6 = this.#addresses6[name];
    await boot(this.#stack, {
      ...{ name, address, prefixLength, diskBytes: DISK, authorizedKeys: [] },
      ...(address6 === undefined ? {} : { address6 }),
    });
    await runCloudInit(this.#stack, name, userData);
  }

  /**
   * Makes a resource of a cloud, or writes down its change; returns its outputs. A server that exists runs already. One
   * whose making was cut off is made again. Throws a FarmError for a server that does not come up.
   */
  async apply(type: string, inputs: Properties, before: ResourceRecord | undefined): Promise<Properties> {
    if (!SERVERS.has(type)) return inputs;
    const name = String(inputs.name);
    const address = this.#addressOf(name);
    if (before === undefined && inputs.userData !== undefined) {
      await destroy(this.#stack, name);
      await this.#boot(name, address, String(inputs.userData));
    } else if (!isRunning(this.#stack, name)) throw new FarmError(`${name} is not running`);
    return { ...inputs, ipv4Address: address, dropletUrn: `do:droplet:${numberOf(name)}` };
  }

  /** Removes a resource that the program no longer declares. */
  async delete({ type, inputs }: ResourceRecord): Promise<void> {
    if (SERVERS.has(type)) await destroy(this.#stack, String(inputs.name));
  }
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
