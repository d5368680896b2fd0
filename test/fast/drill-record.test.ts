/** The record of a drill's stream compared with the data: every verdict, on records made by hand. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  type Attempt,
  checkRecord,
  judge,
  type Outcome,
  type Read,
  rowKey,
} from "../../src/twin/drills/record.ts";

/** Attempts of one writer, 10 ms each, one every 100 ms from `start` on, milliseconds. */
const attempts = (outcomes: readonly Outcome[], { writer = 1, start = 1000 } = {}): Attempt[] =>
  outcomes.map((outcome, index) => {
    const began = start + index * 100;
    return {
      writer,
      n: index + 1,
      began,
      ended: began + 10,
      outcome,
      error: outcome === "ok" ? "" : outcome,
    };
  });

const copy = (counts: Record<string, number>, host = "db1") => ({
  host,
  counts: new Map(Object.entries(counts)),
});

const read = (began: number, seen: Read["seen"]): Read => ({
  reader: 9,
  began,
  ended: began + 5,
  seen,
  error: seen === null ? "refused" : "",
});

const fault = { from: 1150, to: 1250 };
const rows = (...numbers: number[]): Record<string, number> =>
  Object.fromEntries(numbers.map((n) => [rowKey(1, n), 1]));

test("a whole record passes, whatever became of attempts in doubt", () => {
  for (const there of [rows(1, 2, 4), rows(1, 2, 3, 4)]) {
    const record = { attempts: attempts(["ok", "ok", "doubt", "ok", "unsent"]), reads: [] };
    const checked = checkRecord(record, [copy(there)], fault);
    assert.deepEqual(
      [checked.attempts, checked.acknowledged, checked.inDoubt, checked.unsent, checked.refused],
      [5, 3, 1, 1, 0],
    );
    assert.deepEqual(checked.examples, []);
    assert.deepEqual(checked.errors, { doubt: 1, unsent: 1 });
    assert.deepEqual(judge(checked, {}), []);
  }
});

test("a row of which nobody knows any more is no mistake: its client died with its machine", () => {
  const checked = checkRecord(
    { attempts: attempts(["ok", "ok", "ok", "ok"]), reads: [] },
    [copy(rows(1, 2, 3, 4, 5))],
    fault,
  );
  assert.deepEqual(judge(checked, {}), []);
});

test("an acknowledged write that one member lacks is lost, and the members differ", () => {
  const record = { attempts: attempts(["ok", "ok", "ok", "ok"]), reads: [] };
  const checked = checkRecord(record, [copy(rows(1, 2, 3, 4)), copy(rows(1, 3, 4), "db2")], fault);
  assert.deepEqual([checked.lost, checked.differing], [1, 1]);
  assert.match(checked.examples.join("\n"), /lost: row 1:2, acknowledged at 1110, is not on db2/);
  assert.deepEqual(judge(checked, {}), ["1 acknowledged writes are lost", "1 rows differ between members"]);
});

test("a row that is there twice is doubled, also one that was in doubt", () => {
  const record = { attempts: attempts(["ok", "doubt", "ok", "ok"]), reads: [] };
  const checked = checkRecord(record, [copy({ ...rows(1, 3, 4), [rowKey(1, 2)]: 2 })], fault);
  assert.equal(checked.doubled, 1);
  assert.deepEqual(judge(checked, {}), ["1 rows are doubled"]);
});

test("a write that was refused and is there all the same is told", () => {
  const record = { attempts: attempts(["ok", "refused", "ok", "ok"]), reads: [] };
  const checked = checkRecord(record, [copy(rows(1, 2, 3, 4))], fault);
  assert.deepEqual(judge(checked, {}), ["1 writes were refused and are there all the same"]);
});

test("a read is stale when it saw less than was acknowledged before it began, and only then", () => {
  // Acknowledged at 1010, 1110, 1210 and 1310.
  const record = { attempts: attempts(["ok", "ok", "ok", "ok"]), reads: [] as Read[] };
  const staleAmong = (...reads: Read[]): number =>
    checkRecord({ ...record, reads }, [copy(rows(1, 2, 3, 4))], fault).stale;
  assert.equal(staleAmong(read(1005, {}), read(1010, {}), read(1110, { 1: 1 }), read(1111, { 1: 2 })), 0);
  assert.equal(staleAmong(read(1111, { 1: 1 })), 1);
  assert.equal(staleAmong(read(1400, {})), 1, "saw nothing at all");
  assert.equal(staleAmong(read(1400, { 1: 9 })), 0, "saw writes that are not acknowledged yet");
  assert.equal(staleAmong(read(1400, null)), 0, "a read that failed saw nothing wrong");
  const two = [...record.attempts, ...attempts(["ok", "ok"], { writer: 2 })];
  const there = { ...rows(1, 2, 3, 4), [rowKey(2, 1)]: 1, [rowKey(2, 2)]: 1 };
  const both = checkRecord({ attempts: two, reads: [read(1400, { 1: 4, 2: 1 })] }, [copy(there)], fault);
  assert.equal(both.stale, 1, "each writer counts");
  assert.deepEqual(judge(both, {}), ["1 reads saw less than was acknowledged before them"]);
});

