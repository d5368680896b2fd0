import assert from "node:assert/strict";
import test from "node:test";
import { findFlows } from "../../src/plan/flows.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { hostPlan } from "../../src/plan/plan.ts";
import { orderInWaves } from "../../src/plan/waves.ts";
import type { FarmError } from "../../src/shell/errors.ts";
import { generatedInventory, labInventory, planOf } from "./farms.ts";

test("the same inventory gives the same plan, whatever the order of its lists", () => {
  const one = planOf(labInventory());
  const other = planOf(
    labInventory((farm) => {
      farm.hosts.reverse();
    }),
  );
  for (const host of one.hosts) assert.equal(hostPlan(other, host.host.id).bundle, host.bundle);
  assert.deepEqual(other.waves, one.waves);
});

test("no bundle holds the value of a secret", () => {
  const inventory = labInventory();
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
  for (const { bundle, secrets, host } of planOf(inventory).hosts) {
    assert(secrets.length > 0);
    for (const name of secrets) {
      const lines = keys
        .secret(name)
        .split("\n")
        .filter((line) => !line.startsWith("-----"));
      for (const line of lines) assert(!bundle.includes(line), `${name} stands in the bundle of ${host.id}`);
    }
  }
});

test("every secret that a bundle has a place for is handed to that host, and no other", () => {
  for (const { bundle, secrets, host } of planOf(labInventory()).hosts) {
    const places = [...bundle.matchAll(/\$\{secret:([^}]+)\}|^ {4}secret: (\S+)$/gm)].map(
      (m) => m[1] ?? m[2],
    );
    assert.deepEqual([...new Set(places)].sort(), secrets, host.id);
  }
});

test("waves: Proxmox host, then members of each cluster one by one, then nodes one by one, then the edge", () => {
  assert.deepEqual(orderInWaves(labInventory()), [
    ["zhelezo1"],
    ["db1", "pg1"],
    ["db2", "pg2"],
    ["db3", "pg3"],
    ["pg4"],
    ["web1"],
    ["web2"],
    ["edge1"],
  ]);
});

test("waves of a large farm never hold two of one quorum or two nodes of one application", () => {
  const inventory = generatedInventory(100);
  const waves = orderInWaves(inventory);
  assert.deepEqual(waves.flat().sort(), inventory.hosts.map((h) => h.id).sort());
  for (const wave of waves)
    for (const group of [
      ...inventory.clusters.map((c) => c.members),
      ...inventory.applications.map((a) => a.nodes),
    ])
      assert(wave.filter((host) => group.includes(host)).length <= 1);
  // Ten groups run side by side: their number does not add waves, but for the Proxmox hosts, which go one by one.
  assert.equal(waves.length, 10 + 3 + 6 + 3);
});

test("a raised generation changes the bundles of the hosts that hold the secret, and of no others", () => {
  const before = planOf(labInventory());
  const after = planOf(
    labInventory((farm) => {
      farm.generations = { "password/mariadb/pravka": 2 };
    }),
  );
  const changed = before.hosts
    .filter((h) => hostPlan(after, h.host.id).sha256 !== h.sha256)
    .map((h) => h.host.id);
  assert.deepEqual(changed, ["db1", "db2", "db3", "web1", "web2"]);
});

test("a connection to a port that nobody listens on is refused with both hosts named", () => {
  const contributions = new Map([
    [
      "a",
      [
        {
          role: "client",
          connects: [{ service: "x", protocol: "tcp", port: 1, to: { kind: "host", host: "b" } }],
        },
      ],
    ],
    ["b", [{ role: "server", listens: [{ service: "x", protocol: "tcp", port: 2, reach: "mesh" }] }]],
  ] as const);
  assert.throws(() => findFlows(contributions), {
    exitCode: 2,
    message: /host a: role "client" connects to b port 1\/tcp .* nothing listens/,
  });
});

