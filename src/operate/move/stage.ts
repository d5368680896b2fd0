/** How far a move is: what its steps have to write, with what the hosts say. Pure. */

import type { MemberState } from "../../clusters/kind.ts";
import { edgeHosts } from "../../inventory/domains.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Inventory } from "../../inventory/schema.ts";
import { hasRetired, moveOf } from "./cluster-kinds.ts";
import type { Observation } from "./observe.ts";
import type { Move, Step } from "./plan.ts";
import type { Pair } from "./works.ts";

/** `next`: somebody has to do something now. `waits`: for what its reasons say, or for the steps before it. */
export type StepState = "done" | "next" | "waits";

export interface Standing {
  readonly step: Step;
  readonly state: StepState;
  /** Whether it is declared already, so that nothing is left to be written. */
  readonly declared: boolean;
  readonly reasons: readonly string[];
}

/** What is declared and not so yet. */
interface Outstanding {
  /** For what the program has to run. */
  readonly apply: readonly string[];
  /** What comes by itself, or is to be found out about. */
  readonly wait: readonly string[];
}

const listed = (names: readonly string[]): string => names.join(", ");

/** `lost` is the host that leaves, where it does not answer: nobody waits for what it might say. */
function outstanding(
  inventory: Inventory,
  { hosts, clusters }: Observation,
  lost: string | undefined,
): Outstanding {
  const late = hosts.filter((h) => h.missed === undefined && !h.upToDate).map((h) => h.host);
  const behind = inventory.clusters.flatMap((cluster) => {
    const all = clusters.get(cluster.id) ?? [];
    return all
      .filter((state) => state.host !== lost && !moveOf(cluster).inStep(state, cluster, all))
      .map((state) => `${state.host} is not in step in ${cluster.id}: ${stateText(state)}`);
  });
  // Its probes miss what it has left.
  const retired = new Set(
    [...clusters.values()]
      .flat()
      .filter(hasRetired)
      .map(({ host }) => host),
  );
  const unwell = hosts.filter(({ host }) => !retired.has(host));
  return {
    apply: [
      ...hosts.flatMap((h) => (h.missed === undefined || h.host === lost ? [] : [h.missed])),
      ...(late.length > 0 ? [`not applied yet: ${listed(late)}`] : []),
    ],
    wait: [...unwell.flatMap((h) => h.unhealthy.map((why) => `${h.host}: ${why}`)), ...behind],
  };
}

function stateText({ status, state, size, lag }: MemberState): string {
  const texts = [
    status ?? "no answer",
    state,
    size === null ? null : `sees ${size}`,
    lag === null ? null : `${lag} bytes behind`,
  ];
  return listed(texts.filter((text) => text !== null));
}

/** What has to be done on `from` before some clusters can do without it. */
function beforeLeaving(concerned: Inventory["clusters"], { clusters }: Observation, from: string): string[] {
  return concerned.flatMap((cluster) => {
    const state = clusters.get(cluster.id)?.find(({ host }) => host === from);
    const first = state && moveOf(cluster).beforeLeaving(state);
    return first ? [`${from} ${first.why} ${cluster.id}; on ${from}: ${first.command}`] : [];
  });
}

/** Users that still come in by `from`. */
function users(inventory: Inventory, { sessions }: Observation, from: string): string[] {
  if (!edgeHosts(inventory).includes(from)) return [];
  if (sessions === undefined) return [`${from} does not tell who is connected to it`];
  const { address } = hostOf(inventory, from);
  const count = sessions.filter((session) => session.address === address).length;
  return count === 0 ? [] : [`${count} connection(s) of users still come in by ${from}`];
}

/** Whom `from` still serves in any way. */
function served({ sessions }: Observation, from: string): string[] {
  if (sessions === undefined) return [`${from} does not tell who is connected to it`];
  const ends = sessions.map(({ address, port, peer }) => `${peer} to ${address}:${port}`);
  return ends.length === 0
    ? []
    : [`${from} still has ${ends.length} connection(s): ${listed(ends.slice(0, 5))}`];
}

/** What has to be so before a step is written. */
function obstacles(step: Step, inventory: Inventory, seen: Observation, pair: Pair): string[] {
  switch (step.name) {
    case "resign":
      return beforeLeaving(
        inventory.clusters.filter(({ software }) => software === "postgresql"),
        seen,
        pair.from,
      );
    case "leave":
      return beforeLeaving(inventory.clusters, seen, pair.from);
    case "withdraw":
      return users(inventory, seen, pair.from);
    case "remove":
      return served(seen, pair.from);
    default:
      return [];
  }
}

/** What is said of a host that has to leave in order, and can't be reached. */
const stuck = ({ from, stack }: Move): string =>
  `${from} is declared and does not answer. pulumi up asks every declared host before it changes any, and a host changes only while the others of its clusters are there. Bring it back, or have it made anew under its name: farm rebuild ${from} --stack ${stack}; then this command again`;

const unknown = (from: string): string =>
  `${from} does not answer, so nobody can tell who is connected to it; be sure that it is off`;

/** The step that is declared and not finished: the last one that has nothing to write, with what it lacks. */
function unfinished(step: Step, { apply, wait }: Outstanding): Standing {
  const state = apply.length > 0 ? "next" : "waits";
  return { step, state, declared: true, reasons: [...apply, ...wait] };
}

/**
 * How each step stands: done as far as the declaration says it and all hosts have it, are well and in step; then the one
 * that is to be done or waited for; the others wait for it. `inventory` is that of the present declaration.
 */
export function standings(move: Move, inventory: Inventory, seen: Observation): Standing[] {
  const { steps } = move;
  const first = steps.findIndex(({ write }) => write.length > 0);
  const due = first < 0 ? steps.length : first;
  const lost = seen.hosts.find(({ host, isLost }) => host === move.from && isLost)?.host;
  const open = outstanding(inventory, seen, lost);
  const isSettled = due === 0 || (open.apply.length === 0 && open.wait.length === 0);
  // By the declaration it does nothing any more: what is not applied yet, which it would stop, is applied with its removal.
  const mayGo = steps[due]?.name === "remove" && open.wait.length === 0;
  const current = isSettled || (lost !== undefined && mayGo) ? due : due - 1;
  return steps.map((step, index): Standing => {
    const declared = index < due;
    if (index < current) return { step, state: "done", declared, reasons: [] };
    if (index > current) return { step, state: "waits", declared, reasons: [`for step ${current + 1}`] };
    if (lost !== undefined && steps[due]?.name !== "remove")
      return { step, state: "waits", declared, reasons: [stuck(move)] };
    if (declared) return unfinished(step, open);
    if (lost !== undefined) return { step, state: "next", declared, reasons: [unknown(lost)] };
    const reasons = obstacles(step, inventory, seen, move);
    return { step, state: reasons.length > 0 ? "waits" : "next", declared, reasons };
  });
}
