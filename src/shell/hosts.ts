/** The hosts of a plan as resources, and the order between them. */
import type * as pulumi from "@pulumi/pulumi";
import type { GivenSecrets } from "../host/agent.ts";
import { FarmHost } from "../host/component.ts";
import { type Connection, connectionTo } from "../host/connection.ts";
import { HostKeyTurn } from "../host/host-key.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host } from "../inventory/schema.ts";
import { Droplet } from "../machines/droplet.ts";
import { HcloudServer } from "../machines/hcloud-server.ts";
import { ProxmoxGuest } from "../machines/proxmox-guest.ts";
import { SharedAtProviders } from "../machines/shared.ts";
import type { Keys } from "../plan/keys.ts";
import { hostPlan, type Plan } from "../plan/plan.ts";
import type { RunRecord } from "./former-run.ts";

/** A secret; without one the SSH agent is asked. */
type PrivateKey = pulumi.Output<string> | undefined;

/** What is known of the hosts before the run. */
interface Known extends RunRecord {
  /** Secrets of hosts that are known when other resources are there, by name. */
  readonly given?: pulumi.Output<GivenSecrets> | undefined;
  /** Hosts that can be reached whatever the run does to their machines. */
  readonly reachable: ReadonlySet<string>;
}

const parentOf = ({ origin }: Host): string | undefined =>
  origin.kind === "guest" ? origin.parent : undefined;

class Registration {
  readonly hosts = new Map<string, FarmHost>();
  readonly #machines = new Map<string, pulumi.Resource>();
  readonly #droplets = new Map<string, pulumi.Output<string>>();
  readonly #shared: SharedAtProviders;
  readonly #turned = new Map<string, pulumi.Resource>();
  /** What the next wave waits for. */
  #before: readonly pulumi.Resource[] = [];
  readonly #plan: Plan;
  readonly #keys: Keys;
  readonly #privateKey: PrivateKey;
  readonly #known: Known;

  constructor(plan: Plan, keys: Keys, privateKey: PrivateKey, known: Known) {
    this.#plan = plan;
    this.#keys = keys;
    this.#privateKey = privateKey;
    this.#known = known;
    this.#shared = new SharedAtProviders(plan.inventory);
  }

  #connection(host: string, generation?: number): Connection<pulumi.Output<string>> {
    return connectionTo(this.#plan.inventory, this.#keys, host, this.#privateKey, generation);
  }

