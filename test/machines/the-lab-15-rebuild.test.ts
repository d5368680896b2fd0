/** Whole machines of the lab lost with their disks and made anew, while the rest serves. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test, { type TestContext } from "node:test";
import { drilledCluster } from "../../src/twin/drills/cluster.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { destroy } from "../../src/twin/machines/machine.ts";
import { underEdits } from "./faults.ts";
import { awaitGreen, copyOfProgram, editFile, farm, on, unlessLong, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

/** Generations of machines that the test has raised so far: the program has to go on saying so. */
const raised: Record<string, number> = {};

/** `twin up` of the lab with one more machine to be made anew, or with those that were. */
async function upWithNew(host?: string) {
  const generations = host ? { ...raised, [`machine/${host}`]: 2 } : raised;
  const copy = copyOfProgram();
  try {
    editFile(copy, "stacks/lab.ts", (text) =>
      text.replace("edge: {", `generations: ${JSON.stringify(generations)},\n  edge: {`),
    );
    return await farm(["twin", "up"], 900, copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** Loses a host under page edits and makes it anew; tells how long it took and what users noticed. */
async function rebuilt(t: TestContext, lab: TwinFarm, host: string): Promise<void> {
  let seconds = 0;
  raised[`machine/${host}`] = 2;
  const edits = await underEdits(lab, async () => {
    await lose(lab, host);
    const began = performance.now();
    const { code, stdout, stderr } = await upWithNew(host);
    assert.equal(code, 0, stdout + stderr);
    seconds = (performance.now() - began) / 1000;
  });
  t.diagnostic(
    `${host} was at work again ${seconds.toFixed(0)} s after the command began; ` +
      `edits: ${edits.attempts - edits.acknowledged} of ${edits.attempts} failed, ${edits.failedTwice} also when tried again, longest gap ${edits.gap.toFixed(1)} s`,
  );
  assert.deepEqual([edits.failedTwice, edits.lost], [0, 0], JSON.stringify(edits.errors));
}

/** What a machine of this computer is that plays a host: another one has another number. */
const machineId = async (lab: TwinFarm, host: string): Promise<string> =>
  (await inMachine(lab.stack, host, ["cat", "/etc/machine-id"])).stdout;

async function lose(lab: TwinFarm, host: string): Promise<void> {
  await destroy(lab.stack, host);
  await lab.ssh.close(lab.target(host));
}

/** Every member has the same rows; the wiki's edits are in them. */
async function assertSame(lab: TwinFarm): Promise<void> {
  const counts = await Promise.all(
    ["db1", "db2", "db3"].map((host) =>
      on(
        lab,
        host,
        "mariadb -BN pravka",
        "SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*), MAX(page_id) FROM page",
      ),
    ),
  );
  assert.deepEqual(new Set(counts).size, 1, counts.join());
}

/** Back to the lab's own declaration, whose machines are the first: the Proxmox host forgets that there were others. */
async function putBack(lab: TwinFarm): Promise<void> {
  const { code, stdout, stderr } = await upWithNew();
  assert.equal(code, 0, stdout + stderr);
  await on(lab, "zhelezo1", "rm -f /var/lib/farm-guests/*.generation");
  await labUp();
}

test("machines made anew", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  t.after(() => putBack(lab));

  await t.test("a member whose machine and disk are gone gets the data from the others", async (t) => {
    const before = await machineId(lab, "db2");
    await rebuilt(t, lab, "db2");
    assert.notEqual(await machineId(lab, "db2"), before);
    await assertSame(lab);
  });

  await t.test("one that the others can't do without stays, and the run says why", async () => {
    const before = await machineId(lab, "db1");
    await on(lab, "db3", "systemctl stop farm-galera");
    try {
      const { code, stdout, stderr } = await upWithNew("db1");
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /db1.*can't be changed now/s);
      assert.equal(await machineId(lab, "db1"), before);
    } finally {
      await on(lab, "db3", "systemctl start farm-galera");
    }
    await awaitGreen(lab, 120);
  });

  await t.test(
    "the primary of PostgreSQL gets its vote and the data again",
    { skip: unlessLong },
    async (t) => {
      const cluster = drilledCluster(lab, "postgresql");
      const primary = await cluster.writer();
      const psql = "runuser -u postgres -- psql --host=/run/postgresql --no-psqlrc -qtA redmine";
      await on(lab, primary, psql, "CREATE TABLE farm_rebuild AS SELECT generate_series(1, 1000) AS n");
      await rebuilt(t, lab, primary);
      assert.equal(await cluster.ailment(), undefined);
      assert.equal(await on(lab, primary, psql, "SELECT count(*) FROM farm_rebuild"), "1000\n");
      await on(lab, await cluster.writer(), psql, "DROP TABLE farm_rebuild");
    },
  );

  await t.test("applied again, nothing is changed; a number that was given up is refused", async () => {
    const again = await upWithNew();
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /Program: 0 created, 0 updated, 0 deleted/);
    const { code, stdout, stderr } = await farm(["twin", "up"]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /is machine 2 of \w+, and machine 1 is declared: numbers only rise/);
  });
});
