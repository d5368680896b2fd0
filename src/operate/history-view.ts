/** A host's history as a person reads it. */
import Table from "cli-table3";
import type { History, HistoryEntry } from "./history.ts";

const UNITS: readonly [seconds: number, name: string][] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** How long ago something was, in one unit: "3 min". A clock that is behind the host's makes it "0 s". */
export function age(at: Date, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - at.getTime()) / 1000));
  const [size, name] = UNITS.find(([unit]) => seconds >= unit) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${name}`;
}

/** The reader's own time, as ISO 8601 writes it, to the minute. */
function localTime(at: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

function row(
  entry: HistoryEntry,
  number: number | undefined,
  subjectOf: (commit: string) => string | undefined,
  now: Date,
): string[] {
  const at = new Date(entry.at);
  return [
    number === undefined ? "" : String(number),
    `${localTime(at)}\n${age(at, now)} ago`,
    entry.why === undefined ? entry.kind : `${entry.kind}: ${entry.why}`,
    [entry.commit, subjectOf(entry.commit)].filter(Boolean).join("\n"),
    entry.from === null ? entry.by : `${entry.by}\nfrom ${entry.from}`,
    String(entry.count),
    `${entry.seconds} s`,
  ];
}

/**
 * The history as a table, newest first. `subjectOf` gives the first line of a commit's message where the commit is
 * known here. The number that `farm rollback` takes stands at the change that made the bundle the applied one last.
 */
export function printHistory(
  { host, entries, bundles }: History,
  subjectOf: (commit: string) => string | undefined,
  now: Date,
): string {
  if (entries.length === 0) return `nothing was ever applied to ${host}\n`;
  const table = new Table({
    head: ["N", "when", "what", "commit", "by", "changes", "took"],
    style: { head: [], border: [] },
    colWidths: [null, null, 44, 44, null, null, null],
    wordWrap: true,
  });
  const numbers = new Map(bundles.map(({ number, sha256, at }) => [`${sha256} ${at}`, number]));
  for (const entry of entries) {
    const bundle = `${entry.sha256} ${entry.at}`;
    const isSuccess = entry.kind === "applied" || entry.kind === "rolled back";
    table.push(row(entry, isSuccess ? numbers.get(bundle) : undefined, subjectOf, now));
  }
  return `${table}\nN 0 is what ${host} is now; back to another one: rollback ${host} N\n`;
}
