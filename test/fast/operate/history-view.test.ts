import assert from "node:assert/strict";
import test from "node:test";
import type { HistoryEntry } from "../../../src/operate/history.ts";
import { age, printHistory } from "../../../src/operate/history-view.ts";
import { presentCommit, subjectOf } from "../../../src/shell/commit.ts";

const now = new Date("2026-11-24T12:00:00Z");
const [first, second] = ["a".repeat(64), "b".repeat(64)];

const entry = (at: string, more: Partial<HistoryEntry> = {}): HistoryEntry => ({
  at,
  kind: "applied",
  sha256: first,
  commit: "0123456789ab",
  by: "olga",
  from: "10.0.0.1",
  changes: ["file /etc/issue: change"],
  count: 1,
  seconds: 2.5,
  ...more,
});

test("an age is told in its largest unit, and never in the future", () => {
  const ages = [0, 59, 60, 3599, 3600, 86_399, 86_400, 400 * 86_400, -5].map((seconds) =>
    age(new Date(now.getTime() - seconds * 1000), now),
  );
  assert.deepEqual(ages, ["0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "1 d", "400 d", "0 s"]);
});

test("the table says when, what, from which commit, by whom, and what one can go back to", () => {
  const entries = [
    entry("2026-11-24T11:58:00Z", { kind: "rolled back" }),
    entry("2026-11-24T11:57:00Z", { kind: "went back", why: "probe no", sha256: second, by: "igor" }),
    entry("2026-11-24T10:00:00Z", { sha256: second, count: 70, from: null, by: "the host itself" }),
    entry("2026-11-21T10:00:00Z", { commit: "ba9876543210+changes" }),
  ];
  const bundles = [
    { number: 0, sha256: first, commit: "0123456789ab", at: "2026-11-24T11:58:00Z" },
    { number: 1, sha256: second, commit: "0123456789ab", at: "2026-11-24T10:00:00Z" },
  ];
  const text = printHistory(
    { host: "db1", applied: first, entries, bundles },
    (commit) => (commit === "0123456789ab" ? "Proxies wait for one second" : undefined),
    now,
  );
  const rows = text.split("\n").filter((line) => /\d{4}-\d\d-\d\d \d\d:\d\d/.test(line));
  const cells = rows.map((line) => line.split("│").map((cell) => cell.trim()));
  // A bundle has its number where it was applied last, and nowhere else.
  assert.deepEqual(
    cells.map((row) => [row[1], row[3], row[4], row[5], row[6], row[7]]),
    [
      ["0", "rolled back", "0123456789ab", "olga", "1", "2.5 s"],
      ["", "went back: probe no", "0123456789ab", "igor", "1", "2.5 s"],
      ["1", "applied", "0123456789ab", "the host itself", "70", "2.5 s"],
      ["", "applied", "ba9876543210+changes", "olga", "1", "2.5 s"],
    ],
  );
  assert.equal(text.match(/Proxies wait for one second/g)?.length, 3);
  assert.match(text, /2 min ago.*\n.*\n.*3 min ago/s);
  assert.match(text, /from 10\.0\.0\.1/);
});

test("a host without a past says so", () => {
  const nothing = { host: "db1", applied: null, entries: [], bundles: [] };
  assert.equal(
    printHistory(nothing, () => undefined, now),
    "nothing was ever applied to db1\n",
  );
});

test("a commit is told by its subject where it is known here, and what a host says is no option of git's", () => {
  const present = presentCommit();
  if (present !== "unknown") assert.notEqual(subjectOf(present), undefined);
  for (const commit of ["unknown", "ffffffffffff", "--output=/tmp/x", "HEAD", ""])
    assert.equal(subjectOf(commit), undefined, commit);
});
