/** Databases saved, restored beside and brought back by the handbook's own commands, while the lab is at work. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { hostOf } from "../../src/inventory/load.ts";
import { drilledCluster } from "../../src/twin/drills/cluster.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { run } from "../../src/twin/machines/run.ts";
import { awaitGreen, on, ROOT, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

const HEADING = "## Save databases, and bring them back\n";
/** The handbook's primary, which the lab may have made another. */
const PRIMARY = "pg1";
const NODES = ["web1", "web2"];

/** Paragraphs of commands in the handbook: MariaDB, PostgreSQL, the way back of either. */
function handbook(): string[][] {
  const [, section = ""] = readFileSync(join(ROOT, "docs/en/how-to.md"), "utf8").split(HEADING);
  const [own = ""] = section.split(/^## /m);
  return own
    .split("\n\n")
    .filter((paragraph) => paragraph.startsWith("    "))
    .map((paragraph) => paragraph.split("\n").map((line) => line.trim()));
}

/** A folder of an administrator's computer, whose `ssh` reaches the twin's hosts. */
class Computer {
  readonly dir = mkdtempSync(join(tmpdir(), "restore-"));

  constructor(primary: string) {
    const ssh = `#!/bin/sh
PATH=${process.env.PATH}
host=$1
shift
[ "$host" = ${PRIMARY} ] && host=${primary}
exec ${ROOT}/scripts/farm twin run "$host" -- "$@"
`;
    writeFileSync(join(this.dir, "ssh"), ssh);
    chmodSync(join(this.dir, "ssh"), 0o755);
  }

  /** Types commands, each of which has to succeed. Returns what they print. */
  async type(t: TestContext, ...commands: readonly string[]): Promise<string> {
    const began = performance.now();
    const env = { ...process.env, PATH: `${this.dir}:${process.env.PATH}` };
    const script = ["set -e", `cd ${this.dir}`, ...commands].join("\n");
    const { code, stdout, stderr } = await run(["bash", "-c", script], { env, limit: 300 });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    t.diagnostic(`${((performance.now() - began) / 1000).toFixed(1)} s: ${commands.join("; ")}`);
    return stdout;
  }

  /** Size in bytes of a file, which nobody else can read. */
  size(name: string): number {
    const { mode, size } = statSync(join(this.dir, name));
    assert.equal(mode & 0o077, 0, `${name} is for its owner alone`);
    return size;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

const everyNode = (lab: TwinFarm, command: string): Promise<string[]> =>
  Promise.all(NODES.map((node) => on(lab, node, command)));

const PHP = "sudo -u www-data php /usr/share/mediawiki/maintenance/run.php";
const TITLE = `Restore${Date.now()}`;

/** What a node's application answers to a request for a page, as a status. */
const statuses = (lab: TwinFarm, name: string, path: string): Promise<string[]> =>
  Promise.all(
    NODES.map((node) =>
      on(
        lab,
        node,
        `curl -sS --max-time 60 -o /dev/null -w '%{http_code}' --resolve ${name}:80:${hostOf(lab.inventory, node).mesh} 'http://${name}${path}'`,
      ),
    ),
  );

test("databases are saved and brought back as the handbook says", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const primary = await drilledCluster(lab, "postgresql").writer();
  const [mariadb = [], postgresql = [], back = []] = handbook();
  const [umask = ""] = mariadb;
  const computer = new Computer(primary);
  t.after(() => computer.remove());
  const psql = (query: string) => on(lab, primary, "sudo -u postgres psql -d redmine -Atq", query);

  // What is broken on purpose comes after what is to mend it in the same test: where that fails nothing is broken.
  await t.test("the wiki: a dump is restored beside it, and brings back pages that are gone", async (t) => {
    const [restore = ""] = back;
    await on(lab, "web1", `${PHP} edit ${TITLE}`, "before the dump");
    const told = await computer.type(t, ...mariadb);
    assert(computer.size("pravka.sql.gz") > 10_000);
    const revisions = "SELECT COUNT(*) FROM revision";
    const count = await on(lab, "db1", "mariadb --batch --skip-column-names pravka", revisions);
    assert.match(told, new RegExp(`^${count.trim()}\\t\\d{14}$`, "m"));
    const databases = await on(lab, "db1", "mariadb --batch --skip-column-names", "SHOW DATABASES");
    assert(!databases.includes("restored"), databases);

    await on(lab, "web1", `${PHP} edit ${TITLE}`, "after the dump");
    await everyNode(lab, "systemctl stop php8.4-fpm");
    await on(lab, "db2", "mariadb pravka", "DROP TABLE revision, page");
    await computer.type(t, umask, restore);
    await everyNode(lab, "systemctl start php8.4-fpm");
    assert.deepEqual(await everyNode(lab, `${PHP} getText ${TITLE}`), ["before the dump", "before the dump"]);
    assert.deepEqual(await statuses(lab, "pravka.lab.opplet.net", `/wiki/${TITLE}`), ["200", "200"]);
  });

  await t.test("Redmine: a dump is restored beside it, and brings back users that are gone", async (t) => {
    const [, restore = ""] = back;
    const users = "SELECT id, login, hashed_password FROM users ORDER BY id";
    const told = await computer.type(t, umask, ...postgresql);
    assert(computer.size("redmine.dump") > 10_000);
    const before = await psql(users);
    assert.match(told, new RegExp(`^ +${before.trim().split("\n").length} \\|`, "m"));
    assert(!(await psql("SELECT datname FROM pg_database")).includes("restored"));

    await everyNode(lab, "systemctl stop farm-redmine");
    await psql("DROP TABLE users, issues");
    await computer.type(t, umask, restore);
    await everyNode(lab, "systemctl start farm-redmine");
    assert.equal(await psql(users), before);
    await awaitGreen(lab, 300);
    assert.deepEqual(await statuses(lab, "redmine.lab.opplet.net", "/login"), ["200", "200"]);
  });

  await t.test("a dump that breaks off is seen", async (t) => {
    const [, dump = ""] = mariadb;
    const cut = dump.replace("--single-transaction pravka", "--single-transaction nothing");
    await assert.rejects(computer.type(t, umask, cut), /Unknown database 'nothing'/);
  });
});
