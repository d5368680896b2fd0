/** The concessions that clusters need while they are changed, and no others: both are what the checks ask for. */
import { shortfalls } from "../../inventory/check-placement.ts";
import { tryInventory } from "../../inventory/load.ts";
import type { Cluster, FarmDeclaration } from "../../inventory/schema.ts";
import type { Draft } from "./first-host.ts";
import { type DeclaredCluster, type Pair, partIn } from "./works.ts";

type Concession = Cluster["concessions"][number];
type Rule = Concession["rule"];

/** Where a cluster of a declaration falls short, conceded or not. */
function rulesOf(stack: string, { farm, settings }: Draft, id: string): Rule[] {
  const { inventory } = tryInventory(stack, farm, settings);
  return inventory.clusters
    .filter((cluster) => cluster.id === id)
    .flatMap((cluster) => shortfalls(inventory, cluster).map(({ rule }) => rule));
}

/** Of a member beside the one that it replaces. */
const untilLeft = ({ from, to }: Pair): Concession => ({
  rule: "quorum",
  proposal: {
    en: `${from} leaves when ${to} has the data: farm move ${from} ${to}`,
    ru: `${from} выходит, когда данные есть на ${to}: farm move ${from} ${to}`,
  },
});

/** A concession that the cluster had before the move, and did not need in the middle of it. */
const asBefore = (rule: Rule): Concession => ({
  rule,
  proposal: { en: "as it was before (git log -p)", ru: "как было раньше (git log -p)" },
});

const areBoth = (cluster: DeclaredCluster, { from, to }: Pair): boolean =>
  partIn(cluster, from) !== undefined && partIn(cluster, to) !== undefined;

/** A cluster in the middle of a move as it was before: with `from` in place of `to`. */
function asItWas(cluster: DeclaredCluster, { from, to }: Pair): DeclaredCluster {
  const back = (ids: readonly string[]): string[] => [...new Set(ids.map((id) => (id === to ? from : id)))];
  const members = back(cluster.members);
  if (cluster.software === "mariadb") return { ...cluster, members };
  const replicas = back(cluster.replicas ?? []).filter((id) => !members.includes(id));
  const { witness, nextWitness: _next, formerWitness: _former, ...others } = cluster;
  return { ...others, members, replicas, ...(witness === undefined ? {} : { witness: back([witness])[0] }) };
}

/**
 * The declaration `draft` of one that `before` was, its changed clusters with the concessions that they now need. One that
 * the cluster of `from` alone did not need either is not given: that place is for the checks to refuse.
 */
export function withConcessions(stack: string, before: Draft, draft: Draft, pair: Pair): FarmDeclaration {
  const clusters = (draft.farm.clusters ?? []).map((cluster, index) => {
    const former = before.farm.clusters?.[index];
    if (former === cluster || former === undefined) return cluster;
    const clustersBefore = before.farm.clusters?.map((each) =>
      each === former && areBoth(former, pair) ? asItWas(former, pair) : each,
    );
    const formerly = rulesOf(
      stack,
      { ...before, farm: { ...before.farm, clusters: clustersBefore } },
      cluster.id,
    );
    const granted = cluster.concessions ?? [];
    const concessions = rulesOf(stack, draft, cluster.id).flatMap((rule): Concession[] => {
      const known = granted.find((each) => each.rule === rule);
      if (known !== undefined) return [known];
      if (rule === "quorum" && areBoth(cluster, pair)) return [untilLeft(pair)];
      return formerly.includes(rule) ? [asBefore(rule)] : [];
    });
    if (concessions.length > 0) return { ...cluster, concessions };
    const { concessions: _, ...plain } = cluster;
    return plain;
  });
  return { ...draft.farm, clusters };
}
