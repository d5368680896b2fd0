/** Disasters of the PostgreSQL cluster, each ended by the one command that is documented for it; then the lab is as it was. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test, { type TestContext } from "node:test";
import { type DrilledCluster, drilledCluster } from "../../src/twin/drills/cluster.ts";
import { partition } from "../../src/twin/drills/faults/partition.ts";
import { type Attempt, checkRecord, rowKey } from "../../src/twin/drills/record.ts";
import { awaitWhole } from "../../src/twin/drills/run.ts";
import { type Stream, startStream } from "../../src/twin/drills/stream.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { inMachine, isRunning } from "../../src/twin/machines/inside.ts";
import { bootAgain, kill } from "../../src/twin/machines/machine.ts";
import { waitUntil } from "../../src/twin/machines/run.ts";
import { awaitGreen, copyOfProgram, editFile, farm, on, unlessLong, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

const CLUSTER = "postgresql";
const VOTES = ["pg1", "pg2", "pg3"];
const FAR = "pg4";
const PROMOTED = "/var/lib/farm-postgresql/promoted.json";
/** Shell command that says whether the far copy is promoted; what was once and is settled stays recorded. */
const IS_PROMOTED = `grep -qs '"settled": false' ${PROMOTED}`;

/** A command on a host, whatever comes of it; from inside, for a host may just have booted. */
const told = async (lab: TwinFarm, host: string, command: string) => {
  const { code, stdout, stderr } = await inMachine(lab.stack, host, ["sh", "-c", command], { limit: 400 });
  return { code, text: stdout + stderr };
};

async function killAll(lab: TwinFarm, hosts: readonly string[]): Promise<void> {
  await kill(lab.stack, hosts);
  await Promise.all(hosts.map((host) => lab.ssh.close(lab.target(host))));
}

async function bootAll(lab: TwinFarm, hosts: readonly string[]): Promise<void> {
  const off = hosts.filter((host) => !isRunning(lab.stack, host));
  await Promise.all(off.map((host) => bootAgain(lab.stack, host)));
}

const acknowledged = (stream: Stream): Attempt[] =>
  stream.record().attempts.filter(({ outcome }) => outcome === "ok");

/** Waits for a write that began after a time, milliseconds since 1970; returns how many seconds later it was acknowledged. */
async function nextWrite(stream: Stream, after: number): Promise<number> {
  const found = () => acknowledged(stream).find(({ began }) => began > after);
  await waitUntil(
    () => found() !== undefined,
    60,
    () => `no write in 60 s: ${stream.record().attempts.at(-1)?.error}`,
  );
  return ((found()?.ended ?? 0) - after) / 1000;
}

const whole = (cluster: DrilledCluster): Promise<void> =>
  awaitWhole(cluster, 240, new AbortController().signal);

/** Waits until the votes of all hosts of the site have said something since a time, milliseconds since 1970. */
const votesSay = (lab: TwinFarm, pattern: RegExp, since: number): Promise<void> =>
  waitUntil(
    async () => {
      const said = VOTES.map((host) =>
        told(lab, host, `journalctl -u etcd -o cat --no-pager --since @${Math.floor(since / 1000)}`),
      );
      return (await Promise.all(said)).every(({ text }) => pattern.test(text));
    },
    60,
    () => `the votes of ${VOTES.join(", ")} do not say ${pattern.source}`,
  );

