/** What must hold between the parts of an inventory, each with a message a part-time administrator can act on. */
import { checkApplication } from "./check-application.ts";
import { checkDatabases } from "./check-databases.ts";
import { partsOf, votersOf } from "./clusters.ts";
import { doubles } from "./doubles.ts";
import type { Cluster, Host, Inventory, StackConfig } from "./schema.ts";

type Problems = string[];

function checkNames(inventory: Inventory): Problems {
  const problems: Problems = [];
  const lists = {
    sites: inventory.sites,
    hosts: inventory.hosts,
    clusters: inventory.clusters,
    applications: inventory.applications,
  };
  for (const [list, items] of Object.entries(lists))
    for (const [name] of doubles<{ id: string }>(
      items,
      (i) => i.id,
      (i) => i.id,
    ))
      problems.push(`${list}: "${name}" is declared twice; names are unique: rename one`);
  for (const [name] of doubles(
    inventory.administrators,
    (a) => a.name,
    (a) => a.name,
  ))
    problems.push(`farms:administrators: "${name}" is declared twice; names are unique: rename one`);
  return problems;
}

function checkAddresses(inventory: Inventory, config: StackConfig): Problems {
  const problems: Problems = [];
  const known = new Set(inventory.hosts.map((h) => h.id));
  for (const host of inventory.hosts)
    if (host.address === "")
      problems.push(
        `host ${host.id} has no address; write one: pulumi config set --path 'farms:addresses.${host.id}' ADDRESS`,
      );
  for (const name of Object.keys(config.addresses))
    if (!known.has(name))
      problems.push(
        `farms:addresses has an address for "${name}", which is no host; declare the host or remove the address`,
      );
  for (const name of config.adopt)
    if (!known.has(name))
      problems.push(`farms:adopt names "${name}", which is no host; declare the host or remove the name`);
  const both = [
    [
      "mesh address",
      doubles(
        inventory.hosts,
        (h) => h.mesh,
        (h) => h.id,
      ),
    ],
    [
      "address",
      doubles(
        inventory.hosts,
        (h) => h.address,
        (h) => h.id,
      ),
    ],
  ] as const;
  for (const [what, groups] of both)
    for (const [address, hosts] of groups)
      problems.push(`hosts ${hosts.join(" and ")} have one ${what}, ${address}; give each its own`);
  for (const host of inventory.hosts)
    for (const other of inventory.hosts)
      if (host.mesh === other.address)
        problems.push(
          `${host.mesh} is the mesh address of ${host.id} and the outside address of ${other.id}; take another range for the mesh`,
        );
  return problems;
}

function checkHosts(inventory: Inventory): Problems {
  const problems: Problems = [];
  const sites = new Set(inventory.sites.map((s) => s.id));
  const hosts = new Map(inventory.hosts.map((h) => [h.id, h]));
  for (const host of inventory.hosts) {
    if (!sites.has(host.site))
      problems.push(`host ${host.id} is at site "${host.site}", which is not declared in sites`);
    if (host.origin.kind !== "guest") continue;
    const parent = hosts.get(host.origin.parent);
    if (parent === undefined)
      problems.push(
        `guest ${host.id} runs on "${host.origin.parent}", which is no host; declare it or name another parent`,
      );
    else if (parent.origin.kind !== "dedicated" || parent.origin.hypervisor !== "proxmox")
      problems.push(
        `guest ${host.id} runs on ${parent.id}, which is no Proxmox host; give ${parent.id} hypervisor: "proxmox"`,
      );
    else if (parent.site !== host.site)
      problems.push(
        `guest ${host.id} is at site ${host.site}, its parent ${parent.id} at ${parent.site}; a guest is where its parent is`,
      );
  }
  const guests = inventory.hosts.filter((h) => h.origin.kind === "guest");
  const vmid = (h: Host) => (h.origin.kind === "guest" ? `${h.origin.parent} ${h.origin.vmid}` : "");
  for (const [number, names] of doubles(guests, vmid, (h) => h.id))
    problems.push(
      `guests ${names.join(" and ")} have one number (${number.split(" ")[1]} on ${number.split(" ")[0]}); numbers are unique on a Proxmox host`,
    );
  return problems;
}

function roundTrip(inventory: Inventory, a: string, b: string): number | undefined {
  if (a === b) return 0;
  const site = (id: string) => inventory.sites.find((s) => s.id === id);
  return site(a)?.roundTrips[b] ?? site(b)?.roundTrips[a];
}

