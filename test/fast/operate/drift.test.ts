/** Drift as it is asked for and told, without a host: answers of agents are given. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { askDrift, changedLines, type Drift, type Finding } from "../../../src/operate/drift/ask.ts";
import { keepSightings, readSightings } from "../../../src/operate/drift/sightings.ts";
import { exitCode, printDrift } from "../../../src/operate/drift/view.ts";
import type { Farm } from "../../../src/operate/farm.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import { FarmError } from "../../../src/shell/errors.ts";
import { labInventory, planOf } from "../farms.ts";

const plan = planOf(labInventory());
const HOSTS = ["db1", "db2", "web1"];
const NOW = Date.parse("2026-11-24T12:00:00Z");
const finding = (more: Partial<Finding> = {}): Finding => ({
  kind: "file",
  name: "/etc/hosts",
  what: "content changed",
  diff: "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y",
  ...more,
});

const answer = (host: string, more: object = {}): string =>
  JSON.stringify({
    applied: hostPlan(plan, host).sha256,
    appliedAt: "2026-11-20T14:02:09Z",
    differences: [],
    notes: [],
    changing: null,
    ...more,
  });

/** A farm whose hosts answer as told: with an output, an exit code, or by throwing. */
function farmOf(answers: Answers, sightings: string, asked: string[]): Farm {
  const ssh = {
    async run(host: string, command: string) {
      asked.push(`${host}: ${command}`);
      if (command.startsWith("cat ")) return { code: 0, stdout: "farm bundle\none\nold\n", stderr: "" };
      const said = answers[host] ?? answer(host);
      if (said instanceof Error) throw said;
      return typeof said === "number"
        ? { code: said, stdout: "", stderr: "no word\n" }
        : { code: 0, stdout: `${said}\n`, stderr: "" };
    },
  };
  const target = (host: string) => host;
  return { stack: "lab", plan, sightings, ssh, target } as unknown as Farm;
}

type Answers = Readonly<Record<string, string | number | Error>>;

async function ask(answers: Answers, sightings: string, since?: number) {
  const asked: string[] = [];
  const found = await askDrift(farmOf(answers, sightings, asked), HOSTS, () => since);
  return { ...found, asked };
}

const folder = mkdtempSync(join(tmpdir(), "farms-drift-"));
test.after(() => rmSync(folder, { recursive: true }));
const sightings = (name: string): string => join(folder, name, "seen.json");

test("hosts without drift are named in one line, and the exit code is 0", async () => {
  const found = await ask({}, sightings("clean"));
  assert.equal(exitCode(found), 0);
  assert.match(
    printDrift(found, NOW),
    /^as applied\n {2}db1, db2, web1\n\n3 of 3 hosts answered in \d+\.\d s; no drift\n$/,
  );
});

test("what differs is told by host, the same on several hosts once", async () => {
  const mine = finding({ kind: "unit", name: "ssh.service", what: "does not run", diff: null });
  const found = await ask(
    {
      db1: answer("db1", { differences: [finding()] }),
      db2: answer("db2", { differences: [finding(), mine] }),
    },
    sightings("grouped"),
  );
  assert.equal(exitCode(found), 1);
  assert.match(
    printDrift(found, NOW),
    /^db1, db2\n {2}file \/etc\/hosts: content changed\n {4}--- a\n {4}\+\+\+ b\n {4}@@ -1 \+1 @@\n {4}-x\n {4}\+y\n\ndb2\n {2}unit ssh\.service: does not run\n\nas applied\n {2}web1\n\n3 of 3 hosts answered in .*; 3 differences on 2\n$/,
  );
});

