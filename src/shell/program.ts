/** The Pulumi program: a plan becomes resources. The engine and the twin run this very function. */
import * as pulumi from "@pulumi/pulumi";
import { ApplicationService } from "../apps/application.ts";
import { DatabaseCluster } from "../clusters/component.ts";
import type { NamesOutputs } from "../dns/cloudflare/register.ts";
import { TUNNEL_SECRET } from "../dns/cloudflare/secret.ts";
import type { CloudflareTunnel } from "../dns/cloudflare/tunnel.ts";
import type { TakenOver } from "../dns/cloudflare/zone.ts";
import { delegations } from "../dns/name-servers.ts";
import { whereRegistered } from "../dns/plan.ts";
import type { GivenSecrets } from "../host/agent.ts";
import type { FarmHost } from "../host/component.ts";
import { warnings } from "../inventory/check-placement.ts";
import { dataHostsOf, partsOf } from "../inventory/clusters.ts";
import { hostOf } from "../inventory/load.ts";
import { Training } from "../machines/training.ts";
import { type Cost, costOf } from "../plan/cost.ts";
import { deriveKeys, type Keys } from "../plan/keys.ts";
import { hostPlan, makePlan, type Plan } from "../plan/plan.ts";
import { farmCertificate } from "../roles/edge/authority.ts";
import { presentCommit } from "./commit.ts";
import { FarmError } from "./errors.ts";
import {
  type AppliedHosts,
  appliedBy,
  formerRun,
  type RunRecord,
  reachableBefore,
  refuseManyAnew,
  type ShownKeys,
  shownBy,
} from "./former-run.ts";
import { registerHosts } from "./hosts.ts";
import { enforcePolicies } from "./policy-view.ts";
import { openStack, refuseExamples, type Settings } from "./stack.ts";
import { today } from "./today.ts";

/** What the program tells its users and its own next run at the end, as stack outputs. */
export interface Outputs {
  readonly hosts: Record<string, { address: string; mesh: string; roles: readonly string[] }>;
  readonly clusters: Record<string, string[]>;
  readonly applications: Record<string, string[]>;
  /** Where names are registered, and what the registrars of the domains have to be told. */
  readonly names: NamesOutputs & { readonly registered: string };
  /** Certificate of the farm's own authority, PEM: what browsers have to trust. Undefined where no host of ours is the edge. */
  readonly authority: string | undefined;
  readonly cost: Cost;
  /** The page for the students of each training: HTML, a secret. */
  readonly handOuts: Record<string, pulumi.Output<string>>;
  /** Only a run that went through leaves these two behind. */
  readonly applied: pulumi.Output<AppliedHosts>;
  readonly hostKeys: pulumi.Output<ShownKeys>;
}

/**
 * Registers what is left to do when every host has its configuration: on some, what they could only begin, and the end of
 * rotations, where a secret's generation was raised. All take the new value beside the former by then, hosts turn to it
 * one by one, and when all have, the former is refused. Returns what there is when all that is done.
 */
function registerAfterwards(plan: Plan, hosts: ReadonlyMap<string, FarmHost>): pulumi.Resource[] {
  const order = plan.waves.flat();
  const register = (
    step: "complete" | "turn" | "retire",
    id: string,
    after: pulumi.Resource[],
  ): pulumi.Resource[] => {
    const { founding, rotations } = hostPlan(plan, id).state;
    const commands =
      step === "complete"
        ? [...new Set(founding.flatMap(({ complete }) => complete ?? []))]
        : rotations.flatMap((rotation) => rotation[step] ?? []);
    const host = hosts.get(id);
    return commands.length > 0 && host ? [host.afterwards(step, commands, after)] : [];
  };
  const confirmed: pulumi.Resource[] = [...hosts.values()].map((host) => host.confirmed);
  const done = [...confirmed, ...order.flatMap((id) => register("complete", id, confirmed))];
  for (const id of order) done.push(...register("turn", id, [...done]));
  return [...done, ...order.flatMap((id) => register("retire", id, done))];
}

