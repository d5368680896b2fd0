/** Secrets raised to a new generation in one run, under streams of edits and of rows: nobody notices, and the former ones are refused. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { killHost, underEdits } from "./faults.ts";
import { awaitGreen, farm, on, withoutRoot } from "./lab-farm.ts";
import { type Inserted, underInserts } from "./load.ts";
import { answersHandshake, databaseSays, getsIn, type Leaver, Program } from "./rotation-farm.ts";

const PASSWORD = "password/mariadb/pravka";
const HALF_WAY = { [PASSWORD]: 2 };
const ALL = { ...HALF_WAY, "wireguard/db1": 2, "wireguard/web2": 2, "ssh-host-key/web1": 2 };
const SERVER = { ...ALL, "ssh-host-key/zhelezo1": 2 };
const ADMINISTRATOR = { ...SERVER, "password/mediawiki/pravka/admin": 2 };

function makeLeaver(directory: string): Leaver & { privateKey: string } {
  const path = join(directory, "leaver");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "leaver", "-f", path]);
  return {
    name: "leaver",
    publicKey: readFileSync(`${path}.pub`, "utf8").trim(),
    privateKey: readFileSync(path, "utf8"),
  };
}

/** Logs in again and again while something happens; returns how often that failed twice in a row, and how often it was tried. */
async function loggingIn(
  lab: TwinFarm,
  hosts: readonly string[],
  meanwhile: Promise<unknown>,
): Promise<{ tried: number; failed: number }> {
  let over = false;
  const end = () => {
    over = true;
  };
  meanwhile.then(end, end);
  let [tried, failed] = [0, 0];
  while (!over)
    for (const host of hosts) {
      tried += 1;
      if (!(await getsIn(lab, lab.target(host))) && !(await getsIn(lab, lab.target(host)))) failed += 1;
    }
  return { tried, failed };
}

