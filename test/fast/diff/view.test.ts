/** The comparison as people, programs and a pull request get it. */
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import test from "node:test";
import type { Change, Comparison } from "../../../src/plan/compare.ts";
import { forPullRequest } from "../../../src/shell/diff-markdown.ts";
import { type Diff, forPeople, forPrograms } from "../../../src/shell/diff-view.ts";

const nothing: Comparison = { added: [], gone: [], changed: [], order: [], farm: [], groups: [] };

const diff = (comparison: Partial<Comparison>): Diff => ({
  stack: "lab",
  from: { revision: "main", commit: "0123456789abcdef", declared: true },
  to: { declared: true },
  comparison: { ...nothing, ...comparison },
});

const change = (patch: string, more: Partial<Change> = {}): Change => ({
  section: "bundle",
  name: "file /x",
  kind: "changed",
  patch,
  ...more,
});

const one = (patch: string, more: Partial<Change> = {}): Diff =>
  diff({
    changed: ["db1", "db2"],
    order: [["db1"], ["db2"]],
    groups: [{ hosts: ["db1", "db2"], changes: [change(patch, more)] }],
  });

const file = () => new Writable();

test("people read who changes in which order, then the patches; in a file there are no colours", () => {
  assert.equal(
    forPeople({ ...one("@@ -1 +1 @@ file /x\n-a\n+b\n") }, file()),
    `lab: main (0123456) to the working tree
  changed   2 hosts: db1, db2
  order     db1; then db2

=== db1, db2

--- file /x
+++ file /x
@@ -1 +1 @@ file /x
-a
+b
`,
  );
});

test("people read what it costs", () => {
  const farm: Change[] = [{ section: "cost", name: "total", kind: "changed", patch: "@@\n" }];
  const said = (before?: number, after?: number) =>
    forPeople(diff({ farm, money: { before, after } }), file());
  assert.match(said(35, 39.99), /\n {2}money {5}EUR 35\.00 to 39\.99 a month \(\+4\.99\)\n/);
  assert.match(said(39.99, 35), /EUR 39\.99 to 35\.00 a month \(-4\.99\)/);
  assert.match(said(undefined, 35), /EUR 35\.00 a month\n/);
});

test("a terminal gets colours", () => {
  const terminal = Object.assign(file(), { isTTY: true, getColorDepth: () => 8 });
  const { NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR } = process.env;
  for (const name of ["NO_COLOR", "NODE_DISABLE_COLORS", "FORCE_COLOR"]) delete process.env[name];
  try {
    const text = forPeople(one("@@ -1 +1 @@ file /x\n-a\n+b\n"), terminal);
    assert(text.includes("\u001b[31m-a") && text.includes("\u001b[32m+b"));
  } finally {
    Object.assign(
      process.env,
      Object.fromEntries(
        Object.entries({ NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR }).filter(([, v]) => v !== undefined),
      ),
    );
  }
});

test("no difference is no text for people, and a sentence for a pull request", () => {
  assert.equal(forPeople(diff({}), file()), "");
  assert.match(forPullRequest(diff({})), /no difference/);
  assert.equal(JSON.parse(forPrograms(diff({}))).different, false);
});

test("what a terminal would obey is shown instead", () => {
  const text = forPeople(one("@@ -1 +1 @@ file /x\n-a\n+\u001b]0;title\u0007\r\u009b2J\n"), file());
  assert(text.includes("+\\x1b]0;title\\x07\\x0d\\x9b2J\n"));
});

test("files that come, go and move are said to, as in any patch", () => {
  const head = (more: Partial<Change>) => forPeople(one("", more), file()).split("\n").slice(6, 9);
  assert.deepEqual(head({ kind: "added" }).slice(0, 2), ["--- /dev/null", "+++ file /x"]);
  assert.deepEqual(head({ kind: "gone" }).slice(0, 2), ["--- file /x", "+++ /dev/null"]);
  assert.deepEqual(head({ kind: "moved", formerName: "file /w" }), [
    "--- file /w",
    "+++ file /x",
    "@@ moved as it was @@",
  ]);
});

