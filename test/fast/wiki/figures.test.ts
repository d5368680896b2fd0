/** What was measured: kept on this computer, read again, and shown on pages without hiding what others have measured later. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { EARLIER, performSteps } from "../../../src/operate/install/perform.ts";
import { type Rebuilding, readRebuildings, recordRebuilding } from "../../../src/operate/rebuild-record.ts";
import { readDrills, type SavedDrills } from "../../../src/twin/drills/saved.ts";
import { clusterFigures, hostFigures } from "../../../src/wiki/figures.ts";
import { pagesOf } from "../../../src/wiki/pages.ts";
import { Scope } from "../../../src/wiki/scope.ts";
import { withFigures, withSection } from "../../../src/wiki/section.ts";
import { labInventory, planOf } from "../farms.ts";

const folder = mkdtempSync(join(tmpdir(), "figures-"));
test.after(() => rmSync(folder, { recursive: true }));

const PLAN = planOf(labInventory());
const EN = new Scope(PLAN, "en");
const RU = new Scope(PLAN, "ru");

const run = (drill: string, began: string, gap: number, failures: string[] = []) => ({
  drill,
  began,
  wholeAfter: gap * 2,
  checked: { acknowledged: 1200, lost: 0, gap },
  failures,
});
const DRILLS: SavedDrills[] = [
  // Not in the order of time.
  {
    cluster: "mariadb",
    runs: [
      run("kill", "2026-11-26T10:00:00.000Z", 3.54),
      run("kill", "2026-11-26T10:02:00.000Z", 4.4, ["lost"]),
      run("pause", "2026-11-26T10:04:00.000Z", 3.5),
    ],
  },
  { cluster: "mariadb", runs: [run("kill", "2026-11-20T10:00:00.000Z", 9)] },
  { cluster: "postgresql", runs: [run("kill", "2026-11-27T10:00:00.000Z", 5)] },
  {
    cluster: "mariadb",
    runs: [
      { ...run("isolate", "2026-11-25T10:00:00.000Z", 1, ["not in force"]), checked: null, wholeAfter: null },
    ],
  },
];
const REBUILDINGS: Rebuilding[] = [
  { hosts: ["db2"], what: "machine", seconds: 99, at: "2026-11-20T10:00:00.000Z", where: "twin" },
  { hosts: ["db2", "web1"], what: "machine", seconds: 62.7, at: "2026-11-26T10:00:00.000Z", where: "twin" },
  { hosts: ["zhelezo1"], what: "proxmox", seconds: 1234, at: "2026-11-21T10:00:00.000Z", where: "real" },
];
const RECORDS = { drills: DRILLS, rebuildings: REBUILDINGS };
const NONE = { drills: [], rebuildings: [] };
/** Rows of a table, without how they look. */
const rows = (section: string): string[] =>
  section
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.replaceAll('style="white-space: nowrap" | ', ""));

