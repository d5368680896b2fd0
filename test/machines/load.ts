/** The lab under what its users do, all at once: page edits through the edge, rows through every web host's proxy. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { drilledCluster } from "../../src/twin/drills/cluster.ts";
import { type Checked, checkRecord } from "../../src/twin/drills/record.ts";
import { startStream } from "../../src/twin/drills/stream.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { underEdits } from "./faults.ts";

/** What came of each of the two streams while `work` was done. */
export async function underLoad(
  lab: TwinFarm,
  work: () => Promise<void>,
): Promise<Record<"edits" | "rows", Checked>> {
  const cluster = drilledCluster(lab);
  const table = await cluster.makeTable();
  const stream = await startStream(lab, cluster, table);
  await stream.steady();
  const from = Date.now();
  const edits = await underEdits(lab, work, 3, 5);
  const record = await stream.stop([]);
  const rows = checkRecord(record, await cluster.copies(table), { from, to: Date.now() });
  await cluster.dropTable(table);
  return { edits, rows };
}

/** Tells the figures, and asserts that users noticed nothing that one retry did not mend, and lost nothing. */
export function assertUnnoticed(
  t: TestContext,
  what: string,
  streams: Record<"edits" | "rows", Checked>,
): void {
  for (const [name, c] of Object.entries(streams)) {
    const failed = c.attempts - c.acknowledged;
    t.diagnostic(
      `${what}, ${name}: ${failed} of ${c.attempts} failed, ${c.failedTwice} of them also when tried again, longest gap ${c.gap.toFixed(1)} s`,
    );
    assert(c.acknowledged > 20, `${name} went on`);
    assert.equal(c.failedTwice, 0, JSON.stringify(c.errors));
    assert.equal(c.lost + c.doubled + c.undead + c.differing, 0, c.examples.join("; "));
    assert(c.gap < 5, `${c.gap} s without ${name}`);
  }
}