test("rotation", { skip: withoutRoot }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "rotation-"));
  const leaver = makeLeaver(directory);
  const programs: Program[] = [];
  const program = (generations: Record<string, number>, leavers: Leaver[] = []): Program => {
    const made = new Program(generations, leavers);
    programs.push(made);
    return made;
  };
  const first = program({}, [leaver]);
  t.after(async () => {
    await first.purge();
    for (const each of programs) each.remove();
    rmSync(directory, { recursive: true });
  });
  await first.purge();
  await first.good();
  const before = await first.open();

  await t.test("one that fails half-way leaves the former password good", async () => {
    const halfWay = program(HALF_WAY, [leaver]);
    const { code, output } = await halfWay.upUntil("db1-activate: updating", () => {
      void killHost(before, "web2");
    });
    assert.notEqual(code, 0);
    assert.match(output, /another node of pravka serves/);
    const lab = await halfWay.open();
    for (const { keys } of [before, lab]) assert.equal(await databaseSays(lab, keys.secret(PASSWORD)), "ok");
    assert.equal((await farm(["twin", "mend", "--stack", lab.stack], 120, halfWay.root)).code, 0);
    await awaitGreen(lab, 90);
  });

  const all = program(ALL);

  await t.test("the next run completes it and rotates more, and no request fails", async (t) => {
    const as = (user: string) => ({ ...before.target("db1"), user, privateKey: leaver.privateKey });
    const sessions = ["root", leaver.name].map((user) =>
      before.ssh.run(as(user), "sleep 900", { fresh: true, limit: 1000 }),
    );
    for (const user of ["root", leaver.name])
      assert(await getsIn(before, as(user)), `${user} gets in before`);

    let logins = { tried: 0, failed: 0 };
    let rows: Inserted | undefined;
    const edits = await underEdits(before, async () => {
      rows = await underInserts(before, async () => {
        const run = all.good();
        logins = await loggingIn(before, ["db1", "web2"], run);
        await run;
      });
    });

    t.diagnostic(
      `edits: ${edits.acknowledged} of ${edits.attempts} acknowledged, longest gap ${edits.gap.toFixed(1)} s; ` +
        `rows: ${rows?.refused} of ${rows?.tried} refused, longest gap ${rows?.gap.toFixed(1)} s`,
    );
    assert.equal(edits.acknowledged, edits.attempts, JSON.stringify(edits.errors));
    assert.equal(edits.lost, 0);
    assert(edits.gap < 5);
    assert((rows?.tried ?? 0) > 20);
    assert.deepEqual([rows?.refused, rows?.lost], [0, 0]);
    assert((rows?.gap ?? 0) < 5);
    t.diagnostic(`logins of the others: ${logins.failed} of ${logins.tried} failed`);
    assert(logins.tried > 5);
    assert.equal(logins.failed, 0);
    // They end with the key, long before their time.
    for (const { code } of await Promise.all(sessions)) assert.notEqual(code, 0);
  });

  const lab = await all.open();

  await t.test("afterwards the former password is refused", async () => {
    assert.match(await databaseSays(lab, before.keys.secret(PASSWORD)), /Access denied/);
    assert.equal(await databaseSays(lab, lab.keys.secret(PASSWORD)), "ok");
  });

  await t.test("and the former WireGuard keys have no peer", async () => {
    for (const { id } of lab.inventory.hosts) {
      const known = await on(
        lab,
        id,
        "wg show wg0 peers; cat /var/lib/farm-mesh/former.json 2>/dev/null || true",
      );
      for (const rotated of ["db1", "web2"])
        assert(!known.includes(before.keys.wireguard(rotated).publicKey), `${id} knows a former key`);
    }
    const tried = (keys: TwinFarm["keys"]) =>
      answersHandshake(lab, "web2", keys.wireguard("web2").privateKey, "edge1");
    assert.equal(await tried(before.keys), false);
    assert.equal(await tried(lab.keys), true);
    await awaitGreen(lab, 60);
  });

  await t.test("and the former SSH host key, and the administrator who was removed", async () => {
    const former = { ...lab.target("web1"), hostKey: before.target("web1").hostKey };
    assert.equal(await getsIn(lab, former), false);
    assert.equal(await getsIn(lab, lab.target("web1")), true);
    for (const { id } of lab.inventory.hosts)
      for (const user of ["root", leaver.name])
        assert.equal(
          await getsIn(lab, { ...lab.target(id), user, privateKey: leaver.privateKey }),
          false,
          `${user} on ${id}`,
        );
  });

  await t.test("and a second run changes nothing", async () => {
    assert.match(await all.good(), /^0 created, 0 updated, 0 deleted/);
    for (const { id } of lab.inventory.hosts)
      assert.match(await on(lab, id, "farm-agent verify"), /"inSync": true/, id);
  });

  await t.test(
    "a server's SSH host key turns, also when it is interrupted between its two steps",
    async () => {
      const server = program(SERVER);
      await server.upUntil("zhelezo1-host-key-keep: creating", (pid) => process.kill(-pid, "SIGKILL"));
      await server.good();
      const now = await server.open();
      assert.equal(await getsIn(now, now.target("zhelezo1")), true);
      assert.equal(await getsIn(lab, lab.target("zhelezo1")), false);
      assert.equal(await on(now, "zhelezo1", "ls /etc/ssh | grep other || true"), "");
      assert.match(await server.good(), /^0 created, 0 updated, 0 deleted/);
    },
  );

  await t.test("the wiki administrator's password changes for all nodes at once", async (t) => {
    const last = program(ADMINISTRATOR);
    await last.good();
    const now = await last.open();
    const { acknowledged, attempts } = await underEdits(now, async () => {}, 0, 5);
    t.diagnostic(`${acknowledged} of ${attempts} edits with the new password`);
    assert(acknowledged > 0);
  });

  await t.test("what was given up does not come back", async () => {
    const { [PASSWORD]: _, ...lower } = ADMINISTRATOR;
    const { code, stdout, stderr } = await program(lower).up();
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /generation 1 of password\/mariadb\/pravka was given up, this host has 2/);
  });
});
