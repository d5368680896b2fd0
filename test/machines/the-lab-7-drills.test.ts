/** Drills on the lab's twin: each fault is really in force, really measured, and undone however the drill ends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { drilledCluster } from "../../src/twin/drills/cluster.ts";
import { partition } from "../../src/twin/drills/faults/partition.ts";
import { undoLeftFault, writtenFault } from "../../src/twin/drills/left-over.ts";
import type { Report } from "../../src/twin/drills/report.ts";
import { awaitWhole, setScene } from "../../src/twin/drills/run.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { drilled, realDrill, told } from "./faults.ts";
import { awaitGreen, farm, on, ROOT, unlessLong, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

interface Started {
  readonly process: ChildProcess;
  /** What it has written so far, both streams. */
  output(): string;
  readonly ended: Promise<number | null>;
}

/** Starts a drill in a process group of its own, as a terminal does, and waits until its fault is in force. */
async function inForce(stack: string, name: string): Promise<Started> {
  const child = spawn(join(ROOT, "scripts/farm"), ["drill", name, "--stack", stack], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const seen = new Promise<void>((resolve) => {
    for (const pipe of [child.stdout, child.stderr])
      pipe.on("data", (chunk: Buffer) => {
        output += chunk;
        if (output.includes("in force: ")) resolve();
      });
  });
  await Promise.race([seen, ended.then(() => assert.fail(`the drill ended by itself:\n${output}`))]);
  return { process: child, output: () => output, ended };
}

/** Sends a signal to all processes of a drill, as Ctrl-C in a terminal does. */
function signal({ process: { pid } }: Started, name: NodeJS.Signals): void {
  assert(pid !== undefined);
  process.kill(-pid, name);
}

/** Bridges and TAPs in the twin's network that are a drill's. */
async function leftLinks(stack: string): Promise<string[]> {
  const { stdout } = await runInNamespace(stack, ["ip", "-json", "link", "show"]);
  const names = (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname);
  return names.filter((name) => name.startsWith("drill"));
}

const leftRules = async (stack: string): Promise<string> =>
  (await runInNamespace(stack, ["nft", "list", "tables"])).stdout;

test("drills", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const { stack } = lab;
  t.after(() => farm(["twin", "mend", "--stack", stack]));

  await t.test("one from the command line: a table, and files with every attempt", async () => {
    const { code, stdout, stderr } = await farm(["drill", "partition-one", "--stack", stack]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stderr, /in force: \d+ frames dropped, no echo between db\d and db\d/);
    const [json = "", english = "", russian = "", records = ""] = stdout.match(/^\/var\/lib\/\S+$/gm) ?? [];
    const report: Report = JSON.parse(readFileSync(json, "utf8"));
    const [{ checked } = { checked: null }] = report.runs;
    assert(checked !== null && checked.acknowledged > 500 && checked.reads > 100, JSON.stringify(checked));
    // The members need some 3 s to do without one.
    assert(checked.gap > 1 && checked.gap < 15, `${checked.gap} s without writes`);
    for (const wiki of [english, russian]) assert.match(readFileSync(wiki, "utf8"), /\| partition-one\n/);
    const lines = gunzipSync(readFileSync(join(records, "partition-one-1.jsonl.gz"))).toString();
    assert.equal(lines.split("\n").length - 1, checked.attempts + checked.reads);
  });

  // After disk-full a member needs a full copy, which takes minutes.
  for (const name of ["pause", "distance", "disk-full"])
    await t.test(
      `${name}: in force, nothing lost, all well again`,
      { skip: name === "disk-full" && unlessLong },
      async (t) => {
        const run = await drilled(lab, realDrill(name));
        t.diagnostic(`${told(run)}; ${run.evidence}`);
        assert.deepEqual(run.failures, []);
      },
    );

  await t.test("a partition that blocks nothing fails the drill, and leaves nothing behind", async () => {
    const real = realDrill("partition-one");
    const elsewhere = partition(
      () => [["db1", "db2"]],
      (host) => `vb-no-${host}`,
    );
    await assert.rejects(
      drilled(lab, { ...real, fault: elsewhere }),
      /not in force: db\d still answers db\d/,
    );
    assert.equal(writtenFault(stack), undefined);
    assert.equal(await leftRules(stack), "");
  });

  await t.test(
    "a fault that could not be undone stays written down, and is undone by the next try",
    async () => {
      const real = realDrill("pause");
      const stubborn = { ...real.fault, undo: () => Promise.reject(new Error("not today")) };
      await assert.rejects(drilled(lab, { ...real, fault: stubborn }), /could not be undone: not today/);
      assert.equal(writtenFault(stack)?.drill, "pause");
      assert.match((await undoLeftFault(lab)) ?? "", /^pause of db\d, since /);
      assert.equal(writtenFault(stack), undefined);
      await awaitWhole(drilledCluster(lab), 60, t.signal);
    },
  );

  await t.test("members that were told not to flush do so again, though nothing was cut off", async () => {
    const { fault } = realDrill("power-cut-control");
    const scene = await setScene(lab, realDrill("power-cut-control"), []);
    const flushing = (host: string) =>
      on(lab, host, "mariadb -BN", "SELECT @@innodb_flush_log_at_trx_commit");
    await fault.prepare?.(scene);
    for (const host of scene.targets) assert.equal((await flushing(host)).trim(), "0", host);
    await fault.undo(scene);
    for (const host of scene.targets) assert.equal((await flushing(host)).trim(), "1", host);
  });

  await t.test("Ctrl-C undoes the fault at once", async () => {
    const drill = await inForce(stack, "disk-full");
    const began = performance.now();
    signal(drill, "SIGINT");
    assert.equal(await drill.ended, 1, drill.output());
    assert(performance.now() - began < 5000, "at once");
    assert.match(drill.output(), /interrupted; no fault is in force any more/);
    assert.equal(writtenFault(stack), undefined);
    for (const host of ["db1", "db2", "db3"]) {
      const there = await inMachine(stack, host, ["ls", "/var/lib/farm-drill-filler"]);
      assert.notEqual(there.code, 0, `${host} still has the file that filled the disk`);
    }
    await awaitGreen(lab, 60);
  });

  await t.test("kill -9 leaves a fault that is named by status and undone by mend", async () => {
    const drill = await inForce(stack, "distance");
    signal(drill, "SIGKILL");
    await drill.ended;
    assert.notDeepEqual(await leftLinks(stack), [], "the fault outlives the drill");
    const status = await farm(["twin", "status", stack]);
    assert.equal(status.code, 1);
    assert.match(status.stdout, /^A drill's fault is in force: distance of db\d, since .* farm twin mend$/m);
    const mend = await farm(["twin", "mend", "--stack", stack]);
    assert.equal(mend.code, 0, mend.stderr);
    assert.match(mend.stdout, /^undone: distance of db\d, since /m);
    assert.deepEqual(await leftLinks(stack), []);
    await awaitGreen(lab, 60);
  });
});
