/** The production cloud's twin: hosts of four kinds, over three providers, two clusters and applications on them. */
import assert from "node:assert/strict";
import test from "node:test";
import { openRunningFarm } from "../../src/twin/farm.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { readStatus } from "../../src/twin/status.ts";
import { farm, on, withoutRoot } from "./lab-farm.ts";

const STACK = "prod";
/** The lab's twin has the ports from 8080 on. */
const UP = ["twin", "up", STACK, "--port", "8280"];

test("the production cloud", { skip: withoutRoot }, async (t) => {
  t.after(() => farm(["twin", "down", STACK, "--purge"]));
  const { code, stdout, stderr } = await farm(UP);
  assert.equal(code, 0, stdout + stderr);
  t.diagnostic(/Done in .*/.exec(stdout)?.[0] ?? "");
  const prod = await openRunningFarm(STACK);

  await t.test(
    "the twin says in which keys it differs: addresses and numbers of its own, and no more",
    () => {
      assert.match(
        stdout,
        /differs from the real stack in 7 keys: farms:addresses, farms:administrators, farms:guestNetworks, farms:imports, farms:masterKey, farms:packageProxy, farms:privateKey\n/,
      );
    },
  );

  await t.test("every host is healthy, and each cluster has its members at three providers", async () => {
    const status = await readStatus(prod);
    for (const host of status.hosts)
      assert.deepEqual([host.unreachable, host.unhealthy, host.drift], [undefined, [], []], host.host);
    const told = await on(prod, "pg1", "farm-postgresql status");
    for (const host of ["pg1", "contabo-de1", "contabo-stl1", "do-nyc1-b"])
      assert.match(told, new RegExp(host));
    assert.equal(
      (await on(prod, "contabo-de1", "mariadb -BN", "SHOW STATUS LIKE 'wsrep_cluster_size'")).trim(),
      "wsrep_cluster_size\t3",
    );
  });

  await t.test("a guest called the servers beyond its Proxmox host, which can't call it", async () => {
    const peers = await on(prod, "contabo-de1", "wg show wg0 endpoints");
    assert.match(
      await on(prod, "contabo-de1", "cat /etc/wireguard/wg0.conf"),
      /# db1\n\[Peer\]\n[^[]*AllowedIPs[^E]*\n(?!Endpoint)/,
    );
    assert.doesNotMatch(peers, /\(none\)/);
  });

  await t.test("users reach the wiki by each edge", async () => {
    for (const edge of prod.inventory.edge.hosts) {
      const address = prod.inventory.hosts.find((h) => h.id === edge)?.address;
      const page = await runInNamespace(STACK, [
        ...["curl", "--silent", "--show-error", "--fail", "--insecure", "--location", "--max-time", "20"],
        ...["--resolve", `pravka.opplet.net:443:${address}`, "https://pravka.opplet.net/"],
      ]);
      assert.equal(page.code, 0, page.stderr);
      assert.match(page.stdout, /Правка/);
    }
  });

  await t.test("applied again, changes nothing", async () => {
    const again = await farm(UP);
    assert.equal(again.code, 0, again.stdout + again.stderr);
    assert.match(again.stdout, /0 created, 0 updated, 0 deleted/);
  });
});
