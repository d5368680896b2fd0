/** What one host does by a declaration: what another one has to take over. */
import { edgeHosts } from "../../inventory/domains.ts";
import type { FarmDeclaration } from "../../inventory/schema.ts";

/** The host that leaves, and the one that takes over its works. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}

export type DeclaredCluster = NonNullable<FarmDeclaration["clusters"]>[number];
/** `member`: data and a vote; `replica`: data alone; `witness`: a vote alone; `former witness`: one that gives it up. */
export type Part = "member" | "replica" | "witness" | "former witness";

export interface Works {
  /** The host's part, by cluster. */
  readonly clusters: ReadonlyMap<string, Part>;
  /** Applications of which it is a node. */
  readonly applications: readonly string[];
  /** Whether it takes users' requests. */
  readonly edge: boolean;
}

/** What a host does in a cluster; undefined where that is nothing. */
export function partIn(cluster: DeclaredCluster, id: string): Part | undefined {
  if (cluster.members.includes(id)) return "member";
  if (cluster.software !== "postgresql") return undefined;
  if (cluster.replicas?.includes(id)) return "replica";
  if (cluster.witness === id || cluster.nextWitness === id) return "witness";
  return cluster.formerWitness === id ? "former witness" : undefined;
}

/** Whether a part is one with data. */
export const hasData = (part: Part | undefined): boolean => part === "member" || part === "replica";

/** All that a host does. */
export function worksOf(
  { clusters = [], applications = [], edge }: Pick<FarmDeclaration, "clusters" | "applications" | "edge">,
  id: string,
): Works {
  return {
    clusters: new Map(
      clusters.flatMap((cluster) => {
        const part = partIn(cluster, id);
        return part === undefined ? [] : [[cluster.id, part] as const];
      }),
    ),
    applications: applications.filter(({ nodes }) => nodes.includes(id)).map((a) => a.id),
    edge: edgeHosts({ edge }).includes(id),
  };
}

/** Whether a host serves users, as a node or at the edge. */
export const serves = ({ applications, edge }: Works): boolean => applications.length > 0 || edge;

/** "mariadb (member), node of pravka, edge", or "nothing". */
export function worksText({ clusters, applications, edge }: Works): string {
  const texts = [
    ...[...clusters].map(([cluster, part]) => `${cluster} (${part})`),
    ...applications.map((id) => `node of ${id}`),
    ...(edge ? ["edge"] : []),
  ];
  return texts.join(", ") || "nothing";
}
