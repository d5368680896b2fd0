/** The lab's PostgreSQL cluster: what applications find there, and what it survives. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { hostOf } from "../../src/inventory/load.ts";
import { drilledCluster } from "../../src/twin/drills/cluster.ts";
import type { Drill } from "../../src/twin/drills/drills.ts";
import type { Fault } from "../../src/twin/drills/faults/fault.ts";
import { killed } from "../../src/twin/drills/faults/power.ts";
import { type Run, runDrill, setScene } from "../../src/twin/drills/run.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { lab as declaration } from "../../stacks/lab.ts";
import { realDrill, told } from "./faults.ts";
import { on, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

const CLUSTER = "postgresql";
const HOLDERS = ["pg1", "pg2", "pg4"];

/** Runs statements as the superuser on a host with the data; returns what they give. */
const sql = (lab: TwinFarm, host: string, statements: string, database = "postgres"): Promise<string> =>
  on(lab, host, `runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 ${database}`, statements).then((text) =>
    text.trim(),
  );

/** Reads password and statement from its input; its argument says where to connect. */
const CLIENT = `require "pg"
ENV["PGPASSWORD"], statement = STDIN.read.split("\\n", 2)
begin
  puts PG.connect(ARGV[0] + " dbname=redmine connect_timeout=5").exec(statement).values.inspect
rescue PG::Error => error
  abort error.message
end`;

/** A statement with the password of Redmine's account, from web1. `where` is a connection string without the database. */
function asRedmine(lab: TwinFarm, where: string, statement: string) {
  const password = lab.keys.secret(`password/${CLUSTER}/redmine`);
  return lab.ssh.run(lab.target("web1"), `ruby -e '${CLIENT}' '${where}'`, {
    input: `${password}\n${statement}`,
  });
}

/**
 * A killed machine, while the Proxmox host takes no word that it is to be stopped for sure. With more files, empty as they
 * are, than there is WAL at the others.
 */
const killedUnanswered: Fault = {
  ...killed,
  async prepare({ farm, targets }) {
    await on(farm, "zhelezo1", "systemctl stop farm-fence.socket");
    for (const host of targets)
      await on(farm, host, "runuser -u postgres -- truncate -s 4G /var/lib/postgresql/17/main/large");
  },
  async undo(scene) {
    await on(scene.farm, "zhelezo1", "systemctl start farm-fence.socket");
    await killed.undo(scene);
  },
};

async function drilled(t: TestContext, lab: TwinFarm, drill: Drill): Promise<Run> {
  const watch = { say: () => {}, signal: new AbortController().signal };
  const scene = await setScene(lab, drill, [], drilledCluster(lab, CLUSTER));
  const { run } = await runDrill(scene, drill, watch);
  t.diagnostic(`${told(run)}; whole ${run.wholeAfter?.toFixed(1)} s after; ${run.evidence}`);
  assert.deepEqual(run.failures, []);
  assert(run.checked !== null && run.checked.acknowledged > 200, "the stream went on");
  return run;
}

/** What Patroni on a host has said of pg_rewind since the host's last boot. */
const rewinding = (lab: TwinFarm, [host = ""]: readonly string[]): Promise<string> =>
  on(lab, host, "journalctl --boot --unit patroni --output cat --grep 'pg_rewind|fresh copy|basebackup'");

