/** Which host plays which roles: the one place where the inventory's words become work. */
import { mediawiki } from "../apps/mediawiki.ts";
import { redmine } from "../apps/redmine.ts";
import { kindOf, kinds } from "../clusters/kinds.ts";
import { passwordOf } from "../clusters/password.ts";
import { AGENT } from "../host/agent.ts";
import type { Contribution } from "../host/state.ts";
import { databasesOf, partsOf } from "../inventory/clusters.ts";
import { connectorHosts, edgeHosts, nameServers } from "../inventory/domains.ts";
import { isHypervisor } from "../inventory/machines.ts";
import type { Application, Cluster } from "../inventory/schema.ts";
import { applicationNode } from "../roles/application-node.ts";
import { base } from "../roles/base.ts";
import { connector } from "../roles/connector.ts";
import { databaseProxy } from "../roles/database-proxy.ts";
import { edge } from "../roles/edge.ts";
import { guestNetwork } from "../roles/guest-network.ts";
import { guestSnapshots } from "../roles/guest-snapshots.ts";
import { hypervisor } from "../roles/hypervisor.ts";
import { nameServer } from "../roles/name-server.ts";
import { outsideNetwork } from "../roles/outside-network.ts";
import type { ApplicationRole, RoleContext } from "../roles/role.ts";
import { web } from "../roles/web.ts";

const applicationRoles: Record<Application["software"], ApplicationRole> = { mediawiki, redmine };

/** The databases of a cluster and their accounts, one each of the same name: made and kept by its members. */
function databases(context: RoleContext, cluster: Cluster): Contribution {
  const kind = kindOf(cluster);
  const uses = databasesOf(context.inventory, cluster);
  const secrets = uses.map((use) => passwordOf(use));
  for (const secret of secrets) context.secret(secret);
  const raised = secrets.flatMap((secret) => {
    const generation = context.keys.generation(secret);
    return generation > 1 ? [{ secret, retire: `${AGENT} retire ${secret} ${generation}` }] : [];
  });
  return {
    role: `databases of ${cluster.id}`,
    databases: uses.map((use) => kind.database(use)),
    databaseAccounts: uses.map((use) => kind.account(use, passwordOf(use))),
    rotations: raised,
  };
}

/** In which wave each host is changed, by its name. */
export type Turns = ReadonlyMap<string, number>;

/**
 * What a host does for a cluster. Hosts of one that is new to them all can't found it before the last of them is changed;
 * a machine that was made anew comes into one that is there. Where those that come after the last member have no data, that
 * member makes the databases when all are there.
 */
function partsIn(context: RoleContext, cluster: Cluster, turns: Turns): Contribution[] {
  const { host } = context;
  const turn = (id: string): number => turns.get(id) ?? 0;
  const later = partsOf(cluster).filter((id) => turn(id) > turn(host.id));
  const isMember = (id: string): boolean => cluster.members.includes(id);
  const complete = isMember(host.id) && !later.some(isMember) ? { complete: `${AGENT} databases` } : {};
  const founding =
    later.length > 0 && host.machine === 1
      ? [{ command: kindOf(cluster).founding(later.sort()), ...complete }]
      : [];
  const parts = [
    ...kindOf(cluster).part(context, cluster),
    ...(isMember(host.id) ? [databases(context, cluster)] : []),
  ];
  return parts.map((part) => ({ ...part, founding }));
}

/** What a host is to clusters: the part that it plays in some, and what it does for others beside. */
function clusterParts(context: RoleContext, turns: Turns): Contribution[] {
  const { inventory, host } = context;
  const parts = inventory.clusters.filter((cluster) => partsOf(cluster).includes(host.id));
  return [
    ...parts.flatMap((cluster) => partsIn(context, cluster, turns)),
    ...Object.values(kinds).flatMap((kind) => kind.beside?.(context) ?? []),
  ];
}

/** What all roles of a host want of it, but for the mesh and the firewall, which follow from the rest. */
export function contributionsOf(context: RoleContext, turns: Turns): Contribution[] {
  const { inventory, host } = context;
  const applications = inventory.applications.filter((a) => a.nodes.includes(host.id));
  const clientOf = inventory.clusters.filter((c) => applications.some((a) => a.database.cluster === c.id));
  return [
    base(context),
    ...(isHypervisor(host.origin)
      ? [
          hypervisor(context),
          outsideNetwork(inventory, host),
          guestNetwork(inventory, host),
          ...guestSnapshots(context),
        ]
      : []),
    ...clusterParts(context, turns),
    ...clientOf.flatMap((c) => [databaseProxy(context, c), ...(kindOf(c).client?.(context, c) ?? [])]),
    ...(applications.length > 0 ? [web(context)] : []),
    ...applications.flatMap((a) => [applicationRoles[a.software](context, a), applicationNode(context, a)]),
    ...(edgeHosts(inventory).includes(host.id) ? [edge(context)] : []),
    ...(connectorHosts(inventory).includes(host.id) ? [connector(context)] : []),
    ...(nameServers(inventory).includes(host.id) ? [nameServer(context)] : []),
  ];
}