test("the longest gap is over all writers, from the first attempt to the end of the last", () => {
  const gap = (...all: Attempt[][]): number =>
    checkRecord({ attempts: all.flat(), reads: [] }, [], fault).gap;
  assert.equal(gap(attempts(["ok", "ok", "ok"])), 0.1);
  assert.equal(gap(attempts(["ok", "refused", "unsent", "ok"])), 0.3);
  assert.equal(
    gap(attempts(["ok", "doubt", "ok"]), attempts(["ok", "ok", "ok"], { writer: 2, start: 1050 })),
    0.1,
  );
  assert.equal(gap(attempts(["refused", "refused", "ok"])), 0.21, "from the first attempt on");
  const hanging = { ...attempts(["doubt"], { writer: 2, start: 1300 })[0]!, ended: 6300 };
  assert.equal(gap(attempts(["ok", "ok"]), [hanging]), 5.19, "one that hangs until the end");
  assert.equal(gap(attempts(["refused", "refused"])), 0.11, "none at all");
  assert.equal(gap([]), 0);
});

test("writes of the fault's own time are those that began and ended in it", () => {
  const at = (began: number, ended: number, n: number): Attempt => ({
    ...{ writer: 1, n, began, ended, outcome: "ok", error: "" },
  });
  const all = [at(1100, 1160, 1), at(1160, 1170, 2), at(1240, 1260, 3), at(1260, 1270, 4)];
  const checked = checkRecord({ attempts: all, reads: [] }, [copy(rows(1, 2, 3, 4))], fault);
  assert.deepEqual([checked.duringFault, checked.afterFault], [1, 1]);
  assert.deepEqual(judge(checked, {}), []);
  assert.deepEqual(judge(checked, { blocks: true }), [
    "1 writes were acknowledged although no member had a majority",
  ]);
});

test("a control that loses nothing fails, and one that loses passes", () => {
  const record = { attempts: attempts(["ok", "ok", "ok", "ok"]), reads: [read(1400, { 1: 2 })] };
  const whole = checkRecord(record, [copy(rows(1, 2, 3, 4))], fault);
  assert.deepEqual(judge(whole, { loses: true }), ["nothing was lost, so this check could not see a loss"]);
  const cut = checkRecord(record, [copy(rows(1, 2, 4))], fault);
  assert.deepEqual(judge(cut, { loses: true }), []);
});

test("a fault that has to bite fails when every write was acknowledged all the same", () => {
  const judged = (outcome: Outcome): string[] => {
    const record = { attempts: attempts(["ok", outcome, "ok", "ok"]), reads: [] };
    return judge(checkRecord(record, [copy(rows(1, 2, 3, 4))], fault), { bites: true });
  };
  assert.deepEqual(judged("doubt"), []);
  assert.deepEqual(judged("ok"), ["every write was acknowledged, so the database has not noticed the fault"]);
});

test("a cluster that takes no writes again fails", () => {
  const checked = checkRecord(
    { attempts: attempts(["ok", "refused", "refused"]), reads: [] },
    [copy(rows(1))],
    fault,
  );
  assert.deepEqual(judge(checked, {}), ["no write was acknowledged after the fault was undone"]);
});

test("where one retry has to help, two failures in a row fail the drill", () => {
  const judged = (outcomes: Outcome[]): string[] => {
    const there = outcomes.flatMap((outcome, index) => (outcome === "ok" ? [index + 1] : []));
    return judge(checkRecord({ attempts: attempts(outcomes), reads: [] }, [copy(rows(...there))], fault), {
      oneRetry: true,
    });
  };
  assert.deepEqual(judged(["ok", "unsent", "ok", "doubt", "ok", "ok"]), []);
  assert.deepEqual(judged(["ok", "unsent", "refused", "ok", "ok"]), [
    "1 writes failed, and so did the next try",
  ]);
});
