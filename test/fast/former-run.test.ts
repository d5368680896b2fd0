import assert from "node:assert/strict";
import test from "node:test";
import { appliedBy, reachableBefore, refuseManyAnew, shownBy } from "../../src/shell/former-run.ts";

const host = (hostKey = 1, machine = 1) => ({ sha256: "", hostKey, machine });
const shown = (generation: number, former: Parameters<typeof shownBy>[1]) =>
  shownBy(new Map([["zhelezo1", host(generation)]]), former);

test("a host that no run has turned shows the key that it was made with", () => {
  assert.deepEqual(shown(1, {}), { zhelezo1: { generation: 1 } });
  assert.deepEqual(shown(3, {}), { zhelezo1: { generation: 3 } });
});

test("a raised key is turned to from the one that the last complete run left", () => {
  const raised = { zhelezo1: { generation: 3, before: 1 } };
  assert.deepEqual(shown(3, { zhelezo1: { generation: 1 } }), raised);
  // Its commands stay the same in later runs.
  assert.deepEqual(shown(3, raised), raised);
  assert.deepEqual(shown(4, raised), { zhelezo1: { generation: 4, before: 3 } });
});

test("a guest can be reached before anything is done to it, unless it is new, gets another key, or is made anew", () => {
  const applied = Object.fromEntries(["db1", "db2", "db4"].map((id) => [id, { sha256: "", commit: "" }]));
  const hostKeys = { db1: { generation: 1 }, db2: { generation: 1 }, db4: { generation: 1 } };
  const wanted = new Map([
    ["db1", host()],
    ["db2", host(2)],
    ["db3", host()],
    ["db4", host(1, 2)],
  ]);
  assert.deepEqual([...reachableBefore({ applied, hostKeys }, wanted)], ["db1"]);
});

test("a machine that was made anew counts as reachable from then on, and keeps its commit", () => {
  const wanted = new Map([["db4", { sha256: "a", hostKey: 1, machine: 2 }]]);
  const applied = appliedBy("new", wanted, { db4: { sha256: "a", commit: "old" } });
  assert.deepEqual(applied, { db4: { sha256: "a", commit: "old", machine: 2 } });
  const hostKeys = { db4: { generation: 1 } };
  assert.deepEqual([...reachableBefore({ applied, hostKeys }, wanted)], ["db4"]);
});

test("one machine a run is made anew; those of a stack that is new are just made", () => {
  const wanted = new Map([
    ["db1", host(1, 2)],
    ["db2", host(1, 2)],
  ]);
  const applied = { sha256: "", commit: "" };
  assert.throws(
    () => refuseManyAnew(wanted, { db1: applied, db2: applied }),
    /machines of db1, db2 are to be made anew in one run/,
  );
  refuseManyAnew(wanted, {});
  const guests = new Map([...wanted].map(([id, each]) => [id, { ...each, parent: "metal" }]));
  const metal = { sha256: "a", hostKey: 1, machine: 2 };
  refuseManyAnew(new Map([...guests, ["metal", metal]]), { db1: applied, db2: applied, metal: applied });
  refuseManyAnew(wanted, { db1: { ...applied, machine: 2 }, db2: applied });
});
