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
  reachableBefore,
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
 * before is done. Guests are made and changed by their Proxmox hosts when those are done; only guests that are not in
 * `reachable`, since they have yet to be made or be given their SSH host key, prepare no sooner than that.
 */
export function registerHosts(
  plan: Plan,
  keys: Keys,
  privateKey: PrivateKey,
  { applied, hostKeys }: RunRecord,
  reachable: ReadonlySet<string>,
): Map<string, FarmHost> {
  const { inventory } = plan;
  const hosts = new Map<string, FarmHost>();
  const guests = new Map<string, pulumi.Resource>();
  const order = plan.waves.flat().map((id) => hostOf(inventory, id));
  const parentOf = ({ origin }: Host): string | undefined =>
    origin.kind === "guest" ? origin.parent : undefined;
  const guestOf = (host: Host, parent: string): pulumi.Resource => {
    const connection = connectionTo(inventory, keys, parent, privateKey);
    const made = hosts.get(parent);
    const options = made ? { dependsOn: [made.confirmed] } : {};
    return new ProxmoxGuest(host.id, { host, inventory, keys, connection }, options).machine;
  };
  const turnOf = ({ id }: Host): pulumi.Resource | undefined => {
    const before = hostKeys[id]?.before;
    if (before === undefined) return undefined;
    const former = connectionTo(inventory, keys, id, privateKey, before);
    const present = connectionTo(inventory, keys, id, privateKey);
    return new HostKeyTurn(id, { key: keys.sshHostKey(id), former, present }).kept;
  };
  const prepare = ({ id }: Host, machine: pulumi.Resource | undefined): void => {
    const component = new FarmHost(id, {
      plan: hostPlan(plan, id),
      keys,
      connection: connectionTo(inventory, keys, id, privateKey),
      adopt: inventory.adopt.includes(id),
      commit: applied[id]?.commit ?? "unknown",
      ...(machine ? { machine } : {}),
    });
    hosts.set(id, component);
  };

  let before: pulumi.Resource[] = [];
  const activate = (waves: readonly (readonly string[])[]): void => {
    for (const wave of waves) {
      const prepared = [...hosts.values()].map((host) => host.prepared);
      const components = wave.flatMap((id) => hosts.get(id) ?? []);
      for (const id of wave) {
        const guest = guests.get(id);
        hosts.get(id)?.activate([...prepared, ...before, ...(guest ? [guest] : [])]);
      }
      before = components.map((component) => component.confirmed);
    }
  };
  for (const host of order)
    if (parentOf(host) === undefined) prepare(host, turnOf(host));
    else if (reachable.has(host.id)) prepare(host, undefined);
  const firstGuests = plan.waves.findIndex((wave) =>
    wave.some((id) => parentOf(hostOf(inventory, id)) !== undefined),
  );
  const rest = firstGuests < 0 ? plan.waves.length : firstGuests;
  activate(plan.waves.slice(0, rest));
  for (const host of order) {
    const parent = parentOf(host);
    if (parent === undefined) continue;
    const guest = guestOf(host, parent);
    guests.set(host.id, guest);
    if (!hosts.has(host.id)) prepare(host, guest);
  }
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
  const shown = new Map(inventory.hosts.map(({ id }) => [id, keys.generation(`ssh-host-key/${id}`)]));
  const run: RunRecord = {
    applied: appliedBy(presentCommit(), bundles, former.applied),
    hostKeys: shownBy(shown, former.hostKeys),
  };
  const privateKey = shell.privateKey === undefined ? undefined : pulumi.secret(shell.privateKey);
  const hosts = registerHosts(plan, keys, privateKey, run, reachableBefore(former, shown));
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
