/** What is told of a move when the hosts say that all is well, or what a test makes of that. */
import type { MemberState } from "../../../src/clusters/kind.ts";
import { dataHostsOf, partsOf } from "../../../src/inventory/clusters.ts";
import { loadInventory } from "../../../src/inventory/load.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import type { Observation } from "../../../src/operate/move/observe.ts";
import { planMove } from "../../../src/operate/move/plan.ts";
import { standings } from "../../../src/operate/move/stage.ts";
import { exitCode, printMove } from "../../../src/operate/move/view.ts";
import type { Pair } from "../../../src/operate/move/works.ts";

/** What the hosts of a farm say when all is applied and well, and `from` has no sessions; changed by a test. */
function well(inventory: Inventory, pair: Pair, writer: Readonly<Record<string, string>> = {}): Observation {
  const state = (cluster: Inventory["clusters"][number], host: string): MemberState => {
    const nothing = { host, committed: 1, lag: null, writer: writer[cluster.id] === host };
    if (cluster.software === "mariadb")
      return { ...nothing, status: "Primary", state: "Synced", size: cluster.members.length };
    const copies = dataHostsOf(cluster);
    if (!copies.includes(host)) return { ...nothing, status: "vote", state: "healthy", size: null };
    return { ...nothing, status: "replica", state: "streaming", size: copies.length, lag: 0 };
  };
  const parts = inventory.clusters.filter((c) => [pair.from, pair.to].some((id) => partsOf(c).includes(id)));
  return {
    hosts: inventory.hosts.map(({ id }) => ({ host: id, upToDate: true, unhealthy: [] })),
    clusters: new Map(parts.map((c) => [c.id, partsOf(c).map((id) => state(c, id))])),
    sessions: inventory.hosts.some(({ id }) => id === pair.from) ? [] : undefined,
  };
}

/** What is printed of a draft when the hosts say `seen`, and the exit code. */
export function told(
  stack: string,
  draft: Draft,
  pair: Pair,
  change: (seen: Observation) => Observation = (s) => s,
) {
  const inventory = loadInventory(stack, draft.farm, draft.settings);
  const plan = planMove(stack, draft, pair);
  const found = standings(
    plan,
    inventory,
    change(well(inventory, pair, { mariadb: "db2", postgresql: "pg1" })),
  );
  return { text: printMove(plan, found), code: exitCode(found), plan };
}
