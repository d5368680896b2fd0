/** A PostgreSQL cluster brought from Debian 12's version to Debian 13's, interrupted, taken back and brought there again. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { type Result, waitUntil } from "../../src/twin/machines/run.ts";
import { editFile, farm, on, unlessLong } from "./lab-farm.ts";
import { guest, smallFarm, smallProgram } from "./small-farm.ts";

const STACK = "upgrade";
const PORT = "8195";
/** Seconds until a copy of some MB is taken and confirms, on two busy cores. */
const COPIED_WITHIN = 120;

const title = { en: "Upgrade", ru: "Обновление" };

const declaration: FarmDeclaration = {
  ...smallFarm(title, [guest("pg1", 141), guest("pg2", 142), guest("pg3", 143, "1 GB")]),
  clusters: [
    {
      id: "main",
      title,
      software: "postgresql",
      version: 15,
      members: ["pg1", "pg2"],
      witness: "pg3",
    },
  ],
  databases: [{ id: "krynka", title, cluster: "main", extensions: ["pg_trgm"] }],
};

describe("a major upgrade of PostgreSQL", { skip: unlessLong }, () => {
  let root = "";
  let twin: TwinFarm;
  /** The member that takes the writes. */
  let first = "";

  const up = (): Promise<Result> => farm(["twin", "up", STACK, "--port", PORT], 900, root);
  const declare = (from: number, to: number) =>
    editFile(root, "stacks/declarations.ts", (text) => text.replace(`"version":${from}`, `"version":${to}`));
  const sql = async (host: string, statement: string): Promise<string> =>
    (await on(twin, host, "runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 krynka", statement)).trim();
  const command = (words: string, limit = 600): Promise<Result> =>
    twin.ssh.run(twin.target(first), `farm-postgresql ${words}`, { limit });
  const good = async (words: string): Promise<string> => {
    const { code, stdout, stderr } = await command(words);
    assert.equal(code, 0, `farm-postgresql ${words}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const primary = async (): Promise<string | undefined> =>
    JSON.parse(await on(twin, "pg1", "farm-postgresql status --json")).primary;
  /** Waits until somebody takes writes and the other member confirms them, both with a version. */
  async function settled(version: number): Promise<void> {
    const end = performance.now() + COPIED_WITHIN * 1000;
    let told = "";
    for (;;) {
      told = await on(twin, "pg1", "farm-postgresql status --json");
      const { sync, servers } = JSON.parse(told);
      const versions = Object.values(servers).map((s) =>
        Math.floor(((s as { version: number } | null)?.version ?? 0) / 10_000),
      );
      if (sync && versions.every((v) => v === version)) return;
      if (performance.now() > end)
        assert.fail(`no two members of version ${version} within ${COPIED_WITHIN} s: ${told}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  const rows = async (): Promise<string> => sql(first, "SELECT count(*), sum(length(line)) FROM book");

  before(async () => {
    root = smallProgram(STACK, "10.95.0.0/24", declaration);
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
    twin = (await (
      await import(pathToFileURL(join(root, "src/twin/farm.ts")).href)
    ).openRunningFarm(STACK)) as TwinFarm;
    first = (await primary()) ?? assert.fail("nobody takes the writes");
    await sql(
      first,
      "CREATE TABLE book (n int PRIMARY KEY, line text); CREATE INDEX ON book USING gin (line gin_trgm_ops);" +
        "INSERT INTO book SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 20000) n",
    );
  });

  after(async () => {
    await farm(["twin", "down", STACK, "--purge"], 120, root);
    rmSync(root, { recursive: true });
  });

  test("another number in the declaration changes nothing of the data", async () => {
    declare(15, 17);
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
    await settled(15);
    assert.match((await up()).stdout, /0 created, 0 updated, 0 deleted/);
    assert.match((await command("upgrade 16")).stderr, /version 17 is declared here: declare version 16/);
    assert.match(await good("upgrade --check 17"), /nothing speaks against it/);
  });

  test("killed while nobody writes, it never was: the former version serves again by itself", async () => {
    const killed = await twin.ssh.run(
      twin.target(first),
      `farm-postgresql upgrade 17 >/run/upgrade.told & pid=$!
timeout 120 sh -c 'until grep "writes are stopped" /run/upgrade.told; do sleep 0.1; done'
sleep 1; kill -KILL $pid`,
      { limit: 300 },
    );
    assert.match(killed.stdout, /the writes are stopped/, killed.stderr);
    await settled(15);
    // For its members that was the loss of a primary: the other one may have taken over.
    first = (await primary()) ?? assert.fail("nobody takes the writes");
    assert.equal(await rows(), "20000|2560000");
    await sql(first, "INSERT INTO book VALUES (0, 'after the interruption')");
  });

  test("its machine lost while nobody writes, the other goes on with the former version by a word", async () => {
    const lost = first;
    const other = lost === "pg1" ? "pg2" : "pg1";
    const giveUp = () =>
      twin.ssh.run(twin.target(other), `farm-postgresql upgrade --lost ${lost}`, { limit: 60 });
    const machine = (verb: "break" | "mend") =>
      farm(["twin", verb, ...(verb === "break" ? [lost] : []), "--stack", STACK], 120, root);
    assert.match((await giveUp()).stderr, /no upgrade is under way on/);
    const begun = await twin.ssh.run(
      twin.target(lost),
      `setsid farm-postgresql upgrade 17 >/run/upgrade.told 2>&1 </dev/null &
timeout 120 sh -c 'until grep "writes are stopped" /run/upgrade.told; do sleep 0.1; done'`,
      { limit: 300 },
    );
    assert.match(begun.stdout, /the writes are stopped/, begun.stderr);
    assert.match((await giveUp()).stderr, new RegExp(`${lost} answers, so it is not lost`));
    assert.equal((await machine("break")).code, 0);
    const given = await giveUp();
    assert.equal(given.code, 0, given.stderr);
    await waitUntil(
      async () => JSON.parse(await on(twin, other, "farm-postgresql status --json")).primary === other,
      60,
      () => `${other} does not take the writes`,
    );
    first = other;
    await sql(first, "UPDATE book SET line = line WHERE n = 0");
    assert.equal((await machine("mend")).code, 0);
    await settled(15);
    assert.equal(await rows(), "20001|2560022");
  });

  test("the data comes to the declared version, and the other member takes a copy", async (t) => {
    const told = await good("upgrade 17");
    t.diagnostic(/writes were away for [\d.]+ s/.exec(told)?.[0] ?? assert.fail(told));
    await settled(17);
    assert.equal(await rows(), "20001|2560022");
    assert.match(await sql(first, "SHOW server_version"), /^17\./);
    await sql(first, "INSERT INTO book VALUES (-1, 'written with 17')");
    assert.match((await up()).stdout, /0 created, 0 updated, 0 deleted/);
  });

  test("a number that is lowered is refused, with the way back named", async () => {
    declare(17, 15);
    const { code, stdout, stderr } = await up();
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /the data here is of PostgreSQL 17.*upgrade --back tells of the way back/s);
    declare(15, 17);
    assert.equal((await up()).code, 0);
  });

  test("the way back says what it loses, asks for a word, and brings the former data as it was", async (t) => {
    const asked = await command("upgrade --back");
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /this loses all that was written since .*--lose-writes/);
    const told = await good("upgrade --back --lose-writes");
    t.diagnostic(/writes were away for [\d.]+ s/.exec(told)?.[0] ?? assert.fail(told));
    await settled(15);
    assert.equal(await rows(), "20001|2560022");
    assert.equal(await sql(first, "SELECT count(*) FROM book WHERE n = -1"), "0");
    assert.equal((await up()).code, 0);
  });

  test("there again, what was kept is removed by a word of its own", async () => {
    await good("upgrade 17");
    await settled(17);
    assert.equal(await rows(), "20001|2560022");
    for (const host of ["pg1", "pg2"])
      assert.match(await on(twin, host, "farm-postgresql remove-former"), /removed .*\/15\/main/);
    const { stderr } = await command("upgrade --back --lose-writes");
    assert.match(stderr, /is not here any more: there is no way back/);
    await settled(17);
  });
});
