import { z } from "zod";
import { checkConfirmation } from "../confirm.ts";
import type { ContaboService } from "./service.ts";

const address = z.object({ ip: z.string(), netmaskCidr: z.int(), gateway: z.string() });

const instance = z.object({
  instanceId: z.int(),
  /** Contabo's own name, such as vmd12345. */
  name: z.string(),
  /** The customer's name for it; may be empty. */
  displayName: z.string(),
  /** "running", "stopped", "installing", "rescue", "error" and others. */
  status: z.string(),
  region: z.string(),
  productId: z.string(),
  /** Such as VPS S. */
  productName: z.string(),
  imageId: z.string(),
  macAddress: z.string(),
  cpuCores: z.int(),
  ramMb: z.number(),
  diskMb: z.number(),
  /** Ids of secrets. */
  sshKeys: z.array(z.int()),
  ipConfig: z.object({ v4: address, v6: address.nullish() }),
  additionalIps: z.array(z.object({ v4: address })),
  /** yyyy-MM-dd. */
  cancelDate: z.string().nullish(),
  defaultUser: z.string().nullish(),
  errorMessage: z.string().nullish(),
});

const image = z.object({
  imageId: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  osType: z.string(),
  version: z.string(),
  status: z.string(),
  /** One of Contabo's own, not one that a customer has uploaded. */
  standardImage: z.boolean(),
});

/** A virtual server, its fields as Contabo names them. */
export type Instance = z.output<typeof instance>;
export type Image = z.output<typeof image>;

export interface Reinstallation {
  readonly imageId: string;
  /** Ids of secrets with public keys, which may log in as the default user. */
  readonly sshKeys?: readonly number[];
  /** For cloud-init, beginning with #cloud-config. */
  readonly userData?: string;
  /** The account with administrator's rights. */
  readonly defaultUser?: "root" | "admin";
}

/** Virtual servers. `id` is everywhere Contabo's number of the instance. */
export class Instances {
  readonly #service: ContaboService;

  constructor(service: ContaboService) {
    this.#service = service;
  }

  /** All instances of the account. */
  list(): Promise<Instance[]> {
    return this.#service.all("/v1/compute/instances", instance);
  }

  get(id: number): Promise<Instance> {
    return this.#service.one({ method: "GET", path: `/v1/compute/instances/${id}` }, instance);
  }

  /**
   * Installs an instance anew: all of its data is lost. It goes on at Contabo after the call has ended; `get` shows the
   * status. `confirm` is the instance's name or display name; with another one a FarmError (exit code 2) is thrown, and
   * nothing is sent.
   */
  async reinstall(id: number, wanted: Reinstallation, confirm: string): Promise<void> {
    await this.checkConfirmation(id, `reinstallation of instance ${id}`, confirm);
    const { imageId, sshKeys, userData, defaultUser } = wanted;
    const path = `/v1/compute/instances/${id}`;
    const body = { imageId, sshKeys, userData, defaultUser };
    await this.#service.tell({ method: "PUT", path, body, secret: userData !== undefined });
  }

  /** Fetches the instance's names, and throws a FarmError (exit code 2) unless `confirm` is one; see reinstall. */
  async checkConfirmation(id: number, action: string, confirm: string): Promise<void> {
    const { name, displayName } = await this.get(id);
    checkConfirmation(action, [displayName, name], confirm);
  }
}

/** What instances can be installed from. */
export class Images {
  readonly #service: ContaboService;

  constructor(service: ContaboService) {
    this.#service = service;
  }

  /** All images, Contabo's and the account's own. */
  list(): Promise<Image[]> {
    return this.#service.all("/v1/compute/images", image);
  }
}