test("a mesh peer is a host with declared traffic, and no other", () => {
  const config = (id: string) =>
    hostPlan(planOf(labInventory()), id).state.files.find((f) => f.path === "/etc/wireguard/wg0.conf")
      ?.content ?? "";
  const peers = (id: string) => [...config(id).matchAll(/^# (\S+)$/gm)].map((m) => m[1]);
  assert.deepEqual(peers("edge1"), ["web1", "web2"]);
  assert.deepEqual(peers("db1"), ["db2", "db3", "web1", "web2"]);
});

test("the firewall lets in what is declared, from those who declared it", () => {
  const rules =
    hostPlan(planOf(labInventory()), "db1").state.files.find((f) => f.path === "/etc/farm/firewall.nft")
      ?.content ?? "";
  assert.match(
    rules,
    /iifname "wg0" ip saddr \{[^}]*10\.80\.0\.21, 10\.80\.0\.22[^}]*\} tcp dport 3306 accept/,
  );
  assert.match(rules, /policy drop/);
  assert.doesNotMatch(rules, /dport 111|anybody/);
});

test("a plan of 1,000 hosts takes seconds, not minutes", () => {
  const start = performance.now();
  assert.equal(planOf(generatedInventory(1000)).hosts.length, 1000);
  // The figure itself is the benchmark's; this catches only a return to quadratic work.
  assert(performance.now() - start < 20_000);
});

test("a raised password is retired on the members of its cluster, once its applications have the new one", () => {
  const { hosts } = planOf(
    labInventory((farm) => {
      farm.generations = { "password/mariadb/pravka": 3 };
    }),
  );
  const retired = hosts.filter((h) => h.state.rotations.length > 0);
  assert.deepEqual(
    retired.map((h) => h.host.id),
    ["db1", "db2", "db3"],
  );
  assert.deepEqual(
    retired[0]?.state.rotations.map((r) => r.retire),
    ["/usr/local/sbin/farm-agent retire password/mariadb/pravka 3"],
  );
});

test("a host knows which hosts of its clusters are changed after it, unless its machine was made anew", () => {
  const commands = (generations: Record<string, number>, id: string) => {
    const plan = planOf(
      labInventory((farm) => {
        farm.generations = generations;
      }),
    );
    return new Set(hostPlan(plan, id).state.founding.map(({ command }) => command));
  };
  assert.deepEqual(commands({}, "db2"), new Set(["farm-galera founding db3"]));
  assert.deepEqual(commands({}, "pg1"), new Set(["farm-postgresql founding pg2 pg3 pg4"]));
  assert.deepEqual(commands({}, "db3"), new Set());
  assert.deepEqual(commands({ "machine/db2": 2 }, "db2"), new Set());
});

test("the last member makes the databases where hosts without data come after it", () => {
  const completing = planOf(labInventory())
    .hosts.filter(({ state }) =>
      state.founding.some(({ complete }) => complete?.endsWith("farm-agent databases")),
    )
    .map(({ host }) => host.id);
  // After db3 nobody comes; after pg2 the witness and the copy do.
  assert.deepEqual(completing, ["pg2"]);
});

test("a generation of what a cluster's hosts use among themselves is refused", () => {
  const raise = () =>
    planOf(
      labInventory((farm) => {
        farm.generations = { "password/postgresql/@replication": 2 };
      }),
    );
  assert.throws(raise, /generations: password\/postgresql\/@replication can't be rotated/);
});

test("a generation of what no host has is refused, and what there is is named", () => {
  const raise = () =>
    planOf(
      labInventory((farm) => {
        farm.generations = { "password/mariadb/pravkaa": 2 };
      }),
    );
  assert.throws(raise, (error: FarmError) => {
    assert.equal(error.exitCode, 2);
    assert.match(error.message, /no host has: password\/mariadb\/pravkaa$/);
    assert.match(error.remedy ?? "", /password\/mariadb\/pravka, /);
    return true;
  });
});
