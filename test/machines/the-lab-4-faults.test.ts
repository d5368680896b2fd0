/** The databases broken under a stream of edits or inserts: what users would notice, and what would be lost. */
import assert from "node:assert/strict";
import test from "node:test";
import { bootHost, drilled, killHost, realDrill, told, underEdits, writerOf } from "./faults.ts";
import { awaitGreen, farm, unlessLong, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

test("faults", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  t.after(() => farm(["twin", "mend", "--stack", lab.stack]));

  await t.test("the writer's machine dies under a stream of edits", async (t) => {
    const writer = await writerOf(lab);
    const measured = await underEdits(lab, () => killHost(lab, writer));
    t.diagnostic(`killed ${told({ targets: [writer], checked: measured })}`);
    assert.equal(measured.lost, 0);
    assert(measured.acknowledged > 5, "edits went on");
    assert(measured.gap < 10, "a gap far beyond the usual");
    assert.notEqual(await writerOf(lab), writer);
    await bootHost(lab, writer);
    await awaitGreen(lab, 60);
  });

  // That no acknowledged row is lost, doubled or stale, and that the cluster comes back, is what drills expect.
  for (const name of ["all-at-once", "power-cut"])
    await t.test(
      `${name}: all members come back without a hand`,
      { skip: name === "all-at-once" && unlessLong },
      async (t) => {
        const run = await drilled(lab, realDrill(name));
        t.diagnostic(told(run));
        assert.deepEqual(run.failures, []);
        assert((run.checked?.attempts ?? 0) > (run.checked?.acknowledged ?? 0), "the fault was in force");
      },
    );

  await t.test("the same cut loses rows where MariaDB does not flush: the check can fail", async (t) => {
    const run = await drilled(lab, realDrill("power-cut-control"));
    t.diagnostic(told(run));
    assert.deepEqual(run.failures, []);
    assert((run.checked?.lost ?? 0) > 0, "without flushing, a power cut has to lose acknowledged rows");
  });
});