test("programs get a shape that stays", () => {
  const parsed = JSON.parse(forPrograms(one("@@ -1 +1 @@ file /x\n-a\n+b\n")));
  assert.deepEqual(Object.keys(parsed), [
    "different",
    "stack",
    "from",
    "to",
    "added",
    "gone",
    "changed",
    "order",
    "farm",
    "groups",
  ]);
  assert.deepEqual(parsed.from, { revision: "main", commit: "0123456789abcdef", declared: true });
  assert.deepEqual(parsed.groups[0], {
    hosts: ["db1", "db2"],
    changes: [
      { section: "bundle", name: "file /x", kind: "changed", patch: "@@ -1 +1 @@ file /x\n-a\n+b\n" },
    ],
  });
});

test("nothing that stands in a patch ends its fence", () => {
  const text = forPullRequest(one("@@ -1,2 +1 @@ file /x\n-a\n+```\n+</details> ````` @everyone\n"));
  const fences = text.split("\n").filter((line) => /^`{3,}/.test(line));
  assert.deepEqual(fences, ["``````diff", "``````"]);
});

test("names are shown as they are, never as markup, mentions or links", () => {
  const evil = "x</summary>`@org/team` [a](http://b) *c*\n# head";
  const text = forPullRequest(
    diff({
      changed: [evil],
      order: [[evil]],
      groups: [{ hosts: [evil], changes: [change("@@ -1 +1 @@\n-a\n+b\n")] }],
    }),
  );
  const [head = ""] = text.split("```diff");
  assert.doesNotMatch(head.replaceAll(/<\/?(code|details|summary)>/g, ""), /[<>`@[\]]|\*c|^# /m);
  assert.equal(head.match(/<\/summary>/g)?.length, 1);
});

test("a comment that is too long is cut at the end of a line, closed, and says so", () => {
  const long = (name: string) =>
    change(`@@ -0,0 +1,2000 @@ ${name}\n${"+0123456789 0123456789\n".repeat(2000)}`, { name, kind: "added" });
  const groups = ["a", "b", "c"].map((id) => ({ hosts: [id], changes: [long(`file /${id}`)] }));
  const text = forPullRequest(diff({ changed: ["a", "b", "c"], order: [["a", "b", "c"]], groups }));
  assert(text.length <= 65_000 && text.length > 60_000, String(text.length));
  assert.match(
    text,
    /\*\*Cut here\*\*: \d+ lines don't fit into a comment\. All of it: <code>scripts\/farm diff 0123456 lab<\/code>\n$/,
  );
  assert.equal(text.match(/<details>/g)?.length, text.match(/<\/details>/g)?.length);
  assert.equal(text.match(/^```/gm)!.length % 2, 0);
  const shown = text.match(/^\+0123456789 0123456789$/gm)?.length ?? 0;
  const cut = Number(/(\d+) lines don't fit/.exec(text)?.[1]);
  // Each of the three patches has three more lines: two of file names, one of its hunk.
  const heads = text.match(/^(---|\+\+\+|@@) /gm)?.length ?? 0;
  assert.equal(shown + heads + cut, 3 * 2003);
});

test("a single line that is longer than a comment is left out, and so are thousands of names", () => {
  const text = forPullRequest(one(`@@ -0,0 +1 @@ file /x\n+${"x".repeat(100_000)}\n`));
  assert(text.length < 65_000);
  assert.match(text, /Cut here\*\*: 1 lines/);
  const hosts = Array.from({ length: 9_000 }, (_, i) => `host-with-a-long-name-${i}`);
  const many = forPullRequest(
    diff({ changed: hosts, order: [hosts], groups: [{ hosts, changes: [change("@@ -1 +1 @@\n-a\n+b\n")] }] }),
  );
  assert(many.length < 65_000);
  assert.match(many, /and 8900 more/);
  assert.match(many, /\n\+b\n/);
});