/** A quorum's rules: odd, at least three, and as spread as the environment demands. */
function checkQuorum(inventory: Inventory, cluster: Cluster, voters: readonly Host[]): Problems {
  const problems: Problems = [];
  const names = voters.map((v) => v.id).join(", ");
  if (voters.length < 3 || voters.length % 2 === 0)
    problems.push(
      `cluster ${cluster.id} has ${voters.length} votes (${names}); a quorum needs an odd number, 3 or more: with ${voters.length} the loss of one stops ${voters.length < 3 ? "it" : "as much as with one fewer"}`,
    );
  const demands = inventory.placement;
  const domains = new Set(voters.map((v) => v.failureDomain));
  if (domains.size < demands.failureDomains)
    problems.push(
      `cluster ${cluster.id}: its votes ${names} stand in ${domains.size} failure domain(s) (${[...domains].join(", ")}), this environment demands ${demands.failureDomains}; place them on other physical machines, or lower placement.failureDomains`,
    );
  const providers = new Set(voters.map((v) => inventory.sites.find((s) => s.id === v.site)?.provider));
  if (providers.size < demands.providers)
    problems.push(
      `cluster ${cluster.id}: its votes ${names} are all with ${[...providers].join(", ")}, this environment demands ${demands.providers} providers; place one elsewhere, or lower placement.providers`,
    );
  return problems;
}

/**
 * How far away from the others a vote without data may be, milliseconds: etcd's votes tell each other every 100 ms that
 * they live, and that interval should not be shorter than the way there and back (etcd's guide to tuning).
 */
const WITNESS_ROUND_TRIP = 100;

/** Members wait for each other at each commit, a witness only has to be heard in time. */
function checkDistances(
  inventory: Inventory,
  cluster: Cluster,
  members: readonly Host[],
  witness?: Host,
): Problems {
  const near = inventory.placement.roundTrip;
  const pairs = members.flatMap((a, index) => [
    ...members.slice(index + 1).map((b) => [a, b, near, "every commit waits for the slowest"] as const),
    ...(witness ? [[a, witness, WITNESS_ROUND_TRIP, "it must be heard in time"] as const] : []),
  ]);
  return pairs.flatMap(([a, b, limit, why]) => {
    const time = roundTrip(inventory, a.site, b.site);
    if (time === undefined)
      return [
        `cluster ${cluster.id}: the round-trip time between ${a.site} and ${b.site} is not declared; write it into sites`,
      ];
    if (time <= limit) return [];
    return [
      `cluster ${cluster.id}: ${a.id} and ${b.id} are ${time} ms apart, at most ${limit} ms are allowed (${why}); place one of them nearer`,
    ];
  });
}

/** Fencing by Proxmox needs a Proxmox host under every member. */
function checkFencing(cluster: Cluster, members: readonly Host[]): Problems {
  if (cluster.software !== "postgresql" || cluster.fencing === "none") return [];
  return members
    .filter((member) => member.origin.kind !== "guest")
    .map(
      ({ id }) =>
        `cluster ${cluster.id} is fenced by Proxmox, but its member ${id} is no guest of a Proxmox host; write fencing: "none", or make ${id} a guest`,
    );
}

function checkClusters(inventory: Inventory): Problems {
  const hostNamed = (id: string) => inventory.hosts.find((h) => h.id === id);
  return inventory.clusters.flatMap((cluster) => {
    const parts = partsOf(cluster);
    const missing = parts.filter((id) => hostNamed(id) === undefined);
    const twice = doubles(
      parts,
      (m) => m,
      (m) => m,
    ).map(([name]) => name);
    if (missing.length > 0 || twice.length > 0)
      return [
        ...missing.map(
          (m) =>
            `cluster ${cluster.id} has a member "${m}", which is no host; declare the host or name another`,
        ),
        ...twice.map((m) => `cluster ${cluster.id} names its member "${m}" twice; name each once`),
      ];
    const hosts = (ids: readonly string[]): Host[] => ids.flatMap((id) => hostNamed(id) ?? []);
    const members = hosts(cluster.members);
    const [witness] = hosts(votersOf(cluster).filter((id) => !cluster.members.includes(id)));
    return [
      ...checkQuorum(inventory, cluster, hosts(votersOf(cluster))),
      ...checkDistances(inventory, cluster, members, witness),
      ...checkFencing(cluster, members),
    ];
  });
}

function checkApplications(inventory: Inventory): Problems {
  const names = inventory.applications.flatMap((a) => a.hostnames.map((name) => ({ name, id: a.id })));
  return [
    ...inventory.applications.flatMap((application) => checkApplication(inventory, application)),
    ...doubles(
      names,
      (n) => n.name,
      (n) => n.id,
    ).map(
      ([name, ids]) =>
        `applications ${ids.join(" and ")} both answer to ${name}; a host name leads to one application`,
    ),
    ...inventory.edge.hosts
      .filter((id) => !inventory.hosts.some((h) => h.id === id))
      .map((id) => `edge has a host "${id}", which is no host; declare the host or name another`),
  ];
}

/** All that is wrong with an inventory, as sentences for people; empty when it is good. */
export function findProblems(inventory: Inventory, config: StackConfig): string[] {
  return [
    ...checkNames(inventory),
    ...checkAddresses(inventory, config),
    ...checkHosts(inventory),
    ...checkClusters(inventory),
    ...checkDatabases(inventory),
    ...checkApplications(inventory),
  ];
}