/** Registers names where the stack says at which account of Cloudflare. */
async function namesOf(
  plan: Plan,
  keys: Keys,
  hosts: ReadonlyMap<string, FarmHost>,
  tunnel: CloudflareTunnel | undefined,
  takenOver: TakenOver,
): Promise<Outputs["names"]> {
  const { cloudflare } = plan.inventory;
  const registered = whereRegistered(plan.inventory);
  if (cloudflare === undefined) return { registered, zones: delegations(plan.inventory, keys) };
  const { registerNames } = await import("../dns/cloudflare/register.ts");
  return { registered, ...registerNames(plan, cloudflare, hosts, tunnel, takenOver) };
}

/**
 * Registers the tunnel by which Cloudflare reaches our nodes. Throws a FarmError (exit code 2) where Cloudflare is the edge, and
 * the stack does not say at which account: connectors would have nothing to open.
 */
async function tunnelOf(plan: Plan, keys: Keys): Promise<CloudflareTunnel | undefined> {
  if (plan.dns.cloudflare === undefined) return undefined;
  const { cloudflare, stack } = plan.inventory;
  if (cloudflare === undefined)
    throw new FarmError(
      `stacks/${stack}.ts: edge is Cloudflare, and Pulumi.${stack}.yaml names no account there, so there is no tunnel to open`,
      "write it: pulumi config set --path farms:cloudflare.account ACCOUNT (and pulumi config set --secret cloudflare:apiToken)",
      2,
    );
  const { registerTunnel } = await import("../dns/cloudflare/register.ts");
  return registerTunnel(plan, cloudflare, keys);
}

/**
 * Registers all resources of a stack. Throws a FarmError (exit code 2) for anything wrong in the declaration or the
 * settings, and for a policy that is broken, before the first resource.
 */
export async function registerFarm(stack: string, settings: Settings): Promise<Outputs> {
  const { inventory, shell } = openStack(stack, settings);
  const keys = deriveKeys(shell.masterKey ?? "", stack, inventory.generations);
  refuseExamples(inventory);
  const plan = makePlan(inventory, keys);
  for (const warning of [...warnings(inventory), ...enforcePolicies(plan, today())])
    await pulumi.log.warn(warning);
  const former = await formerRun();
  const wanted = new Map(
    plan.hosts.map(({ host: { id, machine, origin }, sha256 }) => {
      const hostKey = keys.generation(`ssh-host-key/${id}`);
      const parent = origin.kind === "guest" ? { parent: origin.parent } : {};
      return [id, { sha256, hostKey, machine, ...parent }] as const;
    }),
  );
  refuseManyAnew(wanted, former.applied);
  const run: RunRecord = {
    applied: appliedBy(presentCommit(), wanted, former.applied),
    hostKeys: shownBy(wanted, former.hostKeys),
  };
  const privateKey = shell.privateKey === undefined ? undefined : pulumi.secret(shell.privateKey);
  const tunnel = await tunnelOf(plan, keys);
  const hosts = registerHosts(plan, keys, privateKey, {
    ...run,
    given: tunnel?.token.apply((token): GivenSecrets => ({ [TUNNEL_SECRET]: token })),
    reachable: reachableBefore(former, wanted),
  });
  const ends = [...registerAfterwards(plan, hosts), ...[...hosts.values()].map((host) => host.settled)];
  // The engine keeps the outputs of a run that fails too, unless they hang on what failed.
  const whenDone = <T>(value: T): pulumi.Output<T> =>
    pulumi.all(ends.map(({ urn }) => urn)).apply(() => value);
  const component = (id: string): FarmHost => {
    const found = hosts.get(id);
    if (found === undefined) throw new Error(`host ${id} is in no wave`);
    return found;
  };

  const clusters = new Map(
    inventory.clusters.map((cluster) => {
      const dataHosts = dataHostsOf(cluster).map((id) => hostOf(inventory, id));
      const parts = partsOf(cluster).map(component);
      return [cluster.id, new DatabaseCluster(cluster.id, { cluster, dataHosts, parts })];
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
    names: await namesOf(plan, keys, hosts, tunnel, former.takenOver),
    authority: farmCertificate(inventory, keys),
    cost: costOf(inventory),
    handOuts: Object.fromEntries(
      inventory.trainings.map((training) => [
        training.name,
        new Training(training.name, { training, inventory, keys }).handOut,
      ]),
    ),
    applied: whenDone(run.applied),
    hostKeys: whenDone(run.hostKeys),
  };
}
