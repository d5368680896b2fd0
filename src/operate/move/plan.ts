/**
 * The steps by which one host takes over from another, from the present declaration alone: each a change of the declaration
 * that was looked at with the very checks of a real one. No host is asked, and nothing is remembered: run again in the
 * middle of a move, the steps that the declaration says already have nothing to write any more.
 */
import { isDeepStrictEqual } from "node:util";
import { edgeHosts } from "../../inventory/domains.ts";
import { tryInventory } from "../../inventory/load.ts";
import type { FarmDeclaration, Inventory } from "../../inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../plan/keys.ts";
import { makePlan } from "../../plan/plan.ts";
import { FarmError } from "../../shell/errors.ts";
import { afterRemoval, beforeRemoval, firstContact } from "./at-provider.ts";
import { withConcessions } from "./concede.ts";
import { type Edit, join, leave, remove, resign, serve, vote, withdraw } from "./edits.ts";
import { type Draft, settingsWithout, withFirstHost } from "./first-host.ts";
import { tooEarly } from "./order.ts";
import { hasData, type Pair, partIn, serves, type Works, worksOf } from "./works.ts";
import { linesToWrite, settingCommands } from "./write.ts";

export type StepName = "declare" | "join" | "serve" | "vote" | "resign" | "withdraw" | "leave" | "remove";

export interface Step {
  readonly name: StepName;
  readonly title: string;
  /** What to write in the declaration, a line each; none where it is declared. */
  readonly write: readonly string[];
  /** Commands before the program runs. */
  readonly commands: readonly string[];
  /** What is to be done when the program has run, and known before. */
  readonly afterwards: readonly string[];
  /** The declaration and its settings after it. */
  readonly draft: Draft;
}

export interface Move extends Pair {
  readonly stack: string;
  /** What each does by the present declaration; undefined for a host that is not declared. */
  readonly leaver: Works | undefined;
  readonly successor: Works | undefined;
  readonly steps: readonly Step[];
}

const listed = (names: Iterable<string>): string => [...names].join(", ");

/** A draft, the inventory that it makes where it can be read, and what is wrong with it. */
interface Looked {
  readonly draft: Draft;
  readonly inventory?: Inventory;
  readonly problems: readonly string[];
}

function look(stack: string, draft: Draft): Looked {
  const { farm, settings } = draft;
  try {
    const { inventory, problems } = tryInventory(stack, farm, settings);
    // Some mistakes are only found when the hosts are planned, such as two that have no way to each other.
    if (problems.length === 0)
      makePlan(inventory, deriveKeys(PREVIEW_MASTER_KEY, stack, farm.generations ?? {}));
    return { draft, inventory, problems };
  } catch (error) {
    if (!(error instanceof FarmError)) throw error;
    return { draft, problems: [error.message] };
  }
}

/** Clusters of PostgreSQL in which a host is a member. */
const postgresOf = ({ clusters = [] }: FarmDeclaration, id: string): string[] =>
  clusters.filter((c) => c.software === "postgresql" && partIn(c, id) === "member").map((c) => c.id);

/** Clusters in which a host votes without data. */
const witnessOf = ({ clusters = [] }: FarmDeclaration, id: string): string[] =>
  clusters.filter((cluster) => partIn(cluster, id) === "witness").map((cluster) => cluster.id);

/** What happens to members and to witnesses in one step, where there are any. */
const both = (members: readonly string[], witnesses: readonly string[], of: readonly [string, string]) =>
  [members, witnesses]
    .flatMap((ids, index) => (ids.length > 0 ? [`${of[index]} ${listed(ids)}`] : []))
    .join(", ");

