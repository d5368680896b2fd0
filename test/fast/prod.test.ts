/** The production cloud as it is declared: spread over providers, some of its hosts hidden behind their Proxmox host. */
import assert from "node:assert/strict";
import test from "node:test";
import { shortfalls, warnings } from "../../src/inventory/check-placement.ts";
import { costOf } from "../../src/plan/cost.ts";
import { hostPlan } from "../../src/plan/plan.ts";
import { planOf, prodInventory } from "./farms.ts";
import { host } from "./refusal.ts";

const fileOf = (id: string, path: string): string =>
  hostPlan(planOf(prodInventory()), id).state.files.find((f) => f.path === path)?.content ?? "";

/** The lines about one peer in a host's mesh configuration. */
const peerOf = (id: string, peer: string): string =>
  fileOf(id, "/etc/wireguard/wg0.conf")
    .split("\n\n")
    .find((block) => block.startsWith(`# ${peer}\n`)) ?? "";

test("what is conceded is said with its proposal, in both languages; nothing else falls short", () => {
  const inventory = prodInventory();
  const [warning, ...more] = warnings(inventory);
  assert.deepEqual(more, []);
  assert.match(
    warning ?? "",
    /^cluster mariadb: its votes contabo-de1, db1, db2 stand in 2 failure domain.*Proposal: a Hetzner Cloud server.*Предложение: сервер/,
  );
  assert.deepEqual(
    inventory.clusters.flatMap((cluster) => shortfalls(inventory, cluster)).map(({ rule }) => rule),
    ["failureDomains"],
  );
});

test("each provider is paid", () => {
  assert.deepEqual(Object.keys(costOf(prodInventory()).providers), ["contabo", "digitalocean", "hetzner"]);
});

test("a guest with a private address calls, and is not called from beyond its Proxmox host", () => {
  assert.doesNotMatch(peerOf("contabo-de1", "db1"), /Endpoint|PersistentKeepalive/);
  assert.match(peerOf("contabo-de1", "db1"), /AllowedIPs = 10\.81\.0\.11\/32/);
  assert.match(peerOf("db1", "contabo-de1"), /Endpoint = 192\.0\.2\.51:51820\nPersistentKeepalive = 25/);
  assert.match(peerOf("db1", "db2"), /Endpoint = 10\.91\.0\.12:51820$/);
  const rules = fileOf("contabo-de1", "/etc/farm/firewall.nft");
  assert.match(rules, /iifname != "wg0" ip saddr \{[^}]*\b192\.0\.2\.2\b[^}]*\} udp dport 51820 accept/);
  assert.doesNotMatch(rules, /oifname != "wg0" ip daddr 10\.91/);
  assert.match(
    fileOf("db1", "/etc/farm/firewall.nft"),
    /oifname != "wg0" ip daddr 192\.0\.2\.51 udp dport 51820/,
  );
});

test("guests of two Proxmox hosts that neither can call are refused", () => {
  const inventory = prodInventory((farm, settings) => {
    farm.hosts.push({ ...structuredClone(host(farm, "zhelezo2")), id: "zhelezo3", mesh: "10.81.0.2" });
    Object.assign(settings.addresses as object, { zhelezo3: "192.0.2.3" });
    Object.assign(settings.guestNetworks as object, { zhelezo3: "10.91.0.1/24" });
    Object.assign(host(farm, "db2").origin, { parent: "zhelezo3" });
    farm.clusters![0]!.concessions = [];
  });
  assert.throws(
    () => planOf(inventory),
    /db1 and db2 have traffic with each other, and are guests with private addresses/,
  );
});

test("a host that does several works gives each its share of the memory", () => {
  const shares = new Map(prodInventory().hosts.map(({ id, share, memory }) => [id, share / memory]));
  assert.equal(shares.get("db1"), 1);
  assert.equal(Math.round((shares.get("contabo-de1") ?? 0) * 300), 100);
  assert.match(
    fileOf("contabo-de1", "/etc/mysql/mariadb.conf.d/80-farm.cnf"),
    /^innodb_buffer_pool_size = 1008M$/m,
  );
});