/** Applies the lab as it is declared once its former site is gone: the far copy is a member, and pg2 the copy. */
async function applySuccessor(): Promise<void> {
  const copy = copyOfProgram();
  try {
    editFile(copy, "stacks/lab.ts", (text) =>
      text
        .replace('members: ["pg1", "pg2"]', 'members: ["pg1", "pg4"]')
        .replace('replicas: ["pg4"]', 'replicas: ["pg2"]'),
    );
    const { code, stdout, stderr } = await farm(["twin", "up"], 900, copy);
    assert.equal(code, 0, stdout + stderr);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** The lab as it is declared, from wherever the test has left it. */
async function putBack(lab: TwinFarm, cluster: DrilledCluster): Promise<void> {
  await bootAll(lab, [...VOTES, FAR]);
  if ((await told(lab, FAR, IS_PROMOTED)).code === 0) {
    await applySuccessor();
  }
  await whole(cluster);
  // The promoted host's Patroni begins anew once the declaration counts (watch.py): the writes may go elsewhere by that.
  await waitUntil(
    async () => {
      const writer = await cluster.writer().catch(() => undefined);
      if (writer !== FAR) return writer !== undefined;
      return (await told(lab, FAR, "farm-postgresql switchover")).code === 0;
    },
    120,
    () => `${FAR} does not hand the writes over`,
  );
  await labUp();
}

async function lostMajority(t: TestContext, lab: TwinFarm, cluster: DrilledCluster): Promise<void> {
  const primary = await cluster.writer();
  const lost = [primary, "pg3"];
  const left = VOTES.find((host) => !lost.includes(host)) ?? "";
  const table = await cluster.makeTable();
  const stream = await startStream(lab, cluster, table);
  try {
    await stream.steady();
    const early = await told(lab, left, `farm-postgresql recover-etcd --lost ${lost.join(" ")}`);
    assert.notEqual(early.code, 0);
    assert.match(early.text, /the votes are a majority, there is nothing to recover/);
    const from = Date.now();
    await killAll(lab, lost);
    const half = await told(lab, left, "farm-postgresql recover-etcd --lost pg3");
    assert.match(half.text, new RegExp(`^${primary} does not answer: name it too`));
    const began = Date.now();
    const { code, text } = await told(lab, left, `farm-postgresql recover-etcd --lost ${lost.join(" ")}`);
    assert.equal(code, 0, text);
    t.diagnostic(`writes ${(await nextWrite(stream, began)).toFixed(1)} s after the command began`);
    const to = Date.now();
    await bootAll(lab, lost);
    await whole(cluster);
    t.diagnostic(
      `the lost ones were back ${((Date.now() - to) / 1000).toFixed(1)} s after they were switched on`,
    );
    const checked = checkRecord(await stream.stop([]), await cluster.copies(table), { from, to });
    t.diagnostic(`${checked.acknowledged} writes acknowledged, ${checked.lost} lost, gap ${checked.gap} s`);
    assert.deepEqual([checked.lost, checked.doubled, checked.differing], [0, 0, 0], checked.examples.join());
    assert(checked.unsent + checked.inDoubt + checked.refused > 0, "the loss was felt");
    await cluster.dropTable(table);
  } finally {
    stream.abandon();
  }
  await awaitGreen(lab, 120);
}

/** The rows that one host has, by its own server. */
async function rowsOn(lab: TwinFarm, host: string, table: string): Promise<Set<string>> {
  const psql = "runuser -u postgres -- psql --host=/run/postgresql --no-psqlrc -qtA redmine";
  const rows = await on(lab, host, psql, `SELECT writer, n FROM ${table}`);
  return new Set(
    rows
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const [writer, n] = line.split("|").map(Number);
        return rowKey(writer ?? 0, n ?? 0);
      }),
  );
}

async function lostSite(t: TestContext, lab: TwinFarm, cluster: DrilledCluster): Promise<void> {
  const promote = (more = "", lost = VOTES) =>
    told(lab, FAR, `farm-postgresql promote --lost ${lost.join(" ")} ${more}`);
  const table = await cluster.makeTable();
  const stream = await startStream(lab, cluster, table);
  try {
    await stream.steady();
    assert.match(
      (await promote("--accept-loss 600")).text,
      /^nothing is promoted: pg1, pg2, pg3 still there/,
    );
    await killAll(lab, VOTES);
    const died = Date.now();

    await t.test("nothing is done before everything is named and its price accepted", async (t) => {
      assert.match((await promote("", ["pg1", "pg2"])).text, /pg3 does not answer: name it/);
      const price = await promote();
      assert.notEqual(price.code, 0);
      assert.match(price.text, /at most \d+ s of writes.*nothing is promoted yet.*--accept-loss \d+/s);
      t.diagnostic(price.text.split("\n")[1] ?? "");
      assert.match((await promote("--accept-loss 0")).text, /nothing is promoted yet/);
      assert.notEqual((await told(lab, FAR, IS_PROMOTED)).code, 0);
    });

    await t.test(
      "interrupted, the command goes on when it is run again; then writes find the way",
      async (t) => {
        const began = Date.now();
        const killed = await told(
          lab,
          FAR,
          `farm-postgresql promote --lost ${VOTES.join(" ")} --accept-loss 600 >/dev/null & while kill -0 $! && ! ${IS_PROMOTED}; do :; done; kill -9 $!`,
        );
        assert.equal(killed.code, 0, killed.text);
        const { code, text } = await promote();
        assert.equal(code, 0, text);
        t.diagnostic(`writes ${(await nextWrite(stream, began)).toFixed(1)} s after the command began`);
        assert.equal((await promote()).code, 0);
        assert.match(
          (await told(lab, FAR, "farm-postgresql may-copy")).text,
          /was promoted.*but is declared a copy/,
        );
      },
    );

    await t.test("the promoted host restarts, and takes the writes again by itself", async () => {
      await killAll(lab, [FAR]);
      await bootAll(lab, [FAR]);
      await nextWrite(stream, Date.now());
    });

    await t.test("the former site comes back, and takes no writes", async () => {
      const booted = Date.now();
      await bootAll(lab, VOTES);
      await votesSay(lab, /^pg4 was promoted, and pg\d given up/m, booted);
      for (const host of VOTES) assert.equal((await told(lab, host, "pgrep -x postgres")).code, 1, host);
      await nextWrite(stream, Date.now());
    });

    const { attempts } = await stream.stop([]);
    const rows = await rowsOn(lab, FAR, table);
    const ok = attempts.filter(({ outcome }) => outcome === "ok");
    const lost = ok.filter(({ writer, n }) => !rows.has(rowKey(writer, n)));
    const { until } = JSON.parse(await on(lab, FAR, "cat /var/lib/farm-postgresql/complete.json"));
    t.diagnostic(`${lost.length} of ${ok.length} acknowledged writes lost`);
    // None is lost that the command has not told of, and none since.
    assert(lost.every(({ ended }) => ended > until * 1000 && ended <= died + 1000));

    await t.test(
      "a declaration makes it a member and the former ones join it; then back to the lab's own",
      async () => {
        await putBack(lab, cluster);
        await whole(cluster);
        assert(cluster.holders.includes(await cluster.writer()));
        const copies = await cluster.copies(table);
        for (const { host, counts } of copies) assert.deepEqual(new Set(counts.keys()), rows, host);
        assert.deepEqual(JSON.parse(await on(lab, FAR, `cat ${PROMOTED}`)).lost, []);
        await cluster.dropTable(table);
      },
    );
  } finally {
    stream.abandon();
  }
}

