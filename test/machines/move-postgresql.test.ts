/** A member of PostgreSQL is replaced by another host while rows are written: the cluster grows, hands over, and shrinks. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { WRITER_PORT } from "../../src/roles/postgresql/ports.ts";
import { isRunning } from "../../src/twin/machines/inside.ts";
import { unlessLong } from "./lab-farm.ts";
import { inside, MovingFarm, Rows } from "./moving.ts";
import { guest, smallFarm } from "./small-farm.ts";

const STACK = "movepg";
/** Seconds without an acknowledged row that a planned change may cost: hand-overs, beside another test. */
const LONGEST_GAP = 10;

const title = { en: "Move", ru: "Переезд" };

const declaration: FarmDeclaration = {
  ...smallFarm(title, [guest("pg1", 141), guest("pg2", 142), guest("pg3", 143, "1 GB")]),
  clusters: [{ id: "main", title, software: "postgresql", members: ["pg1", "pg2"], witness: "pg3" }],
  databases: [{ id: "book", title, cluster: "main" }],
};

const MESH: Readonly<Record<string, string>> = { pg1: "10.80.0.41", pg2: "10.80.0.42", pg4: "10.80.0.44" };

const sql = (statement: string): string =>
  `runuser -u postgres -- timeout 5 psql -XAtq -v ON_ERROR_STOP=1 book -c '${statement}'`;

/** Fails where the host does not take the writes. */
const write = (host: string, statement: string): string =>
  `curl -sf --noproxy '*' --max-time 2 http://${MESH[host]}:${WRITER_PORT}/writer >/dev/null && ${sql(statement)}`;

describe("a member of PostgreSQL is replaced by another host", { skip: unlessLong }, () => {
  let moving: MovingFarm;

  before(async () => {
    moving = new MovingFarm({ stack: STACK, range: "10.92.0.0/24", port: "8197" }, declaration);
    await moving.up();
    const table = "CREATE TABLE line (n bigint PRIMARY KEY)";
    const made = await Promise.all(["pg1", "pg2"].map((host) => inside(STACK, host, write(host, table))));
    assert(
      made.some(({ code }) => code === 0),
      made.map(({ stderr }) => stderr).join(),
    );
  });

  after(() => moving.remove());

  test("each step is done as it is printed, and no acknowledged row is lost", async (t) => {
    const rows = new Rows(STACK, Object.keys(MESH), (host, n) =>
      write(host, `INSERT INTO line VALUES (${n}) ON CONFLICT DO NOTHING`),
    );
    const told = await moving.move("pg1", "pg4").finally(() => rows.stop());
    t.diagnostic(told.join("; "));
    const { count, gap } = await rows.stop();
    t.diagnostic(`${count} rows, longest time without one ${gap.toFixed(1)} s`);
    assert(count > 50 && gap < LONGEST_GAP, "the writes went on");
    for (const host of ["pg2", "pg4"]) {
      const { stdout } = await inside(STACK, host, sql("SELECT count(*) FROM line"));
      assert.equal(Number(stdout), count, `rows on ${host}`);
    }
    assert.equal(isRunning(STACK, "pg1"), false);
  });
});