test("a host that can't be reached is named at the end, with how far behind it was when last seen", async () => {
  const path = sightings("missed");
  const { bundle } = hostPlan(plan, "db2");
  keepSightings(path, {
    db1: {
      seenAt: "2026-11-24T09:59:00Z",
      appliedAt: "2026-11-20T14:02:09Z",
      sha256: "0",
      commit: "0123456789ab",
      bundle: `${bundle}more\n`,
    },
    db2: { seenAt: "2026-11-24T11:59:30Z", appliedAt: "2026-11-20T14:02:09Z", sha256: "1", bundle },
  });
  const gone = new FarmError("no SSH connection to 10.90.0.11: No route to host");
  const found = await ask({ db1: gone, db2: gone, web1: 127 }, path, 3);
  assert.equal(exitCode(found), 1);
  const text = printDrift(found, NOW);
  const lines = changedLines(`${bundle}more\n`, hostPlan(plan, "db1").bundle);
  assert.ok(lines > 0);
  assert.ok(
    text.includes(`NOT REACHED
  db1: no SSH connection to 10.90.0.11: No route to host
    last seen 2 h ago with the bundle applied 2026-11-20 14:02 UTC, commit 0123456789ab: ${lines} changed lines behind; 3 commits of the program since
  db2: no SSH connection to 10.90.0.11: No route to host
    last seen 30 s ago with the bundle applied 2026-11-20 14:02 UTC: nothing has waited for it since
  web1: web1 has no agent yet
    nothing is known of it: it was never asked from this computer`),
    text,
  );
  assert.match(text, /\n0 of 3 hosts answered in .* s; no drift; 3 not reached: db1, db2, web1\n$/);
});

test("what was applied and is no longer what is declared is told, and is no drift", async () => {
  const found = await ask({ db1: answer("db1", { applied: "former" }) }, sightings("waiting"));
  assert.equal(exitCode(found), 0);
  assert.deepEqual(
    found.asked.filter((command) => command.includes("cat")),
    ["db1: cat /var/lib/farm/applied.bundle"],
  );
  assert.match(printDrift(found, NOW), /declared and not yet applied\n {2}db1: \d+ changed lines\n/);
  // The next time that bundle is known.
  const again = await ask({ db1: answer("db1", { applied: "former" }) }, sightings("waiting"));
  assert.deepEqual(
    again.asked.filter((command) => command.includes("cat")),
    [],
  );
});

test("a host on which nothing was ever applied says so", async () => {
  const notes = ["nothing was ever applied here"];
  const found = await ask(
    { db1: answer("db1", { applied: null, appliedAt: undefined, notes }) },
    sightings("never"),
  );
  assert.match(
    printDrift(found, NOW),
    /declared and not yet applied\n {2}db1: nothing was ever applied there\n/,
  );
  assert.deepEqual(Object.keys(readSightings(sightings("never"))), ["db2", "web1"]);
});

test("a change that is under way and an upgraded package are told beside", async () => {
  const found = await ask(
    {
      db1: answer("db1", { changing: "apt or dpkg is at work" }),
      db2: answer("db2", { notes: ["package nginx: 1 → 2"] }),
    },
    sightings("beside"),
  );
  const text = printDrift(found, NOW);
  assert.match(
    text,
    /in the middle of something: what differs may be its doing\n {2}db1: apt or dpkg is at work\n/,
  );
  assert.match(text, /worth knowing\n {2}db2: package nginx: 1 → 2\n/);
});

test("control characters from a host do not reach the terminal", () => {
  const findings = [finding({ name: "/etc/\x1b[2Jx", diff: "+\x07\x9b31m\ttab" })];
  const drift: Drift = {
    stack: "lab",
    seen: [{ host: "db1", findings, notes: [], changing: null, waiting: 0 }],
    missed: [],
    seconds: 1,
  };
  const text = printDrift(drift, NOW);
  assert.match(text, /\/etc\/\\x1b\[2Jx/);
  assert.match(text, /\+\\x07\\x9b31m\ttab/);
});

test("sightings are for their owner alone, are added to, and a spoilt file counts as none", () => {
  const path = sightings("file");
  const seen = { seenAt: "2026-11-24T09:59:00Z", appliedAt: "2026-11-20T14:02:09Z", sha256: "0", bundle: "" };
  keepSightings(path, { db1: seen });
  keepSightings(path, { db2: seen });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readSightings(path), { db1: seen, db2: seen });
  writeFileSync(path, readFileSync(path).subarray(0, 20));
  assert.deepEqual(readSightings(path), {});
});

test("changed lines: the longer side of what two texts do not share", () => {
  assert.equal(changedLines("a\nb\nc\n", "a\nb\nc\n"), 0);
  assert.equal(changedLines("a\nb\nc\n", "a\nx\nc\n"), 1);
  assert.equal(changedLines("a\nend 1\n", "a\na\na\nend 3\n"), 2);
  assert.equal(changedLines("a\nb\n", ""), 2);
});
