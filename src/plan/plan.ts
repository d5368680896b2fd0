/** Inventory in, plan out: plain data, no engine, no I/O, no clock, no randomness. */
import { createHash } from "node:crypto";
import { type DnsPlan, planDns } from "../dns/plan.ts";
import { bundle } from "../host/bundle.ts";
import { merge } from "../host/merge.ts";
import type { Contribution, HostState } from "../host/state.ts";
import { guestsOf } from "../inventory/capacity.ts";
import { edgeHosts } from "../inventory/domains.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { FARM_AUTHORITY } from "../roles/edge/authority.ts";
import { firewall } from "../roles/firewall.ts";
import type { GuestTraffic } from "../roles/guest-network.ts";
import { mesh } from "../roles/mesh.ts";
import type { RoleContext } from "../roles/role.ts";
import { FarmError } from "../shell/errors.ts";
import { type Flow, findFlows } from "./flows.ts";
import type { Keys } from "./keys.ts";
import { contributionsOf, type Turns } from "./roles.ts";
import { orderInWaves } from "./waves.ts";

/** All that one host is to become. */
export interface HostPlan {
  readonly host: Host;
  readonly roles: readonly string[];
  readonly state: HostState;
  /** The state as the text that is reviewed and applied. */
  readonly bundle: string;
  /** SHA-256 of the bundle, hex. */
  readonly sha256: string;
  /** Names of the secrets that the bundle holds the places of, sorted. */
  readonly secrets: readonly string[];
}

export interface Plan {
  readonly inventory: Inventory;
  readonly hosts: readonly HostPlan[];
  /** Hosts that may be changed together, in the order of change. */
  readonly waves: readonly (readonly string[])[];
  readonly flows: readonly Flow[];
  readonly dns: DnsPlan;
}

/** What is known of a host before the roles that follow from all others. */
interface Draft {
  readonly context: RoleContext;
  readonly secrets: Set<string>;
  readonly contributions: readonly Contribution[];
}

function draft(inventory: Inventory, host: Host, keys: Keys, turns: Turns): Draft {
  const secrets = new Set<string>();
  const secret = (name: string): string => {
    secrets.add(name);
    return `\${secret:${name}}`;
  };
  const context: RoleContext = { inventory, host, keys, secret };
  return { context, secrets, contributions: contributionsOf(context, turns) };
}

/** For every host the hosts it shares a flow of the mesh with, sorted by name. */
function meshPeers(inventory: Inventory, flows: readonly Flow[]): Map<string, Host[]> {
  const names = new Map<string, Set<string>>(inventory.hosts.map((h) => [h.id, new Set()]));
  for (const flow of flows.filter((f) => f.via === "mesh")) {
    names.get(flow.from)?.add(flow.to);
    names.get(flow.to)?.add(flow.from);
  }
  const hosts = new Map(inventory.hosts.map((h) => [h.id, h]));
  return new Map(
    [...names].map(([host, peers]) => [host, [...peers].sort().flatMap((peer) => hosts.get(peer) ?? [])]),
  );
}

/**
 * The plan of one host from what its roles want of it. `secretNames` are those that they have the places of. Throws as
 * merge does.
 */
export function planHost(
  keys: Keys,
  host: Host,
  contributions: readonly Contribution[],
  secretNames: ReadonlySet<string>,
): HostPlan {
  const state = merge(host.id, contributions);
  const secrets = new Map([...secretNames].sort().map((name) => [name, keys.generation(name)]));
  const text = bundle(state, secrets);
  return {
    host,
    roles: contributions.map((c) => c.role),
    state,
    bundle: text,
    sha256: createHash("sha256").update(text).digest("hex"),
    secrets: [...secrets.keys()],
  };
}

/**
 * Refuses a generation of what no host has: a misspelt name would rotate nothing, and say nothing. And of what a cluster's
 * hosts use among themselves, such as password/postgresql/@replication: they know one value at a time, so the first host
 * that had the new one would be shut out by the others. Machines have a generation too.
 */
function checkGenerations(inventory: Inventory, hosts: readonly HostPlan[]): void {
  const own = Object.keys(inventory.generations).filter((name) => name.includes("/@"));
  if (own.length > 0)
    throw new FarmError(
      `stacks/${inventory.stack}.ts: generations: ${own.join(", ")} can't be rotated: a cluster's own hosts take one value at a time`,
      "remove the line",
      2,
    );
  const zones = Object.keys(inventory.generations).filter((name) => name.startsWith("dnssec/"));
  if (zones.length > 0)
    throw new FarmError(
      `stacks/${inventory.stack}.ts: generations: ${zones.join(", ")} can't be rotated yet: the zone above knows the present key alone`,
      "remove the line",
      2,
    );
  const secrets = hosts.flatMap((host) => host.secrets).filter((name) => !name.includes("/@"));
  const machines = hosts.map(({ host }) => `machine/${host.id}`);
  // The key of the farm's authority is on no host.
  const authority = edgeHosts(inventory).length > 0 ? [FARM_AUTHORITY] : [];
  const known = new Set([...secrets, ...machines, ...authority]);
  const unknown = Object.keys(inventory.generations).filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new FarmError(
      `stacks/${inventory.stack}.ts: generations name what no host has: ${unknown.join(", ")}`,
      `correct or remove the line; there is: ${[...known].sort().join(", ")}`,
      2,
    );
}

/**
 * Makes the plan of a farm. Throws a FarmError (exit code 2) when two roles of a host contradict each other, or a
 * role connects to what nobody listens on, or a secret that there is not is to be rotated.
 */
export function makePlan(inventory: Inventory, keys: Keys): Plan {
  const waves = orderInWaves(inventory);
  const turns: Turns = new Map(waves.flatMap((wave, turn) => wave.map((host) => [host, turn])));
  const drafts = new Map(inventory.hosts.map((host) => [host.id, draft(inventory, host, keys, turns)]));
  const wanted = new Map([...drafts].map(([id, d]) => [id, d.contributions]));
  const peers = meshPeers(inventory, findFlows(wanted));

  const meshed = new Map(
    [...drafts].map(([id, d]) => [id, [...d.contributions, mesh(d.context, peers.get(id) ?? [])]]),
  );
  const flows = findFlows(meshed);
  const incoming = Map.groupBy(flows, (f) => f.to);

  const trafficOf = (guest: Host): GuestTraffic => {
    const contributions = meshed.get(guest.id) ?? [];
    return {
      guest,
      connects: contributions.flatMap((c) => c.connects ?? []),
      world: contributions.flatMap((c) => c.listens ?? []).filter(({ reach }) => reach === "world"),
      incoming: (incoming.get(guest.id) ?? []).filter(({ via }) => via === "underlay"),
    };
  };

  const plans = [...drafts].map(([id, d]) => {
    const contributions = meshed.get(id) ?? [];
    const rules = firewall({
      host: hostOf(inventory, id),
      inventory,
      listens: contributions.flatMap((c) => c.listens ?? []),
      connects: contributions.flatMap((c) => c.connects ?? []),
      incoming: incoming.get(id) ?? [],
      guests: guestsOf(inventory, id).map(trafficOf),
    });
    return planHost(keys, d.context.host, [...contributions, rules], d.secrets);
  });
  checkGenerations(inventory, plans);
  return { inventory, hosts: plans, waves, flows, dns: planDns(inventory) };
}

/** The plan of one host. Throws when the plan has no such host. */
export function hostPlan(plan: Plan, id: string): HostPlan {
  const found = plan.hosts.find((h) => h.host.id === id);
  if (found === undefined) throw new Error(`the plan has no host ${id}`);
  return found;
}
