import { z } from "zod";
import type { RobotCall, RobotService } from "./service.ts";

const keyReference = z.object({ key: z.object({ name: z.string(), fingerprint: z.string() }) });

const rescue = z.object({
  server_number: z.int(),
  /** What there is to choose from, or what was chosen. */
  os: z.union([z.string(), z.array(z.string())]),
  active: z.boolean(),
  /** Of root, while the rescue system is active; a secret. */
  password: z.string().nullable(),
  authorized_key: z.array(keyReference),
  /** The SSH host keys that it shows, by their MD5 fingerprints. */
  host_key: z.array(z.object({ key: z.object({ fingerprint: z.string() }) })),
});

const key = z.object({
  name: z.string(),
  fingerprint: z.string(),
  type: z.string(),
  /** Bits. */
  size: z.int(),
  /** A line as in authorized_keys. */
  data: z.string(),
});

export type Rescue = z.output<typeof rescue>;
export type SshKey = z.output<typeof key>;

/**
 * The rescue system: a Linux from the network that a server boots once, when it is reset next. No call here touches what
 * runs or what is on a disk, so none is to be confirmed; the reset is. `number` is Robot's number of the server.
 */
export class RescueSystem {
  readonly #service: RobotService;

  constructor(service: RobotService) {
    this.#service = service;
  }

  async #ask(call: RobotCall): Promise<Rescue> {
    return (await this.#service.ask(call, z.object({ rescue }))).rescue;
  }

  /** Whether it is active, and what there is to choose from. */
  get(number: number): Promise<Rescue> {
    return this.#ask({ method: "GET", path: "/boot/{}/rescue", of: [number], perHour: 500 });
  }

  /** The last activation. */
  last(number: number): Promise<Rescue> {
    return this.#ask({ method: "GET", path: "/boot/{}/rescue/last", of: [number], perHour: 500 });
  }

  /**
   * The next boot is the rescue system, where these keys may log in as root; `fingerprints` are of keys that Robot knows
   * (see SshKeys). The answer has a password that is as good as a key: keep it a secret.
   */
  activate(number: number, fingerprints: readonly string[]): Promise<Rescue> {
    const form = new URLSearchParams({ os: "linux" });
    for (const fingerprint of fingerprints) form.append("authorized_key[]", fingerprint);
    return this.#ask({ method: "POST", path: "/boot/{}/rescue", of: [number], form, perHour: 500 });
  }

  /** The next boot is from disk again. */
  deactivate(number: number): Promise<Rescue> {
    return this.#ask({ method: "DELETE", path: "/boot/{}/rescue", of: [number], perHour: 500 });
  }
}

/** The public SSH keys that Robot keeps for rescue systems and installations. */
export class SshKeys {
  readonly #service: RobotService;

  constructor(service: RobotService) {
    this.#service = service;
  }

  async list(): Promise<SshKey[]> {
    const call = { method: "GET", path: "/key", perHour: 500 } as const;
    const all = await this.#service.find(call, z.array(z.object({ key })), "NOT_FOUND");
    return all?.map((each) => each.key) ?? [];
  }

  /** Adds a key; `data` is its line in OpenSSH's form. Fails with code KEY_ALREADY_EXISTS if Robot has it. */
  async add(name: string, data: string): Promise<SshKey> {
    const form = new URLSearchParams({ name, data });
    const call = { method: "POST", path: "/key", form, perHour: 200 } as const;
    return (await this.#service.ask(call, z.object({ key }))).key;
  }
}