test("a cluster's page has each of its drills as it was done last", () => {
  const { at, section } = clusterFigures(EN, "mariadb", RECORDS);
  assert.equal(at, "2026-11-26T10:04:00.000Z");
  assert.deepEqual(rows(section), [
    "| machine killed, booted again || 2026-11-26 || 1 / 2 || 3.5 / 4.0 / 4.4 || 0 / 2,400 || 7.1 / 7.9 / 8.8",
    "| machine stands still, then goes on || 2026-11-26 || 1 / 1 || 3.5 || 0 / 1,200 || 7.0",
    "| cut off from members and clients || 2026-11-25 || 0 / 1 || — || — || —",
  ]);
  const ru = rows(clusterFigures(RU, "postgresql", RECORDS).section);
  assert.equal(ru.length, 1);
  assert.match(ru[0] ?? "", /2026-11-27 \|\| 1 \/ 1 \|\| 5,0 \|\| 0 \/ 1&#160;200 \|\| 10,0$/);
});

test("a host's page has the last time of each kind, an application's page those of its nodes", () => {
  const db2 = hostFigures(EN, ["db2"], RECORDS);
  assert.deepEqual(rows(db2.section), [
    "| [[Farm lab/host db2|db2]] || the machine, all of it, together with web1 || 2026-11-26 || 63 || in the twin",
  ]);
  assert.equal(db2.at, "2026-11-26T10:00:00.000Z");
  const metal = rows(hostFigures(RU, ["zhelezo1"], RECORDS).section);
  assert.match(
    metal[0] ?? "",
    /установлен Proxmox VE \|\| 2026-11-21 \|\| 1&#160;234 \|\| на настоящей машине$/,
  );
  const application = pagesOf(PLAN, RECORDS).find(({ title }) => title === "Farm lab/application pravka");
  assert.match(application?.figures?.section ?? "", /host web1\|web1/);
});

test("where nothing was measured, the page says so, and hides nothing that another computer knows", () => {
  const none = clusterFigures(EN, "mariadb", NONE);
  assert.deepEqual(none, { at: "", section: "== Last drills ==\nNothing is on record yet." });
  const page = withFigures(withSection("", "declared", "en") ?? "", none, "en") ?? "";
  assert.match(
    page,
    /declared\n<!-- farm: end -->\n\n<!-- farm figures: begin -->[\s\S]*never[\s\S]*on record yet/,
  );

  const measured = withFigures(page, { at: "2026-11-26T10:00:00.000Z", section: "new" }, "en") ?? "";
  assert.match(measured, /\nnew\n<!-- farm figures: end -->$/);
  assert.equal(withFigures(measured, none, "en"), measured);
  assert.equal(withFigures(measured, { at: "2026-11-25T00:00:00.000Z", section: "older" }, "en"), measured);
  assert.match(
    withFigures(measured, { at: "2026-11-26T10:00:00.000Z", section: "the same, told better" }, "en") ?? "",
    /told better/,
  );
  const broken = measured.replace("<!-- farm figures: end -->", "");
  assert.equal(withFigures(broken, { at: "2026-11-27T00:00:00.000Z", section: "x" }, "en"), undefined);
});

test("rebuilds are kept a line each, for their owner alone; what is no record is named", () => {
  const path = join(folder, "below", "rebuilds.jsonl");
  assert.deepEqual(readRebuildings(path), []);
  for (const each of REBUILDINGS) recordRebuilding(path, each);
  assert.deepEqual(readRebuildings(path), REBUILDINGS);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  for (const wrong of ["{", '{"hosts":[]}']) {
    appendFileSync(path, `${wrong}\n`);
    assert.throws(() => readRebuildings(path), {
      name: "FarmError",
      message: `${path}: line 4 is no record of a rebuild`,
    });
    writeFileSync(path, REBUILDINGS.map((each) => `${JSON.stringify(each)}\n`).join(""));
  }
});

test("results of drills are read as they were kept; a file that has none is named", () => {
  const drills = join(folder, "drills");
  assert.deepEqual(readDrills(drills), []);
  recordRebuilding(join(drills, "other.records"), REBUILDINGS[0]!);
  writeFileSync(
    join(drills, "1.json"),
    JSON.stringify({ ...DRILLS[0], name: "all", stack: "lab", refused: [] }),
  );
  assert.deepEqual(readDrills(drills), [DRILLS[0]]);
  writeFileSync(join(drills, "2.json"), '{"runs":[');
  assert.throws(() => readDrills(drills), /2\.json has no results of drills/);
});

test("an installation that an earlier attempt had begun has no time", async () => {
  const steps = (["one", "two"] as const).map((id) => ({ id, what: id, where: "", how: "", ends: "" }));
  const work = (told: string) => ({ one: async () => "", two: async () => told });
  const seconds = await performSteps(steps, work("well"));
  assert(seconds !== undefined && seconds > 0 && seconds < 10);
  for (const told of Object.values(EARLIER)) assert.equal(await performSteps(steps, work(told)), undefined);
});
