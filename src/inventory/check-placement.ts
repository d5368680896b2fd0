/** What must hold of clusters: a quorum that survives a loss, its members near each other, on what can be fenced. */
import { partsOf, votersOf } from "./clusters.ts";
import { doubles } from "./doubles.ts";
import { isVm } from "./machines.ts";
import type { Cluster, Host, Inventory } from "./schema.ts";

/** Milliseconds between two sites, 0 within one; undefined where it is not declared. */
export function roundTrip(inventory: Pick<Inventory, "sites">, a: string, b: string): number | undefined {
  if (a === b) return 0;
  const site = (id: string) => inventory.sites.find((s) => s.id === id);
  return site(a)?.roundTrips[b] ?? site(b)?.roundTrips[a];
}

/** Where a cluster's placement falls short of what the environment demands of it. */
export interface Shortfall {
  readonly rule: Cluster["concessions"][number]["rule"];
  /** What is so, as a sentence without an end. */
  readonly text: string;
}

/** A quorum is odd, and at least three. Four are no worse than three while a member is being replaced. */
const LEAST_VOTES = 3;

/** The physical machines and the providers over which the votes of a cluster are spread. */
export function spreadOf(
  { hosts, sites }: Inventory,
  cluster: Cluster,
): { domains: ReadonlySet<string>; providers: ReadonlySet<string | undefined> } {
  const voters = votersOf(cluster).flatMap((id) => hosts.find((h) => h.id === id) ?? []);
  return {
    domains: new Set(voters.map((v) => v.failureDomain)),
    providers: new Set(voters.map((v) => sites.find((s) => s.id === v.site)?.provider)),
  };
}

/** Where the votes of a cluster are an even number, or are spread less than the environment demands. */
export function shortfalls(inventory: Inventory, cluster: Cluster): Shortfall[] {
  const { placement } = inventory;
  const voters = votersOf(cluster);
  const names = voters.join(", ");
  const { domains, providers } = spreadOf(inventory, cluster);
  const found: Shortfall[] = [];
  if (voters.length > LEAST_VOTES && voters.length % 2 === 0)
    found.push({ rule: "quorum", text: `cluster ${cluster.id} has ${voters.length} votes (${names})` });
  if (domains.size < placement.failureDomains)
    found.push({
      rule: "failureDomains",
      text: `cluster ${cluster.id}: its votes ${names} stand in ${domains.size} failure domain(s) (${[...domains].join(", ")}), this environment demands ${placement.failureDomains}`,
    });
  if (providers.size < placement.providers)
    found.push({
      rule: "providers",
      text: `cluster ${cluster.id}: its votes ${names} are all with ${[...providers].join(", ")}, this environment demands ${placement.providers} providers`,
    });
  return found;
}

/**
 * Where clusters fall short of the environment's rules of placement, as it was conceded: what is so, and what to do about
 * it, in both languages.
 */
export function warnings(inventory: Inventory): string[] {
  return inventory.clusters.flatMap((cluster) =>
    shortfalls(inventory, cluster).map(({ rule, text }) => {
      const proposal = cluster.concessions.find((c) => c.rule === rule)?.proposal;
      return `${text}. Proposal: ${proposal?.en} (Предложение: ${proposal?.ru})`;
    }),
  );
}

const REMEDY: Readonly<Record<Shortfall["rule"], string>> = {
  failureDomains: "place them on other physical machines, or lower placement.failureDomains",
  providers: "place one elsewhere, or lower placement.providers",
  quorum: "a quorum needs an odd number, 3 or more: an even one survives the loss of no more than one fewer",
};

/** Shortfalls that nobody conceded, and concessions that nothing needs. */
function checkSpread(inventory: Inventory, cluster: Cluster): string[] {
  const found = shortfalls(inventory, cluster);
  const conceded = cluster.concessions.map(({ rule }) => rule);
  return [
    ...found
      .filter(({ rule }) => !conceded.includes(rule))
      .map(({ rule, text }) => `${text}; ${REMEDY[rule]}`),
    ...conceded
      .filter((rule) => !found.some((shortfall) => shortfall.rule === rule))
      .map((rule) => `cluster ${cluster.id} has a concession on ${rule} that it does not need; remove it`),
  ];
}

/** Fewer than three votes are no quorum, and nobody can concede that; an even number is a shortfall. */
function checkQuorum(cluster: Cluster): string[] {
  const voters = votersOf(cluster);
  if (voters.length >= LEAST_VOTES) return [];
  return [
    `cluster ${cluster.id} has ${voters.length} votes (${voters.join(", ")}); a quorum needs an odd number, 3 or more: with ${voters.length} the loss of one stops it`,
  ];
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
  witnesses: readonly Host[],
): string[] {
  const near = inventory.placement.roundTrip;
  const pairs = members.flatMap((a, index) => [
    ...members.slice(index + 1).map((b) => [a, b, near, "every commit waits for the slowest"] as const),
    ...witnesses.map((witness) => [a, witness, WITNESS_ROUND_TRIP, "it must be heard in time"] as const),
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

/** Fencing by Proxmox needs a container on a Proxmox host as every member: that is what is stopped. */
function checkFencing(cluster: Cluster, members: readonly Host[]): string[] {
  if (cluster.software !== "postgresql" || cluster.fencing === "none") return [];
  return members
    .filter(({ origin }) => origin.kind !== "guest" || isVm(origin))
    .map(({ id, origin }) => {
      const wrong = isVm(origin) ? "is a VM" : "is no guest of a Proxmox host";
      const right = isVm(origin) ? "a container" : "a guest";
      return `cluster ${cluster.id} is fenced by Proxmox, but its member ${id} ${wrong}; write fencing: "none", or make ${id} ${right}`;
    });
}

/** What is wrong with the clusters' placement, as sentences for people. */
export function checkClusters(inventory: Inventory): string[] {
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
    const witnesses = hosts(votersOf(cluster).filter((id) => !cluster.members.includes(id)));
    return [
      ...checkQuorum(cluster),
      ...checkSpread(inventory, cluster),
      ...checkDistances(inventory, cluster, members, witnesses),
      ...checkFencing(cluster, members),
    ];
  });
}
