/** The changes of a declaration by which one host takes over from another, each as data: nothing is written anywhere. */
import { REDMINE_CONNECTIONS } from "../../inventory/check-application.ts";
import { edgeHosts } from "../../inventory/domains.ts";
import type { FarmDeclaration } from "../../inventory/schema.ts";
import { type DeclaredCluster, hasData, type Pair, partIn } from "./works.ts";

type DeclaredApplication = NonNullable<FarmDeclaration["applications"]>[number];
/** Returns the same declaration, or one with a change. */
export type Edit = (farm: FarmDeclaration, pair: Pair) => FarmDeclaration;

const without = (ids: readonly string[], id: string): string[] => ids.filter((each) => each !== id);
const beside = (ids: readonly string[], { from, to }: Pair): string[] =>
  ids.flatMap((id) => (id === from ? [from, to] : [id]));

/** The farm with each cluster changed; clusters that stay are the same objects. */
const withClusters = (
  farm: FarmDeclaration,
  change: (cluster: DeclaredCluster) => DeclaredCluster,
): FarmDeclaration => ({ ...farm, clusters: (farm.clusters ?? []).map(change) });

/**
 * `to` joins each cluster in which `from` has data. Of PostgreSQL it is a copy at first, which changes no vote until all of
 * the data is there.
 */
export const join: Edit = (farm, pair) =>
  withClusters(farm, (cluster) => {
    const part = partIn(cluster, pair.from);
    if (!hasData(part) || partIn(cluster, pair.to) !== undefined) return cluster;
    if (cluster.software === "mariadb") return { ...cluster, members: beside(cluster.members, pair) };
    const replicas = cluster.replicas ?? [];
    return {
      ...cluster,
      replicas: part === "replica" ? beside(replicas, pair) : [...replicas, pair.to],
    };
  });

/** Connections that an application needs with its nodes, where it says how many it may hold. */
function enough(application: DeclaredApplication): DeclaredApplication {
  const { software, database, nodes } = application;
  const needed =
    nodes.length * Math.max(software === "redmine" ? REDMINE_CONNECTIONS : 0, database.pool ?? 0);
  return database.connections === undefined || database.connections >= needed
    ? application
    : { ...application, database: { ...database, connections: needed } };
}

/** `to` serves what `from` serves. */
export const serve: Edit = (farm, pair) => ({
  ...farm,
  applications: (farm.applications ?? []).map((application) =>
    application.nodes.includes(pair.from) && !application.nodes.includes(pair.to)
      ? enough({ ...application, nodes: beside(application.nodes, pair) })
      : application,
  ),
  ...(edgeHosts(farm).includes(pair.from) && !edgeHosts(farm).includes(pair.to)
    ? { edge: { ...farm.edge, kind: "hosts", hosts: beside(edgeHosts(farm), pair) } }
    : {}),
});

/** Where `from` is a member of PostgreSQL and `to` a copy, `to` becomes one too; where it is a witness, `to` votes beside it. */
export const vote: Edit = (farm, pair) =>
  withClusters(farm, (cluster) => {
    if (cluster.software !== "postgresql") return cluster;
    const part = partIn(cluster, pair.to);
    if (cluster.witness === pair.from && part === undefined) return { ...cluster, nextWitness: pair.to };
    if (partIn(cluster, pair.from) !== "member" || part !== "replica") return cluster;
    return {
      ...cluster,
      members: beside(cluster.members, pair),
      replicas: without(cluster.replicas ?? [], pair.to),
    };
  });

/**
 * Where both are members of PostgreSQL, `from` becomes a copy, and where both vote without data a former witness: the others
 * go on hearing it while it gives up its vote. Who leaves a cluster at once is cut off from those that are changed first.
 */
export const resign: Edit = (farm, { from, to }) =>
  withClusters(farm, (cluster) => {
    if (cluster.software !== "postgresql") return cluster;
    const { nextWitness, ...others } = cluster;
    if (cluster.witness === from && nextWitness === to)
      return { ...others, witness: to, formerWitness: from };
    if (partIn(cluster, from) !== "member" || partIn(cluster, to) !== "member") return cluster;
    return {
      ...cluster,
      members: without(cluster.members, from),
      replicas: [...(cluster.replicas ?? []), from],
    };
  });

/** `from` serves nothing any more that `to` serves. */
export const withdraw: Edit = (farm, { from, to }) => ({
  ...farm,
  applications: (farm.applications ?? []).map((application) =>
    application.nodes.includes(from) && application.nodes.includes(to)
      ? { ...application, nodes: without(application.nodes, from) }
      : application,
  ),
  ...(edgeHosts(farm).includes(from) && edgeHosts(farm).includes(to)
    ? { edge: { ...farm.edge, kind: "hosts", hosts: without(edgeHosts(farm), from) } }
    : {}),
});

/** `from` leaves each cluster in which `to` has the same data, or its vote. */
export const leave: Edit = (farm, { from, to }) =>
  withClusters(farm, (cluster) => {
    if (partIn(cluster, from) === undefined || partIn(cluster, to) === undefined) return cluster;
    if (cluster.software === "mariadb") return { ...cluster, members: without(cluster.members, from) };
    const { formerWitness, ...others } = cluster;
    if (formerWitness === from) return others;
    return { ...cluster, replicas: without(cluster.replicas ?? [], from) };
  });

/** `from` is no host any more. What else names it, such as a cluster that it never left, is for the checks to find. */
export const remove: Edit = (farm, { from }) => {
  const generations = Object.entries(farm.generations ?? {});
  return {
    ...farm,
    hosts: farm.hosts.filter(({ id }) => id !== from),
    generations: Object.fromEntries(generations.filter(([name]) => !name.endsWith(`/${from}`))),
  };
};
