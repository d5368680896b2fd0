import { z } from "zod";
import { checkConfirmation } from "../confirm.ts";
import type { ContaboService } from "./service.ts";

/** The value is left out: nothing here needs it. */
const secret = z.object({
  secretId: z.int(),
  name: z.string(),
  type: z.enum(["password", "ssh"]),
});

export type Secret = z.output<typeof secret>;

/** Public SSH keys and passwords that Contabo keeps, for installations to name by their ids. */
export class Secrets {
  readonly #service: ContaboService;

  constructor(service: ContaboService) {
    this.#service = service;
  }

  /** All secrets of the account, without their values. */
  list(): Promise<Secret[]> {
    return this.#service.all("/v1/secrets", secret);
  }

  /** Stores a public SSH key; `value` is its line in OpenSSH's form. */
  createSshKey(name: string, value: string): Promise<Secret> {
    const body = { name, value, type: "ssh" };
    return this.#service.one({ method: "POST", path: "/v1/secrets", body, secret: true }, secret);
  }

  /**
   * Deletes a secret; installed instances keep the key. `confirm` is its name; with another one a FarmError (exit code 2)
   * is thrown, and nothing is sent.
   */
  async delete(id: number, confirm: string): Promise<void> {
    const path = `/v1/secrets/${id}`;
    const { name } = await this.#service.one({ method: "GET", path }, secret);
    checkConfirmation(`deletion of secret ${id}`, [name || String(id)], confirm);
    await this.#service.tell({ method: "DELETE", path });
  }
}
