/** The hosts of a plan as resources, and the order between them. */
import type * as pulumi from "@pulumi/pulumi";
import { FarmHost } from "../host/component.ts";
import { type Connection, connectionTo } from "../host/connection.ts";
import { HostKeyTurn } from "../host/host-key.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host } from "../inventory/schema.ts";
import { ProxmoxGuest } from "../machines/proxmox-guest.ts";
import type { Keys } from "../plan/keys.ts";
import { hostPlan, type Plan } from "../plan/plan.ts";
import type { RunRecord } from "./former-run.ts";

/** A secret; without one the SSH agent is asked. */
type PrivateKey = pulumi.Output<string> | undefined;

/** What is known of the hosts before the run. */
interface Known extends RunRecord {
  /** Hosts that can be reached whatever the run does to their machines. */
  readonly reachable: ReadonlySet<string>;
}

class Registration {
  readonly hosts = new Map<string, FarmHost>();
  readonly #guests = new Map<string, pulumi.Resource>();
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
  }

  #connection(host: string, generation?: number): Connection<pulumi.Output<string>> {
    return connectionTo(this.#plan.inventory, this.#keys, host, this.#privateKey, generation);
  }

  /** Registers a host until its bundle is found good; `machine` has to be there before it can be reached. */
  prepare({ id }: Host, machine?: pulumi.Resource): void {
    const component = new FarmHost(id, {
      plan: hostPlan(this.#plan, id),
      keys: this.#keys,
      connection: this.#connection(id),
      adopt: this.#plan.inventory.adopt.includes(id),
      commit: this.#known.applied[id]?.commit ?? "unknown",
      ...(machine ? { machine } : {}),
    });
    this.hosts.set(id, component);
  }

  prepareServer(host: Host): void {
    const before = this.#known.hostKeys[host.id]?.before;
    if (before === undefined) {
      this.prepare(host);
      return;
    }
    const connections = { former: this.#connection(host.id, before), present: this.#connection(host.id) };
    const turn = new HostKeyTurn(host.id, { key: this.#keys.sshHostKey(host.id), ...connections });
    this.prepare(host, turn.kept);
  }

  /** Registers the guest of a Proxmox host, which is made or changed when that host is done. */
  makeGuest(host: Host, parent: string): void {
    const args = {
      host,
      inventory: this.#plan.inventory,
      keys: this.#keys,
      connection: this.#connection(parent),
    };
    const done = this.hosts.get(parent);
    const { machine } = new ProxmoxGuest(host.id, args, done ? { dependsOn: [done.confirmed] } : {});
    this.#guests.set(host.id, machine);
    if (!this.hosts.has(host.id)) this.prepare(host, machine);
  }

  /** Registers the activation of a wave, after all that has been prepared so far and the wave before. */
  activate(wave: readonly string[]): void {
    const prepared = [...this.hosts.values()].map((host) => host.prepared);
    const components = wave.flatMap((id) => this.hosts.get(id) ?? []);
    for (const id of wave) {
      const guest = this.#guests.get(id);
      this.hosts.get(id)?.activate([...prepared, ...this.#before, ...(guest ? [guest] : [])]);
    }
    this.#before = components.map((component) => component.confirmed);
  }
}

/**
 * Registers the hosts, and returns them by name. All prepare at once; a host is activated when every bundle has been
 * found good and the wave before is done. Guests are made and changed when their Proxmox host is done: those that are
 * not `reachable`, since they have yet to be made or be given their SSH host key, prepare no sooner than that.
 */
export function registerHosts(
  plan: Plan,
  keys: Keys,
  privateKey: PrivateKey,
  known: Known,
): Map<string, FarmHost> {
  const registration = new Registration(plan, keys, privateKey, known);
  const order = plan.waves.flat().map((id) => hostOf(plan.inventory, id));
  const parentOf = ({ origin }: Host) => (origin.kind === "guest" ? origin.parent : undefined);
  const guests = new Set(order.flatMap((host) => (parentOf(host) === undefined ? [] : [host.id])));
  const firstGuests = plan.waves.findIndex((wave) => wave.some((id) => guests.has(id)));
  const rest = firstGuests < 0 ? plan.waves.length : firstGuests;

  for (const host of order)
    if (!guests.has(host.id)) registration.prepareServer(host);
    else if (known.reachable.has(host.id)) registration.prepare(host);
  for (const wave of plan.waves.slice(0, rest)) registration.activate(wave);
  for (const host of order) {
    const parent = parentOf(host);
    if (parent !== undefined) registration.makeGuest(host, parent);
  }
  for (const wave of plan.waves.slice(rest)) registration.activate(wave);
  return registration.hosts;
}
