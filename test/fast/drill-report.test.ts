/** What drills print and store, and the small decisions of theirs that need no machine. */
import assert from "node:assert/strict";
import test from "node:test";
import { drillNamed, drills } from "../../src/twin/drills/drills.ts";
import { sharedClock } from "../../src/twin/drills/faults/clock.ts";
import { checkRecord } from "../../src/twin/drills/record.ts";
import {
  type Report,
  spreadOf,
  summarise,
  terminalReport,
  wikiReport,
} from "../../src/twin/drills/report.ts";
import type { Run } from "../../src/twin/drills/run.ts";

const nothing = checkRecord({ attempts: [], reads: [] }, [], { from: 0, to: 0 });

const run = (drill: string, gap: number, lost: number, failures: readonly string[] = []): Run => ({
  drill,
  targets: ["db1"],
  began: "2026-01-02T03:04:05.678Z",
  evidence: "seen",
  wholeAfter: 7,
  checked: { ...nothing, acknowledged: 100, lost, gap },
  failures,
});

const report = (runs: readonly Run[], refused: Report["refused"] = []): Report => ({
  ...{ name: "all", stack: "lab", cluster: "mariadb", began: "2026-01-02T03:04:05.678Z", runs, refused },
});

test("the spread of figures: least, median of an odd or even number, greatest", () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { min: 1, median: 2, max: 3 });
  assert.deepEqual(spreadOf([10, 1, 2, 4]), { min: 1, median: 3, max: 10 });
  assert.deepEqual(spreadOf([]), { min: Number.NaN, median: Number.NaN, max: Number.NaN });
});

test("runs are summed up by drill; a run without a result counts as one, and not in the figures", () => {
  const failed: Run = { ...run("kill", 0, 0, ["not in force"]), checked: null, wholeAfter: null };
  const [kill, pause, ...rest] = summarise([
    run("kill", 3, 0),
    failed,
    run("pause", 4, 0),
    run("kill", 5, 2, ["lost"]),
  ]);
  assert.equal(rest.length, 0);
  assert.deepEqual([kill?.runs, kill?.passed, kill?.sums.acknowledged], [3, 1, 200]);
  assert.deepEqual(kill?.gap, { min: 3, median: 4, max: 5 });
  assert.deepEqual(kill?.lost, { min: 0, median: 1, max: 2 });
  assert.deepEqual(kill?.failures, ["not in force", "lost"]);
  assert.deepEqual([pause?.drill, pause?.runs], ["pause", 1]);
});

test("the terminal's table has one figure for one run, three for several, and says what went wrong", () => {
  const text = terminalReport(
    report(
      [run("kill", 3, 0), run("kill", 4.25, 0), run("pause", 1, 7, ["7 acknowledged writes are lost"])],
      [{ drill: "clock-jump", reason: "one clock" }],
    ),
  );
  assert.match(text, /kill +│ db1 +│ 2 +│ 2 +│ 3\.0 \/ 3\.6 \/ 4\.3/);
  assert.match(text, /pause +│ db1 +│ 1 +│ 0 +│ 1\.0 +│ 100/);
  assert.match(text, /^pause: not as expected: 7 acknowledged writes are lost$/m);
  assert.match(text, /^clock-jump: not done: one clock$/m);
});

test("the wiki's page is a table in either language, and nothing in it is taken for markup", () => {
  const found = report(
    [run("kill", 3, 0, ["a | b [[c]] {{d}} <e>"])],
    [{ drill: "clock-jump", reason: "so" }],
  );
  const english = wikiReport(found, "en");
  assert.match(english, /^== Drills of the database cluster mariadb \(lab\), 2026-01-02 ==$/m);
  assert.match(english, /^\{\| class="wikitable sortable"\n! drill !! what happens/m);
  assert.match(english, /^\|-\n\| kill\n\| machine killed, booted again\n\| db1\n\| 1\n\| 0\n\| 3\.0\n/m);
  assert.match(english, /^\* kill: a &#124; b &#91;&#91;c&#93;&#93; &#123;&#123;d&#125;&#125; &#60;e&#62;$/m);
  const russian = wikiReport(found, "ru");
  assert.match(russian, /^\| машина убита и снова включена$/m);
  assert.equal(english.split("\n").length, russian.split("\n").length);
  const [head = ""] = russian.split("\n").filter((line) => line.startsWith("! "));
  const cells = /\|-\n((?:\| .*\n)+)/.exec(russian)?.[1]?.trim().split("\n") ?? [];
  assert.equal(head.split("!!").length, cells.length, "as many heads as cells");
});

test("names of drills are unique and fit a file name; a wrong one is told the right ones", () => {
  assert.equal(new Set(drills.map((drill) => drill.name)).size, drills.length);
  for (const { name } of drills) assert.match(name, /^[a-z-]+$/);
  assert(!drills.some(({ name }) => name === "all" || name === "list"), "words of the command line");
  assert.throws(() => drillNamed("flood"), { exitCode: 2, remedy: /name one of: kill, process-kill/ });
});

test("a clock jump is refused with what the kernel says", () => {
  assert.match(
    sharedClock("monotonic           0         0\nboottime            0         0\n"),
    /share this computer's wall clock.*monotonic and boottime alone/,
  );
  assert.match(sharedClock("monotonic 0 0\nrealtime 0 0\n"), /could shift/);
});