/** What a step is called that makes one declaration of another. */
function titleOf(name: StepName, { from, to }: Pair, before: FarmDeclaration, farm: FarmDeclaration): string {
  const works = worksOf(farm, to);
  const clusters = listed(works.clusters.keys());
  switch (name) {
    case "declare":
      return `${to} is declared, and does nothing yet`;
    case "join":
      return `${to} joins ${clusters}`;
    case "serve":
      return `${to} serves ${listed([...works.applications, ...(works.edge ? ["at the edge"] : [])])}`;
    case "vote":
      return `${to} ${both(postgresOf(farm, to), witnessOf(farm, to), ["becomes a member of", "votes in"])}`;
    case "resign":
      return `${from} ${both(postgresOf(farm, to), witnessOf(farm, to), ["becomes a copy of", "gives up its vote in"])}`;
    case "withdraw":
      return `${from} serves nothing any more`;
    case "leave":
      return `${from} leaves ${listed(worksOf(before, from).clusters.keys()) || clusters}`;
    case "remove":
      return `${from} is removed`;
  }
}

/**
 * Whether a step that has nothing to write is one that `to` has behind it, rather than one that this move does not need. Of a
 * `from` that is not declared any more nobody can tell what it has left.
 */
function isBehind(name: StepName, farm: FarmDeclaration, { from, to }: Pair): boolean {
  const isGone = farm.hosts.every(({ id }) => id !== from);
  if (isGone && (name === "resign" || name === "withdraw" || name === "leave")) return false;
  const works = worksOf(farm, to);
  const parts = [...works.clusters.values()];
  if (name === "join") return parts.some(hasData);
  if (name === "vote" || name === "resign")
    return [...postgresOf(farm, to), ...witnessOf(farm, to)].length > 0;
  if (name === "leave") return parts.length > 0;
  if (name === "serve" || name === "withdraw") return serves(works);
  return true;
}

const EDITS: Readonly<Record<Exclude<StepName, "declare" | "remove">, Edit>> = {
  join,
  serve,
  vote,
  resign,
  withdraw,
  leave,
};

/** The draft after a step. */
function after(name: StepName, stack: string, draft: Draft, pair: Pair): Draft {
  if (name === "declare") return withFirstHost(draft, pair);
  if (name === "remove")
    return { farm: remove(draft.farm, pair), settings: settingsWithout(draft.settings, pair.from) };
  const edited = { ...draft, farm: EDITS[name](draft.farm, pair) };
  return isDeepStrictEqual(edited.farm, draft.farm)
    ? draft
    : { ...draft, farm: withConcessions(stack, draft, edited, pair) };
}

const wayOfUsers = ({ applications = [] }: FarmDeclaration, { from, to }: Pair): string =>
  `before that, in DNS: ${listed(applications.flatMap((a) => a.hostnames))} lead to ${to} in place of ${from}; wait until old answers have run out`;

/** What only some steps say: commands before and after the program runs. */
function commandsOf(
  name: StepName,
  stack: string,
  before: Draft,
  draft: Draft,
  pair: Pair,
): Pick<Step, "commands" | "afterwards"> {
  const { from, to } = pair;
  const commands = settingCommands(before, draft);
  if (name === "declare")
    return {
      commands: [...commands, ...firstContact(draft, stack, to)],
      afterwards: before.farm.hosts.some(({ id }) => id === to)
        ? []
        : [
            `that is an example beside ${from}: write its own site, origin, mesh address, size and price; the steps are looked at again with them`,
          ],
    };
  if (name === "withdraw" && edgeHosts(before.farm).includes(from))
    return { commands: [...commands, wayOfUsers(before.farm, pair)], afterwards: [] };
  if (name !== "remove") return { commands, afterwards: [] };
  return {
    commands: [...commands, ...beforeRemoval(before.farm, from)],
    afterwards: afterRemoval(before.farm, from),
  };
}

const refused = (
  { from, to }: Pair,
  title: string,
  problems: readonly string[],
  remedy?: string,
): FarmError =>
  new FarmError(
    `${to} can't take over from ${from}; refused would be: ${title}\n${problems.map((p) => `  - ${p}`).join("\n")}`,
    remedy,
    2,
  );

const BY_NAME =
  "hosts of a cluster are changed in the order of their names: choose one that sorts after those";

/** What a step makes of a draft; the same object where it has nothing to write. */
function lookedAfter(name: StepName, stack: string, before: Looked, pair: Pair): Looked {
  const draft = after(name, stack, before.draft, pair);
  return isDeepStrictEqual(draft, before.draft) ? before : look(stack, draft);
}

