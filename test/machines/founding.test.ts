/** Clusters on hosts that run already: none of their members can found one before the last of them is changed. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { insideMachine } from "../../src/twin/machines/inside.ts";
import { type Result, run } from "../../src/twin/machines/run.ts";
import { editFile, farm, unlessLong } from "./lab-farm.ts";
import { guest, smallFarm, smallProgram } from "./small-farm.ts";

const STACK = "founding";
const PORT = "8189";
const HOSTS = ["a1", "a2", "a3"];

const title = { en: "Founding", ru: "Основание" };

const empty = smallFarm(title, [guest("a1", 111), guest("a2", 112), guest("a3", 113)]);

const declaration: FarmDeclaration = {
  ...empty,
  clusters: [
    { id: "tables", title, software: "mariadb", members: HOSTS },
    { id: "records", title, software: "postgresql", members: ["a1", "a2"], witness: "a3" },
  ],
  databases: [
    { id: "book", title, cluster: "tables" },
    { id: "krynka", title, cluster: "records", extensions: ["pg_trgm"] },
  ],
};

describe("clusters on hosts that run already", { skip: unlessLong }, () => {
  let root = "";
  const up = (): Promise<Result> => farm(["twin", "up", STACK, "--port", PORT], 900, root);
  async function inside(host: string, command: string): Promise<string> {
    const { code, stdout, stderr } = await run(insideMachine(STACK, host, ["sh", "-c", command]), {
      limit: 300,
    });
    assert.equal(code, 0, `${host}: ${command}\n${stderr}`);
    return stdout.trim();
  }

  before(async () => {
    root = smallProgram(STACK, "10.89.0.0/24", empty);
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
  });

  after(async () => {
    await farm(["twin", "down", STACK, "--purge"], 120, root);
    rmSync(root, { recursive: true });
  });

  test("data that a host has already is refused and kept: the cluster's would replace it", async () => {
    await inside(
      "a2",
      "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qqy install mariadb-server",
    );
    await inside(
      "a2",
      "mariadb -e 'CREATE DATABASE wordpress; CREATE TABLE wordpress.posts (n INT PRIMARY KEY)'",
    );
    editFile(root, "stacks/declarations.ts", (text) =>
      text.replace(JSON.stringify(empty), () => JSON.stringify(declaration)),
    );
    const { code, stdout, stderr } = await up();
    assert.notEqual(code, 0);
    const told = stdout + stderr;
    assert.match(told, /\/var\/lib\/mysql\/wordpress\/\s+.*these databases already.*save them/s);
    assert.match(told, /a1-confirm: done/, "the one before was begun");
    assert.match(await inside("a2", "mariadb -BN -e 'SHOW TABLES FROM wordpress'"), /^posts$/);
  });

  test("each is begun, and the last one founds the cluster; databases and accounts are there", async () => {
    await inside("a2", "mariadb -e 'DROP DATABASE wordpress'");
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
    for (const host of HOSTS)
      assert.match(await inside(host, "mariadb -BN -e 'SHOW DATABASES'"), /^book$/m, host);
    const { primary, sync } = JSON.parse(await inside("a1", "farm-postgresql status --json"));
    assert(primary && sync, "one takes the writes, another confirms them");
    const roles = await inside("a1", "runuser -u postgres -- psql -XAtqc '\\du' krynka");
    assert.match(roles, /^krynka_1\|/m);
  });

  test("applied again, nothing is changed", async () => {
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /0 created, 0 updated, 0 deleted/);
  });
});
