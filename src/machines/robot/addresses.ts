import { z } from "zod";
import type { Servers } from "./servers.ts";
import type { RobotService } from "./service.ts";

const failover = z.object({
  ip: z.string(),
  netmask: z.string(),
  /** The server that the address was ordered with. */
  server_number: z.int(),
  /** Main address of the server that has it now; null if nobody has. */
  active_server_ip: z.string().nullable(),
});

const address = z.object({
  ip: z.string(),
  server_number: z.int(),
  separate_mac: z.string().nullable(),
});

const mac = z.object({ ip: z.string(), mac: z.string().nullable() });

/** Users have seen null where there was an entry. */
const rdns = z.object({ ip: z.string(), ptr: z.string().nullable() });

export type Failover = z.output<typeof failover>;
export type Address = z.output<typeof address>;

/** Names of addresses (PTR records). */
export class ReverseDns {
  readonly #service: RobotService;

  constructor(service: RobotService) {
    this.#service = service;
  }

  /** The name of an address, undefined if it has none. */
  async get(ip: string): Promise<string | undefined> {
    const call = { method: "GET", path: "/rdns/{}", of: [ip], perHour: 500 } as const;
    return (await this.#service.find(call, z.object({ rdns }), "RDNS_NOT_FOUND"))?.rdns.ptr ?? undefined;
  }

  /** Names an address, whether it had a name or not. */
  async set(ip: string, ptr: string): Promise<void> {
    const form = new URLSearchParams({ ptr });
    await this.#service.ask(
      { method: "POST", path: "/rdns/{}", of: [ip], form, perHour: 500 },
      z.object({ rdns }),
    );
  }

  delete(ip: string): Promise<void> {
    return this.#service.tell({ method: "DELETE", path: "/rdns/{}", of: [ip], perHour: 500 });
  }
}

/**
 * Additional addresses, and the MAC address that a virtual machine needs in order to have one. Giving an address a MAC, or
 * taking it, cuts off whoever uses the address as it was: both are confirmed by the name of the server that it belongs to,
 * as a reset is.
 */
export class Addresses {
  readonly #service: RobotService;
  readonly #servers: Servers;

  constructor(service: RobotService, servers: Servers) {
    this.#service = service;
    this.#servers = servers;
  }

  async get(ip: string): Promise<Address> {
    const call = { method: "GET", path: "/ip/{}", of: [ip], perHour: 5000 } as const;
    return (await this.#service.ask(call, z.object({ ip: address }))).ip;
  }

  /** The MAC address of an address, undefined if it has none of its own. */
  async mac(ip: string): Promise<string | undefined> {
    const call = { method: "GET", path: "/ip/{}/mac", of: [ip], perHour: 5000 } as const;
    return (await this.#service.find(call, z.object({ mac }), "MAC_NOT_FOUND"))?.mac.mac ?? undefined;
  }

  /** Lets Robot make a MAC address for an address, and returns it. Fails with code MAC_ALREADY_SET if it has one. */
  async generateMac(ip: string, confirm: string): Promise<string> {
    await this.#check(ip, `new MAC address of ${ip}`, confirm);
    const call = { method: "PUT", path: "/ip/{}/mac", of: [ip], perHour: 10 } as const;
    return (await this.#service.ask(call, z.object({ mac: mac.extend({ mac: z.string() }) }))).mac.mac;
  }

  async deleteMac(ip: string, confirm: string): Promise<void> {
    await this.#check(ip, `removal of the MAC address of ${ip}`, confirm);
    await this.#service.tell({ method: "DELETE", path: "/ip/{}/mac", of: [ip], perHour: 10 });
  }

  async #check(ip: string, action: string, confirm: string): Promise<void> {
    const { server_number } = await this.get(ip);
    await this.#servers.checkConfirmation(server_number, action, confirm);
  }
}

/**
 * Addresses that can move between servers. Moving one takes it from whoever has it: `confirm` is the name of the server
 * that it was ordered with, as with a reset.
 */
export class FailoverAddresses {
  readonly #service: RobotService;
  readonly #servers: Servers;

  constructor(service: RobotService, servers: Servers) {
    this.#service = service;
    this.#servers = servers;
  }

  async get(ip: string): Promise<Failover> {
    const call = { method: "GET", path: "/failover/{}", of: [ip], perHour: 100 } as const;
    return (await this.#service.ask(call, z.object({ failover }))).failover;
  }

  /** Sends an address to the server with this main address (with IPv6: with this main net). */
  async route(ip: string, serverIp: string, confirm: string): Promise<Failover> {
    await this.#check(ip, `routing of ${ip} to ${serverIp}`, confirm);
    const form = new URLSearchParams({ active_server_ip: serverIp });
    const call = { method: "POST", path: "/failover/{}", of: [ip], form, perHour: 50 } as const;
    return (await this.#service.ask(call, z.object({ failover }))).failover;
  }

  /** Sends an address to nobody. */
  async unroute(ip: string, confirm: string): Promise<Failover> {
    await this.#check(ip, `end of the routing of ${ip}`, confirm);
    const call = { method: "DELETE", path: "/failover/{}", of: [ip], perHour: 50 } as const;
    return (await this.#service.ask(call, z.object({ failover }))).failover;
  }

  async #check(ip: string, action: string, confirm: string): Promise<void> {
    const { server_number } = await this.get(ip);
    await this.#servers.checkConfirmation(server_number, action, confirm);
  }
}