  /** Registers a host until its bundle is found good; `machine` has to be there before it can be reached. */
  prepare({ id }: Host, machine?: pulumi.Resource): void {
    const { given } = this.#known;
    const component = new FarmHost(id, {
      plan: hostPlan(this.#plan, id),
      keys: this.#keys,
      connection: this.#connection(id),
      adopt: this.#plan.inventory.adopt.includes(id),
      commit: this.#known.applied[id]?.commit ?? "unknown",
      ...(machine ? { machine } : {}),
      ...(given ? { given } : {}),
    });
    this.hosts.set(id, component);
  }

  prepareServer(host: Host): void {
    const before = this.#known.hostKeys[host.id]?.before;
    if (before === undefined) {
      this.prepare(host, this.#known.reachable.has(host.id) ? undefined : this.#make(host));
      return;
    }
    const connections = { former: this.#connection(host.id, before), present: this.#connection(host.id) };
    const { kept } = new HostKeyTurn(host.id, { key: this.#keys.sshHostKey(host.id), ...connections });
    this.#turned.set(host.id, kept);
    this.prepare(host, kept);
  }

  /** Registers a guest that is there until its bundle is found good; the way to it leads through its Proxmox host. */
  prepareGuest(host: Host, parent: string): void {
    this.prepare(host, this.#turned.get(parent));
  }

  /** Registers the guest of a Proxmox host itself, which is made or changed when that host and all of `after` is done. */
  makeGuest(host: Host, parent: string, after: readonly pulumi.Resource[] = []): pulumi.Resource {
    const args = {
      host,
      inventory: this.#plan.inventory,
      keys: this.#keys,
      connection: this.#connection(parent),
    };
    const done = this.hosts.get(parent);
    const dependsOn = [...after, ...(done ? [done.confirmed] : [])];
    const { machine } = new ProxmoxGuest(host.id, args, { dependsOn });
    this.#machines.set(host.id, machine);
    return machine;
  }

  /**
   * Registers the machine of a host, which is made or changed when all of `after` is done. Returns undefined for one that
   * is there before the program runs and is none of its resources.
   */
  #make(host: Host, after: readonly pulumi.Resource[] = []): pulumi.Resource | undefined {
    const { origin } = host;
    if (origin.kind === "guest") return this.makeGuest(host, origin.parent, after);
    if (origin.kind !== "droplet" && origin.kind !== "hcloud") return undefined;
    const args = {
      host,
      plan: hostPlan(this.#plan, host.id),
      inventory: this.#plan.inventory,
      keys: this.#keys,
      shared: this.#shared,
    };
    const Machine = origin.kind === "droplet" ? Droplet : HcloudServer;
    const made = new Machine(host.id, args, { dependsOn: [...after] });
    if (made instanceof Droplet) this.#droplets.set(host.id, made.dropletUrn);
    this.#machines.set(host.id, made.machine);
    return made.machine;
  }

  /**
   * Registers what changes the hosts of a wave, after all that has been prepared so far and the wave before: less memory
   * for all guests at once, or all servers switched off for another size, may be as bad as a bad configuration.
   */
  activate(wave: readonly string[]): void {
    const ready = [...[...this.hosts.values()].map((host) => host.prepared), ...this.#before];
    const components = wave.flatMap((id) => this.hosts.get(id) ?? []);
    for (const id of wave) {
      const machine = this.#machines.get(id) ?? this.#make(hostOf(this.#plan.inventory, id), ready);
      this.hosts.get(id)?.activate([...ready, ...(machine ? [machine] : [])]);
    }
    this.#before = components.map((component) => component.confirmed);
  }

  /** Registers what the provider is to show together. Nobody waits for it. */
  gather(): void {
    const droplets = [...this.#droplets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, urn]) => urn);
    if (droplets.length > 0) this.#shared.project(droplets);
  }
}

/**
 * Registers the hosts, and returns them by name. All prepare at once; a host is changed when every bundle has been found
 * good and the wave before is done. Machines that are not `reachable` have yet to be made: those of cloud providers at once,
 * before they prepare; guests, or their new SSH host key, when their Proxmox host is done, and so prepare last.
 */
export function registerHosts(
  plan: Plan,
  keys: Keys,
  privateKey: PrivateKey,
  known: Known,
): Map<string, FarmHost> {
  const registration = new Registration(plan, keys, privateKey, known);
  const order = plan.waves.flat().map((id) => hostOf(plan.inventory, id));
  const guests = order.flatMap((host) => {
    const parent = parentOf(host);
    return parent === undefined ? [] : [{ host, parent }];
  });
  const ids = new Set(guests.map(({ host }) => host.id));
  // New guests come before what stands elsewhere is changed: the members of a cluster may be both, and need each other.
  const parents = new Set(guests.map(({ parent }) => parent));
  const made = plan.waves.findLastIndex((wave) => wave.some((id) => parents.has(id))) + 1;
  const isThere = ({ id }: Host): boolean => known.reachable.has(id);

  for (const host of order) if (!ids.has(host.id)) registration.prepareServer(host);
  for (const { host, parent } of guests) if (isThere(host)) registration.prepareGuest(host, parent);
  for (const wave of plan.waves.slice(0, made)) registration.activate(wave);
  for (const { host, parent } of guests)
    if (!isThere(host)) registration.prepare(host, registration.makeGuest(host, parent));
  for (const wave of plan.waves.slice(made)) registration.activate(wave);
  registration.gather();
  return registration.hosts;
}
