/** The lab from its declaration, applied twice; what is declared and no longer declared. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { isRunning } from "../../src/twin/machines/inside.ts";
import { lockStack } from "../../src/twin/machines/lock.ts";
import { listMachines } from "../../src/twin/machines/machine.ts";
import { run } from "../../src/twin/machines/run.ts";
import { readStatus, type Status } from "../../src/twin/status.ts";
import { copyWithExtraGuest, farm, on, ROOT, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

/** Start times of all declared units, by host. */
async function unitStarts(lab: TwinFarm): Promise<unknown> {
  const hosts = lab.inventory.hosts.map((h) => h.id);
  const reports = await Promise.all(hosts.map((host) => on(lab, host, "/usr/local/sbin/farm-agent verify")));
  return reports.map((report) => JSON.parse(report).units);
}

test("the lab, applied", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();

  await t.test("is healthy, up to date and without drift on every host", async () => {
    const status: Status = await readStatus(lab);
    for (const host of status.hosts) {
      assert.deepEqual([host.unreachable, host.unhealthy, host.drift], [undefined, [], []], host.host);
      assert(host.upToDate, `${host.host} has changes that wait`);
      assert(host.probes > 0 && host.units > 0);
    }
    for (const member of status.clusters.mariadb ?? [])
      assert.deepEqual([member.status, member.state, member.size], ["Primary", "Synced", 3], member.host);
    assert.equal(status.clusters.mariadb?.filter((m) => m.writer).length, 1);
    assert.deepEqual(status.applications[0]?.answers, { web1: 200, web2: 200, edge1: 200 });
    const days = status.applications[0]?.certificateDays ?? 0;
    assert(days >= 29 && days <= 90, `certificate: ${days} days`);
  });

  await t.test("applied again, changes nothing: no resource, no unit start", async (t) => {
    const before = await unitStarts(lab);
    const { code, stdout } = await farm(["twin", "up"]);
    assert.equal(code, 0);
    assert.match(stdout, /0 created, 0 updated, 0 deleted/);
    assert.deepEqual(await unitStarts(lab), before);
    t.diagnostic(/Done in .*/.exec(stdout)?.[0] ?? "");
  });

  await t.test("applied again by the agents themselves, changes nothing either", async () => {
    const before = await unitStarts(lab);
    await Promise.all(
      lab.plan.hosts.map(async ({ host, bundle }) => {
        const report = JSON.parse(
          (await on(lab, host.id, "/usr/local/sbin/farm-agent apply 2>/dev/null", bundle)).trim(),
        );
        assert.deepEqual(report.changes, [], host.id);
      }),
    );
    assert.deepEqual(await unitStarts(lab), before);
  });

  await t.test("says in how many keys it differs from the real stack: under ten", async () => {
    const { stdout } = await farm(["twin", "up"]);
    const [, count] = /differs from the real stack in (\d+) keys/.exec(stdout) ?? [];
    assert(Number(count) > 0 && Number(count) < 10, stdout);
  });

  await t.test("a second run at the same time says who holds the lock, and touches nothing", async () => {
    const lock = await lockStack("lab", "this test");
    try {
      const { code, stderr } = await farm(["twin", "up"]);
      assert.equal(code, 1);
      assert.match(stderr, /another run holds the twin 'lab': pid \d+, `this test`, since \d\d:\d\d:\d\d/);
    } finally {
      lock.release();
    }
  });

  await t.test("a guest that is declared appears, and one that is no longer declared goes away", async () => {
    const copy = copyWithExtraGuest();
    try {
      const added = await farm(["twin", "up"], 300, copy);
      assert.equal(added.code, 0, added.stdout + added.stderr);
      // Its Proxmox host's packet filter changes too: that is the way administrators take to the guest.
      assert.match(added.stdout, /6 created, 3 updated, 0 deleted/);
      assert(isRunning("lab", "extra1"));
      const removed = await farm(["twin", "up"], 300);
      assert.match(removed.stdout, /0 created, 3 updated, 6 deleted/);
      assert(!listMachines("lab").some((m) => m.name === "extra1"));
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  await t.test("one machine is off: status says which, and mend puts it back", async () => {
    assert.equal((await farm(["twin", "break", "web2"])).code, 0);
    const broken = await farm(["twin", "status"]);
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /web2 .*off/);
    const mended = await farm(["twin", "mend"]);
    assert.match(mended.stdout, /running after [\d.]+ s: web2/);
    const again = await farm(["twin", "up"]);
    assert.match(again.stdout, /0 created, 0 updated, 0 deleted/);
  });
});

test("a busy port and a missing right are said in one sentence with the remedy", {
  skip: withoutRoot,
}, async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const busy = await farm(["twin", "up", "--port", String(port)]);
  taken.close();
  assert.equal(busy.code, 1);
  assert.match(
    busy.stderr,
    new RegExp(`farm: port ${port} of 127.0.0.1 is busy\n  choose another: farm twin up lab --port \\d+`),
  );
  // Another user who may read the checkout wherever it lies, and nothing else.
  const caps = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
  const user = ["setpriv", "--reuid=65534", "--clear-groups", ...caps];
  const nobody = await run([...user, join(ROOT, "scripts/farm"), "twin", "up"]);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /farm: the twin needs root\n {2}run it with sudo/);
});

test("what is wrong is said before anything is touched", { skip: withoutRoot }, async () => {
  const unknown = await farm(["twin", "up", "nowhere"]);
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.match(unknown.stderr, /no stack "nowhere" is declared; there is: lab/);
  const host = await farm(["twin", "run", "db9", "--", "true"]);
  assert.equal(host.code, 2);
  assert.match(host.stderr, /no host "db9"\n {2}name one of: db1, db2/);
});
