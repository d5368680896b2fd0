/** Which host plays which roles: the one place where the inventory's words become work. */
import { mediawiki } from "../apps/mediawiki.ts";
import { redmine } from "../apps/redmine.ts";
import { AGENT } from "../host/agent.ts";
import type { Contribution } from "../host/state.ts";
import type { Application, Cluster } from "../inventory/schema.ts";
import { applicationNode } from "../roles/application-node.ts";
import { base } from "../roles/base.ts";
import { databaseProxy } from "../roles/database-proxy.ts";
import { edge } from "../roles/edge.ts";
import { hypervisor } from "../roles/hypervisor.ts";
import { mariadbMember } from "../roles/mariadb/member.ts";
import type { ApplicationRole, ClusterRole, RoleContext } from "../roles/role.ts";
import { databasePassword } from "../roles/secrets.ts";
import { web } from "../roles/web.ts";

const memberRoles: Record<Cluster["software"], ClusterRole> = { mariadb: mariadbMember };
const applicationRoles: Record<Application["software"], ApplicationRole> = { mediawiki, redmine };

/** The databases that applications keep in a cluster, and their accounts: one each, of the application's name. */
function databases(context: RoleContext, cluster: Cluster): Contribution {
  const users = context.inventory.applications.filter((a) => a.database.cluster === cluster.id);
  for (const application of users) context.secret(databasePassword(application));
  const raised = users.map(databasePassword).flatMap((secret) => {
    const generation = context.keys.generation(secret);
    return generation > 1 ? [{ secret, retire: `${AGENT} retire ${secret} ${generation}` }] : [];
  });
  return {
    role: `databases of ${cluster.id}`,
    databases: users.map((a) => ({ engine: cluster.software, name: a.id })),
    databaseAccounts: users.map((a) => ({
      engine: cluster.software,
      name: a.id,
      secret: databasePassword(a),
      grants: [`ALL PRIVILEGES ON \`${a.id}\`.*`],
    })),
    rotations: raised,
  };
}

/** What all roles of a host want of it, but for the mesh and the firewall, which follow from the rest. */
export function contributionsOf(context: RoleContext): Contribution[] {
  const { inventory, host } = context;
  const memberOf = inventory.clusters.filter((c) => c.members.includes(host.id));
  const applications = inventory.applications.filter((a) => a.nodes.includes(host.id));
  const clientOf = inventory.clusters.filter((c) => applications.some((a) => a.database.cluster === c.id));
  return [
    base(context),
    ...(host.origin.kind === "dedicated" && host.origin.hypervisor ? [hypervisor(context)] : []),
    ...memberOf.flatMap((c) => [memberRoles[c.software](context, c), databases(context, c)]),
    ...clientOf.map((c) => databaseProxy(context, c)),
    ...(applications.length > 0 ? [web(context)] : []),
    ...applications.flatMap((a) => [applicationRoles[a.software](context, a), applicationNode(context, a)]),
    ...(inventory.edge.hosts.includes(host.id) ? [edge(context)] : []),
  ];
}
