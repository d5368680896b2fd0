import assert from "node:assert/strict";
import test from "node:test";
import { reachableBefore, shownBy } from "../../src/shell/former-run.ts";

const shown = (generation: number, former: Parameters<typeof shownBy>[1]) =>
  shownBy(new Map([["zhelezo1", generation]]), former);

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

test("a guest can be reached before anything is done to it, unless it is new or gets another key", () => {
  const applied = Object.fromEntries(["db1", "db2"].map((id) => [id, { sha256: "", commit: "" }]));
  const hostKeys = { db1: { generation: 1 }, db2: { generation: 1 } };
  const wanted = new Map([
    ["db1", 1],
    ["db2", 2],
    ["db3", 1],
  ]);
  assert.deepEqual([...reachableBefore({ applied, hostKeys }, wanted)], ["db1"]);
});
