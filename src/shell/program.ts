/** The Pulumi program: a plan becomes resources. The engine and the twin run this very function. */
import * as pulumi from "@pulumi/pulumi";
import { ApplicationService } from "../apps/application.ts";
import { MariaDbCluster } from "../clusters/mariadb.ts";
import { FarmHost } from "../host/component.ts";
import { connectionTo } from "../host/connection.ts";
import { HostKeyTurn } from "../host/host-key.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host } from "../inventory/schema.ts";
import { ProxmoxGuest } from "../machines/proxmox-guest.ts";
import type { Keys } from "../plan/keys.ts";
import { deriveKeys } from "../plan/keys.ts";
import { hostPlan, makePlan, type Plan } from "../plan/plan.ts";
import { presentCommit } from "./commit.ts";
import {
  type AppliedHosts,
  appliedBy,
  formerRun,
  type RunRecord,
  type ShownKeys,
  shownBy,
} from "./former-run.ts";
import { openStack, refuseExamples, type Settings } from "./stack.ts";

/** What the program tells its users and its own next run at the end, as stack outputs. */
export interface Outputs {
  readonly hosts: Record<string, { address: string; mesh: string; roles: readonly string[] }>;
  readonly clusters: Record<string, string[]>;
  readonly applications: Record<string, string[]>;
  readonly applied: AppliedHosts;
  readonly hostKeys: ShownKeys;
}

type PrivateKey = pulumi.Output<string> | undefined;

/**
 * Registers the hosts. All prepare at once; a host is activated when every bundle has been found good and the wave
 * before is done. Only Proxmox hosts can't wait for their guests, which are made after them.
 */
export function registerHosts(
  plan: Plan,
  keys: Keys,
  privateKey: PrivateKey,
  { applied, hostKeys }: RunRecord,
): Map<string, FarmHost> {
  const { inventory } = plan;
  const hosts = new Map<string, FarmHost>();
  const isGuest = (id: string): boolean => hostOf(inventory, id).origin.kind === "guest";
  const machine = (host: Host): pulumi.Resource | undefined => {
    if (host.origin.kind !== "guest") return turnOf(host);
    const parent = hosts.get(host.origin.parent);
    const connection = connectionTo(inventory, keys, host.origin.parent, privateKey);
    const options = parent ? { dependsOn: [parent.confirmed] } : {};
    return new ProxmoxGuest(host.id, { host, inventory, keys, connection }, options).machine;
  };
  const turnOf = ({ id }: Host): pulumi.Resource | undefined => {
    const before = hostKeys[id]?.before;
    if (before === undefined) return undefined;
    const former = connectionTo(inventory, keys, id, privateKey, before);
    const present = connectionTo(inventory, keys, id, privateKey);
    return new HostKeyTurn(id, { key: keys.sshHostKey(id), former, present }).kept;
  };
  const register = (id: string): void => {
    const made = machine(hostOf(inventory, id));
    const component = new FarmHost(id, {
      plan: hostPlan(plan, id),
      keys,
      connection: connectionTo(inventory, keys, id, privateKey),
      adopt: inventory.adopt.includes(id),
      commit: applied[id]?.commit ?? "unknown",
      ...(made ? { machine: made } : {}),
    });
    hosts.set(id, component);
  };

  let before: pulumi.Resource[] = [];
  const activate = (waves: readonly (readonly string[])[]): void => {
    for (const wave of waves) {
      const prepared = [...hosts.values()].map((host) => host.prepared);
      const components = wave.flatMap((id) => hosts.get(id) ?? []);
      for (const component of components) component.activate([...prepared, ...before]);
      before = components.map((component) => component.confirmed);
    }
  };
  const servers = plan.waves.map((wave) => wave.filter((id) => !isGuest(id)));
  const firstGuests = plan.waves.findIndex((wave) => wave.some(isGuest));
  const rest = firstGuests < 0 ? plan.waves.length : firstGuests;
  for (const id of servers.flat()) register(id);
  activate(plan.waves.slice(0, rest));
  for (const id of plan.waves.flat().filter(isGuest)) register(id);
  activate(plan.waves.slice(rest));
  return hosts;
}

/**
 * Registers the end of rotations, where a secret's generation was raised: when every host has its configuration, and
 * so takes the new value beside the former, hosts turn to it one by one, and when all have, the former is refused.
 */
function registerRotations(plan: Plan, hosts: ReadonlyMap<string, FarmHost>): void {
  const register = (step: "turn" | "retire", id: string, after: pulumi.Resource[]): pulumi.Resource[] => {
    const commands = hostPlan(plan, id).state.rotations.flatMap((rotation) => rotation[step] ?? []);
    const host = hosts.get(id);
    return commands.length > 0 && host ? [host.rotate(step, commands, after)] : [];
  };
  const done: pulumi.Resource[] = [...hosts.values()].map((host) => host.confirmed);
  for (const id of plan.waves.flat()) done.push(...register("turn", id, [...done]));
  for (const id of plan.waves.flat()) register("retire", id, done);
}

/**
 * Registers all resources of a stack. Throws a FarmError (exit code 2) for anything wrong in the declaration or the
 * settings, before the first resource.
 */
export async function registerFarm(stack: string, settings: Settings): Promise<Outputs> {
  const { inventory, shell } = openStack(stack, settings);
  const keys = deriveKeys(shell.masterKey ?? "", stack, inventory.generations);
  refuseExamples(inventory);
  const plan = makePlan(inventory, keys);
  const bundles = new Map(plan.hosts.map(({ host, sha256 }) => [host.id, sha256]));
  const former = await formerRun();
  const standing = inventory.hosts.filter(({ origin }) => origin.kind !== "guest");
  const shown = new Map(standing.map(({ id }) => [id, keys.generation(`ssh-host-key/${id}`)]));
  const run: RunRecord = {
    applied: appliedBy(presentCommit(), bundles, former.applied),
    hostKeys: shownBy(shown, former.hostKeys),
  };
  const privateKey = shell.privateKey === undefined ? undefined : pulumi.secret(shell.privateKey);
  const hosts = registerHosts(plan, keys, privateKey, run);
  registerRotations(plan, hosts);
  const component = (id: string): FarmHost => {
    const found = hosts.get(id);
    if (found === undefined) throw new Error(`host ${id} is in no wave`);
    return found;
  };

  const clusters = new Map(
    inventory.clusters.map((cluster) => {
      const members = cluster.members.map((id) => ({
        host: hostOf(inventory, id),
        component: component(id),
      }));
      return [cluster.id, new MariaDbCluster(cluster.id, { cluster, members })];
    }),
  );
  const applications = inventory.applications.map((application) => {
    const cluster = clusters.get(application.database.cluster);
    if (cluster === undefined) throw new Error(`no cluster for ${application.id} in a checked inventory`);
    const nodes = application.nodes.map(component);
    return [application.id, new ApplicationService(application.id, { application, nodes, cluster })] as const;
  });

  return {
    hosts: Object.fromEntries(
      plan.hosts.map(({ host, roles }) => [host.id, { address: host.address, mesh: host.mesh, roles }]),
    ),
    clusters: Object.fromEntries([...clusters].map(([id, cluster]) => [id, cluster.endpoints])),
    applications: Object.fromEntries(applications.map(([id, service]) => [id, service.urls])),
    ...run,
  };
}
