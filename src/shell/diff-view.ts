/** The comparison of two plans as people read it in a terminal, and as programs do. */
import { styleText } from "node:util";
import { type Change, type ChangeGroup, type Comparison, isDifferent } from "../plan/compare.ts";

/** A comparison with what was compared. */
export interface Diff {
  readonly stack: string;
  readonly from: {
    /** As the user named it. */
    readonly revision: string;
    /** Complete hash. */
    readonly commit: string;
    /** Whether that side declares the stack at all; where it does not, it counts as a farm without hosts. */
    readonly declared: boolean;
  };
  /** The working tree. */
  readonly to: { readonly declared: boolean };
  readonly comparison: Comparison;
}

type Colour = (style: "bold" | "red" | "green" | "cyan" | "dim", text: string) => string;

/** Content comes from a stranger's commit as well: what a terminal would take for a command is shown, not obeyed. */
export const visible = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

const count = (hosts: readonly string[]): string => `${hosts.length} host${hosts.length === 1 ? "" : "s"}`;

/** "db1, db2" for a wave, waves one after the other. */
const orderOf = (order: Comparison["order"]): string => order.map((wave) => wave.join(", ")).join("; then ");

/** "EUR 35.00 to 39.99 a month (+4.99)"; a side that knows no prices is left out. */
function moneyLine({ before, after }: NonNullable<Comparison["money"]>): string {
  const sides = [before, after].flatMap((euros) => (euros === undefined ? [] : [euros.toFixed(2)]));
  const change = (after ?? 0) - (before ?? 0);
  const sign = change < 0 ? "" : "+";
  return `EUR ${sides.join(" to ")} a month${sides.length < 2 ? "" : ` (${sign}${change.toFixed(2)})`}`;
}

/** Parts of a plan that are about names; each of their lines is a record, or a name and what is behind it. */
const NAMES = new Set(["dns", "ingress", "redirects", "reverseNames"]);

/** How many lines come and go of each zone and each other part that is about names: "opplet.net +2 -1". */
function nameChanges(changes: readonly Change[]): string[] {
  return changes.map(({ section, name, patch }) => {
    const count = (sign: string) => patch.split("\n").filter((line) => line.startsWith(sign)).length;
    return `${name || section} +${count("+")} -${count("-")}`;
  });
}

/** What is to be known before the patches: name and text of each line. */
export function summary({ stack, from, to, comparison }: Diff): [string, string][] {
  const { added, gone, changed, order, farm, money } = comparison;
  const lines: [string, string][] = [];
  const list = (title: string, hosts: readonly string[]) => {
    if (hosts.length > 0) lines.push([title, `${count(hosts)}: ${hosts.join(", ")}`]);
  };
  if (!from.declared) lines.push(["stack", `${stack} is not declared at ${from.revision}: all of it is new`]);
  if (!to.declared) lines.push(["stack", `${stack} is no longer declared: all of it goes`]);
  list("changed", changed);
  list("added", added);
  list("gone", gone);
  if (order.length > 0) lines.push(["order", orderOf(order)]);
  if (order.length === 0 && gone.length === 0) lines.push(["hosts", "none changes"]);
  if (money) lines.push(["money", moneyLine(money)]);
  const names = farm.filter(({ section }) => NAMES.has(section));
  if (names.length > 0) lines.push(["names", nameChanges(names).join(", ")]);
  const rest = farm.filter(({ section }) => !NAMES.has(section));
  if (rest.length > 0) lines.push(["the rest", [...new Set(rest.map((c) => c.section))].join(", ")]);
  return lines;
}

/** One change as a unified patch with its two file lines. */
export function patchText({ section, name, kind, formerName, patch }: Change): string {
  const title = section === "bundle" ? name : `${section} ${name}`.trimEnd();
  const before = kind === "added" ? "/dev/null" : (formerName ?? title);
  const after = kind === "gone" ? "/dev/null" : title;
  return visible(`--- ${before}\n+++ ${after}\n${kind === "moved" ? "@@ moved as it was @@\n" : patch}`);
}

/** Whose changes a group holds. */
export function groupTitle({ hosts, comparedWith }: ChangeGroup): string {
  const names = hosts.join(", ");
  return comparedWith ? `${names}: new, compared with ${comparedWith}, which it is most like` : names;
}

function coloured(patch: string, colour: Colour): string {
  const paint = (line: string, index: number): string => {
    if (index < 2) return colour("bold", line);
    if (line.startsWith("@@")) return colour("cyan", line);
    if (line.startsWith("+")) return colour("green", line);
    return line.startsWith("-") ? colour("red", line) : line;
  };
  return patch.split("\n").map(paint).join("\n");
}

/**
 * For people: what changes on which host and in which order, then every patch once, under the hosts that it is for.
 * Nothing at all when nothing differs. `stream` is where it will be written: a terminal gets colours.
 */
export function forPeople(diff: Diff, stream: NodeJS.WritableStream): string {
  const { stack, from, comparison } = diff;
  if (!isDifferent(comparison)) return "";
  const colour: Colour = (style, text) => styleText(style, text, { stream });
  const head = `${stack}: ${from.revision} (${from.commit.slice(0, 7)}) to the working tree`;
  const lines = summary(diff).map(([name, text]) => `  ${name.padEnd(8)}  ${text}`);
  const block = (title: string, changes: readonly Change[]) =>
    [colour("bold", `=== ${title}`), ...changes.map((c) => coloured(patchText(c).trimEnd(), colour))].join(
      "\n\n",
    );
  const blocks = comparison.groups.map((g) => block(groupTitle(g), g.changes));
  if (comparison.farm.length > 0) blocks.unshift(block("the farm as a whole", comparison.farm));
  return `${[[colour("bold", head), ...lines].join("\n"), ...blocks].join("\n\n")}\n`;
}

/**
 * For programs, one JSON object: `different` (boolean), `stack`, `from` (`revision`, `commit`, `declared`), `to`
 * (`declared`), and all of the comparison under the names of its type.
 */
export function forPrograms({ stack, from, to, comparison }: Diff): string {
  return `${JSON.stringify({ different: isDifferent(comparison), stack, from, to, ...comparison }, null, 1)}\n`;
}
