import { z } from "zod";
import { FarmError } from "../../shell/errors.ts";
import type { Servers } from "./servers.ts";
import type { RobotService } from "./service.ts";

/** Seconds between two looks, and (WAIT) for Robot to set a firewall: what Ansible's community.hrobot.firewall takes. */
const PAUSE = 10;
const WAIT = 180;

const rule = z.object({
  name: z.string().nullish(),
  ip_version: z.enum(["ipv4", "ipv6"]).nullish(),
  /** Addresses and nets in CIDR notation. */
  dst_ip: z.string().nullish(),
  src_ip: z.string().nullish(),
  /** A port, or a range such as 32768-65535. */
  dst_port: z.string().nullish(),
  src_port: z.string().nullish(),
  protocol: z.string().nullish(),
  tcp_flags: z.string().nullish(),
  action: z.enum(["accept", "discard"]),
});

/** The documentation shows rules as an array in one place and as an object of them by number in another, or leaves them out. */
const rules = z.preprocess(
  (value) => (Array.isArray(value) ? value : Object.values(value ?? {})),
  z.array(rule),
);

const firewall = z.object({
  server_number: z.int(),
  /** "active", "disabled", or "in process" while Robot sets it. */
  status: z.string(),
  filter_ipv6: z.boolean(),
  /** Whether Hetzner's own services, such as rescue and DNS, pass. */
  whitelist_hos: z.boolean(),
  rules: z.object({ input: rules, output: rules }),
});

/** A field that is left out, or null, matches everything. */
export type FirewallRule = z.output<typeof rule>;
export type Firewall = z.output<typeof firewall>;
/** What a firewall is to be: all of its rules, in their order. */
export type FirewallSettings = Pick<Firewall, "filter_ipv6" | "whitelist_hos" | "rules"> & {
  readonly status: "active" | "disabled";
};

/** The settings as the documentation encodes them: rules[input][0][action]=accept. */
function encode({ rules: { input, output }, ...settings }: FirewallSettings): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(settings)) form.set(name, String(value));
  for (const [direction, list] of Object.entries({ input, output })) {
    for (const [index, each] of list.entries()) {
      for (const [field, value] of Object.entries(each)) {
        if (value != null) form.set(`rules[${direction}][${index}][${field}]`, value);
      }
    }
  }
  return form;
}

/** The stateless packet filter on a server's switch port. `number` is Robot's number of the server. */
export class Firewalls {
  readonly #service: RobotService;
  readonly #servers: Servers;

  constructor(service: RobotService, servers: Servers) {
    this.#service = service;
    this.#servers = servers;
  }

  async get(number: number): Promise<Firewall> {
    const call = { method: "GET", path: "/firewall/{}", of: [number], perHour: 500 } as const;
    return (await this.#service.ask(call, z.object({ firewall }))).firewall;
  }

  /**
   * Replaces a server's firewall, and waits until Robot has set it, at most 3 minutes (and as long before, if a former
   * change is under way). A wrong rule locks everybody out: `confirm` is the server's name, or its number where it has no
   * name; with another one a FarmError (exit code 2) is thrown, and nothing is sent.
   */
  async apply(number: number, settings: FirewallSettings, confirm: string): Promise<Firewall> {
    await this.#servers.checkConfirmation(number, `new firewall of server ${number}`, confirm);
    await this.#settled(number);
    const form = encode(settings);
    await this.#service.tell({ method: "POST", path: "/firewall/{}", of: [number], form, perHour: 500 });
    const now = await this.#settled(number);
    if (now.status === settings.status) return now;
    throw new FarmError(
      `Hetzner Robot: the firewall of server ${number} is ${now.status}, not ${settings.status}`,
      "somebody else may have changed it meanwhile: look at it in Robot",
    );
  }

  /** The firewall once no change of it is under way. */
  async #settled(number: number): Promise<Firewall> {
    const start = this.#service.clock.now();
    for (;;) {
      const now = await this.get(number);
      if (now.status !== "in process") return now;
      if (this.#service.clock.now() - start >= WAIT * 1000) break;
      await this.#service.clock.sleep(PAUSE);
    }
    throw new FarmError(
      `Hetzner Robot: the firewall of server ${number} is still in process after ${WAIT} s`,
      "Robot goes on by itself: look at it there, and write to Hetzner if it stays so",
    );
  }
}
