import { z } from "zod";
import { checkConfirmation } from "../confirm.ts";
import type { RobotService } from "./service.ts";

const summary = z.object({ id: z.int(), name: z.string(), vlan: z.int(), cancelled: z.boolean() });

const vSwitch = summary.extend({
  server: z.array(
    z.object({
      server_number: z.int(),
      server_ip: z.string().nullable(),
      /** "ready" or "failed"; while it changes "in process", or "processing", as users have seen. */
      status: z.string(),
    }),
  ),
  subnet: z.array(z.object({ ip: z.string(), mask: z.int(), gateway: z.string() })),
  cloud_network: z.array(z.object({ id: z.int(), ip: z.string(), mask: z.int(), gateway: z.string() })),
});

export type VSwitchSummary = z.output<typeof summary>;
export type VSwitch = z.output<typeof vSwitch>;

/**
 * vSwitches, private networks between servers. A change of members goes on at Robot after the call has ended: `get` shows
 * each member's status, and until all are ready a further change fails with code VSWITCH_IN_PROCESS.
 */
export class VSwitches {
  readonly #service: RobotService;

  constructor(service: RobotService) {
    this.#service = service;
  }

  list(): Promise<VSwitchSummary[]> {
    return this.#service.ask({ method: "GET", path: "/vswitch", perHour: 500 }, z.array(summary));
  }

  get(id: number): Promise<VSwitch> {
    return this.#service.ask({ method: "GET", path: "/vswitch/{}", of: [id], perHour: 500 }, vSwitch);
  }

  /** Makes a vSwitch without members; `vlan` is the VLAN's number. */
  create(name: string, vlan: number): Promise<VSwitch> {
    const form = new URLSearchParams({ name, vlan: String(vlan) });
    return this.#service.ask({ method: "POST", path: "/vswitch", form, perHour: 100 }, vSwitch);
  }

  /** Adds servers, by their numbers. */
  addServers(id: number, servers: readonly number[]): Promise<void> {
    const form = members(servers);
    return this.#service.tell({ method: "POST", path: "/vswitch/{}/server", of: [id], form, perHour: 100 });
  }

  /** Takes servers out, which lose its network. `confirm` is the vSwitch's name; with another, nothing is sent. */
  async removeServers(id: number, servers: readonly number[], confirm: string): Promise<void> {
    await this.#check(id, `removal of servers ${servers.join(", ")} from vSwitch ${id}`, confirm);
    const form = members(servers);
    await this.#service.tell({
      method: "DELETE",
      path: "/vswitch/{}/server",
      of: [id],
      form,
      perHour: 100,
    });
  }

  /** Cancels a vSwitch to a `day`, yyyy-MM-dd, or "now". `confirm` is its name; with another, nothing is sent. */
  async cancel(id: number, day: string, confirm: string): Promise<void> {
    await this.#check(id, `cancellation of vSwitch ${id}`, confirm);
    const form = new URLSearchParams({ cancellation_date: day });
    await this.#service.tell({ method: "DELETE", path: "/vswitch/{}", of: [id], form, perHour: 100 });
  }

  async #check(id: number, action: string, confirm: string): Promise<void> {
    const { name } = await this.get(id);
    checkConfirmation(action, [name || String(id)], confirm);
  }
}

function members(servers: readonly number[]): URLSearchParams {
  return new URLSearchParams(servers.map((number): [string, string] => ["server[]", String(number)]));
}
