import { z } from "zod";
import { checkConfirmation } from "../confirm.ts";
import type { RobotService } from "./service.ts";

const server = z.object({
  /** Null where a server has IPv6 alone. */
  server_ip: z.string().nullable(),
  server_ipv6_net: z.string().nullable(),
  server_number: z.int(),
  /** Empty as long as nobody has named it. */
  server_name: z.string(),
  product: z.string(),
  dc: z.string(),
  /** "ready" or "in process". */
  status: z.string(),
  cancelled: z.boolean(),
  /** yyyy-MM-dd. */
  paid_until: z.string(),
  ip: z.array(z.string()).nullish(),
  subnet: z.array(z.object({ ip: z.string(), mask: z.string() })).nullish(),
});

const resetOptions = z.object({
  server_number: z.int(),
  type: z.array(z.string()),
  /** Such as "running"; "not supported" where Robot can't tell. */
  operating_status: z.string().optional(),
});

const configuration = z.object({ active: z.boolean() });

const boot = z.object({
  rescue: configuration.nullish(),
  linux: configuration.nullish(),
  vnc: configuration.nullish(),
  windows: configuration.nullish(),
  plesk: configuration.nullish(),
  cpanel: configuration.nullish(),
});

/** A dedicated server, its fields as Robot names them. */
export type Server = z.output<typeof server>;
export type ResetOptions = z.output<typeof resetOptions>;
/** Which of the configurations is active, that is, boots next; null where a server can't have it. */
export type Boot = z.output<typeof boot>;

/** sw: Ctrl+Alt+Del; hw: the reset button; man: a technician; power, power_long: the power button, short or held. */
export type ResetType = "sw" | "hw" | "man" | "power" | "power_long";

/** Dedicated servers, how they boot, and their reset. `number` is everywhere Robot's number of the server. */
export class Servers {
  readonly #service: RobotService;

  constructor(service: RobotService) {
    this.#service = service;
  }

  /** All servers of the account. */
  async list(): Promise<Server[]> {
    const answer = z.array(z.object({ server }));
    const call = { method: "GET", path: "/server", perHour: 200 } as const;
    const all = await this.#service.find(call, answer, "SERVER_NOT_FOUND");
    return all?.map((each) => each.server) ?? [];
  }

  async get(number: number): Promise<Server> {
    const call = { method: "GET", path: "/server/{}", of: [number], perHour: 200 } as const;
    return (await this.#service.ask(call, z.object({ server }))).server;
  }

  /** What kinds of reset a server can have. */
  async resetOptions(number: number): Promise<ResetOptions> {
    const call = { method: "GET", path: "/reset/{}", of: [number], perHour: 500 } as const;
    return (await this.#service.ask(call, z.object({ reset: resetOptions }))).reset;
  }

  /**
   * Resets a server: what it had not written is lost, but with `sw`. `confirm` is its name in Robot, or its number where
   * it has no name; with another one a FarmError (exit code 2) is thrown, and no reset is sent.
   */
  async reset(number: number, type: ResetType, confirm: string): Promise<void> {
    await this.checkConfirmation(number, `${type} reset of server ${number}`, confirm);
    const form = new URLSearchParams({ type });
    await this.#service.tell({ method: "POST", path: "/reset/{}", of: [number], form, perHour: 50 });
  }

  /** What a server boots next. */
  async boot(number: number): Promise<Boot> {
    const call = { method: "GET", path: "/boot/{}", of: [number], perHour: 500 } as const;
    return (await this.#service.ask(call, z.object({ boot }))).boot;
  }

  /** Fetches the server's name, and throws a FarmError (exit code 2) unless `confirm` is it; see reset. */
  async checkConfirmation(number: number, action: string, confirm: string): Promise<void> {
    const { server_name } = await this.get(number);
    checkConfirmation(action, [server_name || String(number)], confirm);
  }
}