async function whatApplicationsFind(t: TestContext, lab: TwinFarm): Promise<void> {
  await t.test(
    "a database for each, its extensions in it, and owned by a role that nobody logs in as",
    async () => {
      const primary = await drilledCluster(lab, CLUSTER).writer();
      for (const { id, extensions = [], connections } of declaration.databases ?? []) {
        const there = await sql(lab, primary, "SELECT extname FROM pg_extension", id);
        for (const extension of extensions) assert(there.split("\n").includes(extension), `${id}: ${there}`);
        const roles = await sql(
          lab,
          primary,
          `SELECT rolname, rolcanlogin, rolconnlimit, left(rolpassword, 13) FROM pg_authid WHERE rolname ~ '^${id}(_[0-9]+)?$' ORDER BY 1`,
        );
        assert.equal(roles, `${id}|f|-1|\n${id}_1|t|${connections}|SCRAM-SHA-256`);
      }
    },
  );

  await t.test(
    "a way to write and a way to read, which is read-only; no other database, no other way",
    async () => {
      const [writes, reads] = ["5432", "5433"].map((port) => `host=127.0.0.1 port=${port} user=redmine_1`);
      const table = "CREATE TABLE farm_probe AS SELECT 7 AS n; SELECT n FROM farm_probe";
      const written = await asRedmine(lab, writes ?? "", table);
      assert.deepEqual([written.code, written.stdout.trim()], [0, '[["7"]]'], written.stderr);
      const read = await asRedmine(lab, reads ?? "", "SELECT pg_is_in_recovery()");
      assert.equal(read.stdout.trim(), '[["t"]]', read.stderr);
      const refused = await asRedmine(lab, reads ?? "", "DROP TABLE farm_probe");
      assert.match(refused.stderr, /read-only transaction/);
      assert.equal((await asRedmine(lab, writes ?? "", "DROP TABLE farm_probe")).code, 0);
      const { mesh } = hostOf(lab.inventory, "pg1");
      const stranger = await asRedmine(lab, `host=${mesh} port=5432 user=postgres`, "SELECT 1");
      assert.match(stranger.stderr, /no pg_hba.conf entry/);
    },
  );

  await t.test(
    "its hosts tell who takes the writes, who confirms them, and how late copies are",
    async () => {
      const primary = await drilledCluster(lab, CLUSTER).writer();
      const lines = await on(lab, "pg4", "farm-postgresql status");
      assert.match(
        lines,
        new RegExp(`^postgresql: ${primary} takes the writes, pg[12] confirms them; 3 of 3 votes$`, "m"),
      );
      assert.match(lines, /^pg4 +server: running, copy, receives, [\d.]+ MB late, timeline \d+$/m);
    },
  );
}

async function whatItSurvives(t: TestContext, lab: TwinFarm): Promise<void> {
  await t.test("the primary's machine is killed: fenced first, then its right is given up", async (t) => {
    const { checked, wholeAfter, targets } = await drilled(t, lab, realDrill("kill"));
    assert(checked !== null && checked.gap < 10, `${checked?.gap} s without writes`);
    assert(wholeAfter !== null && wholeAfter < 60, `whole after ${wholeAfter} s`);
    // Its database is smaller than the others' WAL.
    assert.match(
      await rewinding(lab, targets),
      /a fresh copy is less to bring[\s\S]*replica has been created using basebackup/,
    );
  });

  await t.test(
    "the same while its Proxmox host does not answer: nobody is promoted until its right has run out",
    async (t) => {
      const { checked, targets } = await drilled(t, lab, { ...realDrill("kill"), fault: killedUnanswered });
      // It lasts 20 s from its last renewal, which is at most 5 s old.
      assert(checked !== null && checked.gap > 14 && checked.gap < 30, `${checked?.gap} s without writes`);
      // A large database comes back by what has changed in it.
      const said = await rewinding(lab, targets);
      assert.match(said, /pg_rewind exit code=0/);
      assert.doesNotMatch(said, /basebackup/);
    },
  );

  await t.test("the primary's process is killed", async (t) => {
    const { checked } = await drilled(t, lab, realDrill("process-kill"));
    assert(checked !== null && checked.gap < 10, `${checked?.gap} s without writes`);
  });

  await t.test("the writes are handed over: no transaction fails after one retry", async (t) => {
    const { checked } = await drilled(t, lab, realDrill("hand-over"));
    assert(checked !== null && checked.gap < 4, `${checked?.gap} s without writes`);
  });

  await t.test("power-cut: nothing lost, all back without a hand", async (t) => {
    await drilled(t, lab, realDrill("power-cut"));
  });

  await t.test("nobody is left behind: all copies have the primary's timeline", async () => {
    const lines = HOLDERS.map((host) =>
      sql(lab, host, "CHECKPOINT; SELECT timeline_id FROM pg_control_checkpoint()"),
    );
    assert.equal(new Set(await Promise.all(lines)).size, 1);
  });
}

test("the PostgreSQL cluster of the lab", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  await whatApplicationsFind(t, lab);
  await whatItSurvives(t, lab);
});
