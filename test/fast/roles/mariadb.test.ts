/** What the roles of a MariaDB cluster want of its members and of the hosts that use it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { merge } from "../../../src/host/merge.ts";
import type { Contribution } from "../../../src/host/state.ts";
import type { Cluster, Host, Inventory } from "../../../src/inventory/schema.ts";
import { findFlows } from "../../../src/plan/flows.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { databaseProxy } from "../../../src/roles/database-proxy.ts";
import { sizes } from "../../../src/roles/mariadb/config.ts";
import { mariadbMember } from "../../../src/roles/mariadb/member.ts";
import { CLIENT_PORT, STATE_PORT } from "../../../src/roles/mariadb/ports.ts";
import type { RoleContext } from "../../../src/roles/role.ts";

const host = (id: string, index: number, memory = 2e9): Host => ({
  id,
  site: "site",
  origin: { kind: "dedicated", cores: 4 },
  mesh: `10.80.0.${10 + index}`,
  address: `192.0.2.${10 + index}`,
  failureDomain: id,
  memory,
  share: memory,
  machine: 1,
  address6: undefined,
  guestNetwork: undefined,
  guestNetwork6: undefined,
  vSwitch: undefined,
  vSwitchAddress: undefined,
  disk: 40e9,
});

/** A farm of so many members, declared in the opposite order of their names, and one host that uses them. */
function farm(members: number): { inventory: Inventory; cluster: Cluster } {
  const ids = Array.from({ length: members }, (_, index) => `db${index + 1}`);
  const cluster: Cluster = {
    id: "main",
    title: { en: "Main", ru: "Главный" },
    software: "mariadb",
    members: ids.toReversed(),
    concessions: [],
  };
  const inventory: Inventory = {
    environment: "test",
    title: cluster.title,
    placement: { failureDomains: 1, providers: 1, roundTrip: 10, nodes: 1 },
    sites: [],
    hosts: [...ids, "web1"].map((id, index) => host(id, index + 1)),
    clusters: [cluster],
    applications: [],
    domains: [],
    edge: { kind: "hosts", hosts: [], nameservers: [], authority: { until: "2028-12-31" } },
    exceptions: [],
    generations: {},
    stack: "test",
    administrators: [],
    packageProxy: undefined,
    nameservers: [],
    adopt: [],
    imports: {},
    cloudflared: undefined,
    cloudflare: undefined,
    mailServers: [],
    redirects: [],
    trainings: [],
    databases: [],
    versions: {},
  };
  return { inventory, cluster };
}

function contribution(members: number, id: string): Contribution {
  const { inventory, cluster } = farm(members);
  const found = inventory.hosts.find((h) => h.id === id);
  assert.ok(found);
  const context: RoleContext = {
    inventory,
    host: found,
    keys: deriveKeys(PREVIEW_MASTER_KEY, "test", {}),
    secret: (name) => assert.fail(`wants the secret ${name}`),
  };
  return (id.startsWith("db") ? mariadbMember : databaseProxy)(context, cluster);
}

const text = (part: Contribution, ending: string): string => {
  const found = part.files?.find((f) => f.path.endsWith(ending));
  assert.ok(found, ending);
  return found.content;
};

for (const members of [1, 2, 3, 5])
  test(`a cluster of ${members}: every connection meets a listening port, and no state contradicts itself`, () => {
    const ids = [...Array.from({ length: members }, (_, index) => `db${index + 1}`), "web1"];
    const parts = new Map(ids.map((id) => [id, [contribution(members, id)]]));
    const flows = findFlows(parts);
    assert.equal(flows.filter((f) => f.from === "web1").length, 2 * members);
    assert.ok(flows.every((f) => f.from !== f.to && f.via === "mesh"));
    for (const [id, contributions] of parts) merge(id, contributions);
  });

test("a member listens on its mesh address, knows all members and says who it is", () => {
  const config = text(contribution(3, "db2"), "80-farm.cnf");
  assert.match(config, /^bind-address = 10\.80\.0\.12$/m);
  assert.match(config, /^wsrep_cluster_address = gcomm:\/\/10\.80\.0\.11,10\.80\.0\.12,10\.80\.0\.13$/m);
  assert.match(config, /gmcast\.listen_addr=tcp:\/\/10\.80\.0\.12:4567/);
  assert.doesNotMatch(config, /0\.0\.0\.0|192\.0\.2\./);
});

test("a commit is on disk before it is acknowledged", () => {
  assert.match(text(contribution(3, "db1"), "80-farm.cnf"), /^innodb_flush_log_at_trx_commit = 1$/m);
});

test("the likely writer is the last to be a donor", () => {
  assert.match(text(contribution(3, "db2"), "80-farm.cnf"), /^wsrep_sst_donor = "db3,db1,"$/m);
});

test("the daemon knows the members in the order of their names, whatever the order of the declaration", () => {
  const config = JSON.parse(text(contribution(3, "db3"), "galera.json"));
  assert.deepEqual(config, {
    cluster: "main",
    name: "db3",
    port: STATE_PORT,
    members: { db1: "10.80.0.11", db2: "10.80.0.12", db3: "10.80.0.13" },
  });
});

test("only the daemon starts MariaDB, and a changed configuration goes through it", () => {
  const part = contribution(3, "db1");
  const unit = (name: string) => part.units?.find((u) => u.name === name);
  assert.deepEqual(unit("mariadb.service"), {
    name: "mariadb.service",
    state: "unmanaged",
    enabled: false,
    restartOn: [],
    reloadOn: [],
  });
  assert.deepEqual(unit("farm-galera.service")?.reloadOn, [
    "/etc/mysql/mariadb.conf.d/80-farm.cnf",
    "package:mariadb-server",
    "package:galera-4",
  ]);
  assert.match(text(part, "mariadb.service.d/60-farm.conf"), /^Restart=no$/m);
});

test("memory follows the host, and a small one still works", () => {
  assert.deepEqual(sizes(host("db1", 1, 2 * 2 ** 30)), {
    pool: 816,
    redo: 204,
    gcache: 953,
    connections: 128,
  });
  const small = sizes(host("db1", 1, 512 * 2 ** 20));
  assert.ok(small.pool >= 128 && small.connections >= 64);
  const large = sizes(host("db1", 1, 64 * 2 ** 30));
  assert.deepEqual([large.redo, large.connections], [1024, 512]);
});

test("the proxy listens on loopback alone and asks each member whether it is the writer", () => {
  const part = contribution(3, "web1");
  const config = text(part, "main.cfg");
  assert.match(config, new RegExp(`^ *bind 127\\.0\\.0\\.1:${CLIENT_PORT}$`, "m"));
  assert.match(config, new RegExp(`check port ${STATE_PORT} `));
  assert.match(config, /uri \/writer$/m);
  assert.equal(config.match(/^ *server db/gm)?.length, 3);
  assert.deepEqual(
    part.listens?.map((l) => l.reach),
    ["local"],
  );
});

test("a member that uses its own cluster needs no way out to itself", () => {
  const { inventory, cluster } = farm(3);
  const member = inventory.hosts.find((h) => h.id === "db1");
  assert.ok(member);
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "test", {});
  const context: RoleContext = { inventory, host: member, keys, secret: (name) => name };
  merge("db1", [mariadbMember(context, cluster), databaseProxy(context, cluster)]);
  const others = databaseProxy(context, cluster).connects?.map((c) => c.to);
  assert.ok(others?.every((to) => to.kind === "host" && to.host !== "db1"));
});