/** Throws where a step would be refused, for other reasons than those `known`, or where the order of hosts is against it. */
function refuse(step: Step, before: Looked, next: Looked, pair: Pair, known: readonly string[]): void {
  const problems = next.problems.filter((problem) => !known.includes(problem));
  if (problems.length > 0) throw refused(pair, step.title, problems);
  if (step.name === "declare" || next === before || !before.inventory || !next.inventory) return;
  const early = tooEarly(before.inventory, next.inventory, pair.to);
  if (early.length > 0) throw refused(pair, step.title, early, BY_NAME);
}

/** The steps that there are to do, or that are behind, in an order. Throws where one of them would be refused. */
function stepsIn(order: readonly StepName[], stack: string, start: Looked, pair: Pair): Step[] {
  const steps: Step[] = [];
  let present = start;
  // An example of a host may promise more than there is room for: that is said when the real one is declared.
  let known: readonly string[] = [];
  for (const name of order) {
    const next = lookedAfter(name, stack, present, pair);
    if (name === "declare") known = next.problems;
    const [before, { draft }] = [present.draft, next];
    const title = titleOf(name, pair, before.farm, draft.farm);
    const write = linesToWrite(before.farm, draft.farm);
    const step = { name, title, write, ...commandsOf(name, stack, before, draft, pair), draft };
    refuse(step, present, next, pair, known);
    if (write.length > 0 || isBehind(name, start.draft.farm, pair)) steps.push(step);
    present = next;
  }
  return steps;
}

/** `to` joins first what it will serve from; where the hosts that it serves with would not know it then, it serves first. */
const ORDERS: readonly (readonly StepName[])[] = [
  ["declare", "join", "serve", "vote", "resign", "withdraw", "leave", "remove"],
  ["declare", "serve", "join", "vote", "resign", "withdraw", "leave", "remove"],
];

function refuseInput(farm: FarmDeclaration, stack: string, { from, to }: Pair): void {
  const names = farm.hosts.map(({ id }) => id);
  if (from === to) throw new FarmError(`${from} can't take over from itself`, "name another host", 2);
  if (!names.includes(from) && !names.includes(to))
    throw new FarmError(`stack ${stack} has no host "${from}"`, `name one of: ${names.join(", ")}`, 2);
  const guests = farm.hosts.filter(({ origin }) => origin.kind === "guest" && origin.parent === from);
  if (guests.length > 0)
    throw new FarmError(
      `${from} carries ${listed(guests.map(({ id }) => id))}: a guest goes where its Proxmox host is`,
      "move each of them first",
      2,
    );
}

/**
 * Plans how `to` takes over from `from`. A `to` that is not declared yet is taken for one like `from`, at its place. Throws a
 * FarmError (exit code 2): for hosts that can't change places so, and where a declaration on the way would be refused, with
 * what is wrong with it.
 */
export function planMove(stack: string, { farm, settings }: Draft, pair: Pair): Move {
  refuseInput(farm, stack, pair);
  // Left out is the same as empty; only what differs is written.
  const draft = { farm: { clusters: [], applications: [], generations: {}, ...farm }, settings };
  const start = { draft, ...tryInventory(stack, draft.farm, settings) };
  const isDeclared = (id: string): boolean => farm.hosts.some((host) => host.id === id);
  return {
    ...pair,
    stack,
    leaver: isDeclared(pair.from) ? worksOf(farm, pair.from) : undefined,
    successor: isDeclared(pair.to) ? worksOf(farm, pair.to) : undefined,
    steps: firstGood(ORDERS.map((order) => () => stepsIn(order, stack, start, pair))),
  };
}

/** What the first attempt that is not refused gives; throws as the first of all where each is. */
function firstGood<Result>([attempt, ...others]: readonly (() => Result)[]): Result {
  if (attempt === undefined) throw new Error("there is nothing to attempt");
  try {
    return attempt();
  } catch (error) {
    for (const other of others)
      try {
        return other();
      } catch {
        // The first one is what a person can mend.
      }
    throw error;
  }
}
