/** A member of MariaDB is replaced by another host while rows are written. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { isRunning } from "../../src/twin/machines/inside.ts";
import { unlessLong } from "./lab-farm.ts";
import { inside, MovingFarm, Rows } from "./moving.ts";
import { guest, smallFarm } from "./small-farm.ts";

const STACK = "move";
/**
 * Seconds without an acknowledged row that a planned change may cost: a hand-over, or a server that restarts, beside another
 * test (measured: 1.9 and 3.0). A member that is cut off before it has left costs 10, or the run (measured).
 */
const LONGEST_GAP = 8;

const title = { en: "Move", ru: "Переезд" };

const declaration: FarmDeclaration = {
  ...smallFarm(title, [guest("db1", 111), guest("db2", 112), guest("db3", 113)]),
  clusters: [{ id: "main", title, software: "mariadb", members: ["db1", "db2", "db3"] }],
  databases: [{ id: "book", title, cluster: "main" }],
};

const MESH: Readonly<Record<string, string>> = {
  db1: "10.80.0.11",
  db2: "10.80.0.12",
  db3: "10.80.0.13",
  db4: "10.80.0.14",
};

const insertion = (host: string, n: number): string =>
  `curl -sf --noproxy '*' --max-time 2 http://${MESH[host]}:9200/writer >/dev/null && timeout 5 mariadb book -e 'INSERT IGNORE INTO line VALUES (${n})'`;

describe("a member of MariaDB is replaced by another host", { skip: unlessLong }, () => {
  let moving: MovingFarm;

  before(async () => {
    moving = new MovingFarm({ stack: STACK, range: "10.96.0.0/24", port: "8196" }, declaration);
    await moving.up();
    // The first by name takes the writes of a new cluster.
    const made = await inside(STACK, "db1", "mariadb book -e 'CREATE TABLE line (n BIGINT PRIMARY KEY)'");
    assert.equal(made.code, 0, made.stderr);
  });

  after(() => moving.remove());

  test("each step is done as it is printed, and the answer moves on", async (t) => {
    const rows = new Rows(STACK, Object.keys(MESH), insertion);
    const told = await moving.move("db1", "db4").finally(() => rows.stop());
    t.diagnostic(told.join("; "));
    const { count, gap } = await rows.stop();
    t.diagnostic(`${count} rows, longest time without one ${gap.toFixed(1)} s`);
    assert(count > 50 && gap < LONGEST_GAP, "the writes went on");
    for (const host of ["db2", "db3", "db4"]) {
      const { stdout } = await inside(STACK, host, "mariadb -BN book -e 'SELECT COUNT(*) FROM line'");
      assert.equal(Number(stdout), count, `rows on ${host}`);
    }
    assert.deepEqual(
      told.filter((step) => step.startsWith("next")),
      [
        "next: db4 is declared, and does nothing yet",
        "next: db4 joins main",
        "next: db1 leaves main",
        "next: db1 is removed",
      ],
    );
    assert(told.includes("waits: db1 leaves main"), "it had to retire first");
    assert.equal(isRunning(STACK, "db1"), false);
  });
});