/** All are off, and the far copy alone does not come back: nobody can tell whether it was promoted, but a person. */
async function silentCopy(lab: TwinFarm, cluster: DrilledCluster): Promise<void> {
  const table = await cluster.makeTable();
  await killAll(lab, [...VOTES, FAR]);
  const killed = Date.now();
  await bootAll(lab, VOTES);
  const waiting = "no majority votes, and pg4 may have been promoted meanwhile";
  await votesSay(lab, new RegExp(`^${waiting}.*: farm-postgresql not-promoted pg4$`, "m"), killed);
  const stranger = await told(lab, "pg1", "farm-postgresql not-promoted pg2");
  assert.notEqual(stranger.code, 0);
  assert.match(stranger.text, /^pg2 is no far copy of this cluster; there is: pg4/);
  for (const host of VOTES.slice(0, 2)) {
    const { code, text } = await told(lab, host, "farm-postgresql not-promoted pg4");
    assert.equal(code, 0, text);
  }
  let taker: string | undefined;
  await waitUntil(
    async () => {
      taker = await cluster.writer().catch(() => undefined);
      return taker !== undefined;
    },
    90,
    () => "nobody takes the writes after the word of a majority",
  );
  await bootAll(lab, [FAR]);
  await whole(cluster);
  await cluster.dropTable(table);
  await awaitGreen(lab, 120);
}

/** The site was only out of reach when its copy was promoted: as soon as it hears of that, it stops. */
async function wronglyGivenUp(lab: TwinFarm, cluster: DrilledCluster): Promise<void> {
  const cut = partition(() => VOTES.map((host) => [FAR, host]));
  const scene = { farm: lab, cluster, targets: [FAR] };
  const table = await cluster.makeTable();
  const stream = await startStream(lab, cluster, table);
  try {
    await stream.steady();
    await cut.begin(scene);
    try {
      await cut.prove(scene);
      const promoted = await told(
        lab,
        FAR,
        `farm-postgresql promote --lost ${VOTES.join(" ")} --accept-loss 600`,
      );
      assert.equal(promoted.code, 0, promoted.text);
    } finally {
      await cut.undo(scene);
    }
    const serves = async (host: string) => (await told(lab, host, "pgrep -x postgres")).code === 0;
    await waitUntil(
      async () => !(await serves("pg1")) && !(await serves("pg2")),
      60,
      () => "the former members still run PostgreSQL a minute after they could hear of the promotion",
    );
    const healed = Date.now();
    assert.equal((await told(lab, "pg3", "systemctl restart --no-block etcd")).code, 0);
    await votesSay(lab, /^pg4 was promoted, and pg\d given up/m, healed);
    await nextWrite(stream, healed);
    const { attempts } = await stream.stop([]);
    const rows = await rowsOn(lab, FAR, table);
    const late = attempts.filter(({ outcome, began }) => outcome === "ok" && began > healed);
    assert(late.length > 0 && late.every(({ writer, n }) => rows.has(rowKey(writer, n))), "all go to pg4");
    await putBack(lab, cluster);
    await whole(cluster);
    for (const { host, counts } of await cluster.copies(table))
      assert.deepEqual(new Set(counts.keys()), rows, host);
    await cluster.dropTable(table);
  } finally {
    stream.abandon();
  }
}

test("disasters of the PostgreSQL cluster", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const cluster = drilledCluster(lab, CLUSTER);
  t.after(() => putBack(lab, cluster));
  await t.test("a majority of the votes is lost for good", (t) => lostMajority(t, lab, cluster));
  await t.test(
    "the far copy alone stays away: the others wait for a person's word that it was not promoted",
    { skip: unlessLong },
    () => silentCopy(lab, cluster),
  );
  await t.test("the whole site is lost for good", (t) => lostSite(t, lab, cluster));
  await t.test("a site that was given up and lives stops when it hears of that", { skip: unlessLong }, () =>
    wronglyGivenUp(lab, cluster),
  );
});
