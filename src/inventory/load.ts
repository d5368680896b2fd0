import type { z } from "zod";
import { FarmError } from "../shell/errors.ts";
import { findProblems } from "./checks.ts";
import { dataHostsOf } from "./clusters.ts";
import { inDomainOrder } from "./domains.ts";
import { vSwitchOf } from "./machines.ts";
import {
  type Cluster,
  configSchema,
  type Farm,
  type FarmDeclaration,
  farmSchema,
  type Host,
  type Inventory,
  type StackConfig,
} from "./schema.ts";

/** "hosts[3].mesh", or "hosts[3] (db1).mesh" where the entry has a name: what a person can search for. */
function location(path: readonly PropertyKey[], input: unknown): string {
  let text = "";
  let value: unknown = input;
  for (const key of path) {
    value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
    text += typeof key === "number" ? `[${key}]` : `${text === "" ? "" : "."}${String(key)}`;
    const { id, name } = (value ?? {}) as { id?: unknown; name?: unknown };
    const known = id ?? name;
    if (typeof key === "number" && typeof known === "string") text += ` (${known})`;
  }
  return text;
}

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${location(issue.path, input)}: ${issue.message}`);
  throw refusal(where, problems);
}

function refusal(where: string, problems: readonly string[]): FarmError {
  const head = problems.length === 1 ? "one thing is wrong" : `${problems.length} things are wrong`;
  return new FarmError(`${where}: ${head}\n${problems.map((p) => `  - ${p}`).join("\n")}`, undefined, 2);
}

/** The physical machine under a host: guests share that of their parent. */
function failureDomain(host: Farm["hosts"][number]): string {
  return host.origin.kind === "guest" ? host.origin.parent : host.id;
}

/** The number of a host's machine; a guest is lost with its Proxmox host, so that one's number counts for it too. */
function machineOf({ generations }: Farm, { id, origin }: Farm["hosts"][number]): number {
  const own = ownMachine(generations, id);
  return origin.kind === "guest" ? own + ownMachine(generations, origin.parent) - 1 : own;
}

/** Which machine of its own a host is on, whatever it stands on: 1 until `machine/HOST` is raised. */
export const ownMachine = (generations: Farm["generations"], id: string): number =>
  generations[`machine/${id}`] ?? 1;

/** How many works a host does that each take their memory by what they find: the data of clusters, and applications. */
function works({ clusters, applications }: Farm, id: string): number {
  const data = clusters.filter((cluster) => dataHostsOf(cluster).includes(id)).length;
  return data + (applications.some(({ nodes }) => nodes.includes(id)) ? 1 : 0);
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

/** Mounts are known by their paths. */
const inMountsOrder = (host: Host): Host =>
  host.origin.kind === "guest"
    ? { ...host, origin: { ...host.origin, mounts: host.origin.mounts.toSorted(byPath) } }
    : host;

const inNeedsOrder = <T extends { extensions: string[] }>(needs: T): T => ({
  ...needs,
  extensions: needs.extensions.toSorted(),
});

/**
 * Puts every list in the order of names, so that nothing that is made from an inventory depends on the order in which
 * a farm is written down. Four orders have a meaning and stay: an application's first host name (the one that people
 * see), mail servers of a domain, nameservers and an administrator's languages (the first is asked, or spoken, first).
 */
function inOrder(inventory: Inventory): Inventory {
  return {
    ...inventory,
    sites: inventory.sites.toSorted(byId),
    hosts: inventory.hosts.map(inMountsOrder).sort(byId),
    clusters: inventory.clusters
      .map((cluster) =>
        cluster.software === "postgresql"
          ? { ...cluster, members: cluster.members.toSorted(), replicas: cluster.replicas.toSorted() }
          : { ...cluster, members: cluster.members.toSorted() },
      )
      .sort(byId),
    applications: inventory.applications
      .map((application) => {
        const [first, ...others] = application.hostnames;
        return {
          ...application,
          hostnames: first === undefined ? [] : [first, ...others.sort()],
          nodes: application.nodes.toSorted(),
          database: inNeedsOrder(application.database),
        };
      })
      .sort(byId),
    databases: inventory.databases.map(inNeedsOrder).sort(byId),
    domains: inventory.domains.map(inDomainOrder).sort(byName),
    mailServers: inventory.mailServers.toSorted(byName),
    redirects: inventory.redirects.toSorted((a, b) => (a.from < b.from ? -1 : 1)),
    trainings: inventory.trainings.toSorted(byName),
    edge:
      inventory.edge.kind === "hosts"
        ? { ...inventory.edge, hosts: inventory.edge.hosts.toSorted() }
        : inventory.edge,
    administrators: inventory.administrators
      .map((administrator) => ({ ...administrator, keys: administrator.keys.toSorted() }))
      .sort(byName),
  };
}

/** What a declaration and its stack's configuration say, before anybody has looked whether it may be so. */
interface Unchecked {
  readonly inventory: Inventory;
  readonly settings: StackConfig;
}

function read(stack: string, declaration: FarmDeclaration, config: unknown): Unchecked {
  const farm = parse(farmSchema, declaration, `stacks/${stack}.ts`);
  const settings: StackConfig = parse(
    configSchema,
    config,
    `configuration of stack ${stack} (Pulumi.${stack}.yaml, farms:…)`,
  );
  const vSwitches = new Map(farm.hosts.map(({ id, origin }) => [id, vSwitchOf(origin)]));
  const hosts: Host[] = farm.hosts.map((host) => ({
    ...host,
    address: settings.addresses[host.id] ?? "",
    address6: settings.addresses6[host.id],
    failureDomain: failureDomain(host),
    guestNetwork: settings.guestNetworks[host.id],
    guestNetwork6: settings.guestNetworks6[host.id],
    vSwitch: vSwitches.get(failureDomain(host)),
    vSwitchAddress: settings.vSwitchAddresses[host.id],
    machine: machineOf(farm, host),
    share: Math.floor(host.memory / Math.max(1, works(farm, host.id))),
  }));
  const inventory: Inventory = {
    ...farm,
    hosts,
    stack,
    administrators: settings.administrators,
    packageProxy: settings.packageProxy,
    nameservers: settings.nameservers,
    adopt: settings.adopt,
    imports: settings.imports,
    cloudflare: settings.cloudflare,
    cloudflared: settings.cloudflared,
    trainings: Object.entries(settings.training).map(([name, training]) => ({ name, ...training })),
  };
  return { inventory, settings };
}

/**
 * The inventory of a declaration that is only thought of, its lists in the order of names, and what is wrong with it, as
 * sentences. Throws as loadInventory does where it can't even be read.
 */
export function tryInventory(
  stack: string,
  declaration: FarmDeclaration,
  config: unknown,
): { inventory: Inventory; problems: string[] } {
  const { inventory, settings } = read(stack, declaration, config);
  return { inventory: inOrder(inventory), problems: findProblems(inventory, settings) };
}

/**
 * Turns a farm's declaration and its stack's configuration into a checked inventory, its lists in the order of
 * names. Throws one FarmError (exit code 2) that lists everything that is wrong, each with its place and what to write.
 */
export function loadInventory(stack: string, declaration: FarmDeclaration, config: unknown): Inventory {
  const { inventory, problems } = tryInventory(stack, declaration, config);
  if (problems.length > 0) throw refusal(`stacks/${stack}.ts and its configuration`, problems);
  return inventory;
}

/** Hosts by name, of lists that were asked before: a plan of a thousand hosts asks some hundred thousand times. */
const named = new WeakMap<readonly Host[], ReadonlyMap<string, Host>>();

/** A host by its name. The inventory has been checked: an unknown name is a defect of ours. */
export function hostOf({ hosts }: Inventory, id: string): Host {
  const known = named.get(hosts) ?? new Map(hosts.map((host) => [host.id, host]));
  named.set(hosts, known);
  const host = known.get(id);
  if (host === undefined) throw new Error(`no host ${id} in a checked inventory`);
  return host;
}

/** A cluster by its name, as hostOf. */
export function clusterOf(inventory: Inventory, id: string): Cluster {
  const cluster = inventory.clusters.find((c) => c.id === id);
  if (cluster === undefined) throw new Error(`no cluster ${id} in a checked inventory`);
  return cluster;
}
