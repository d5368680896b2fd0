/** What the roles of a PostgreSQL cluster want of its members, its witness and its far copies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { merge } from "../../../src/host/merge.ts";
import type { Contribution } from "../../../src/host/state.ts";
import { partsOf } from "../../../src/inventory/clusters.ts";
import type { Host, Inventory, PostgresCluster } from "../../../src/inventory/schema.ts";
import { findFlows } from "../../../src/plan/flows.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { accessRules } from "../../../src/roles/postgresql/access.ts";
import { dynamicConfig, memberMark } from "../../../src/roles/postgresql/config.ts";
import { postgresData } from "../../../src/roles/postgresql/member.ts";
import { connectionsOf, sizes } from "../../../src/roles/postgresql/sizes.ts";
import { sound, TIMINGS, timingFlaws } from "../../../src/roles/postgresql/timings.ts";
import { formerWitness, postgresWitness } from "../../../src/roles/postgresql/witness.ts";
import type { RoleContext } from "../../../src/roles/role.ts";

const ids = ["pg1", "pg2", "pg3", "pg4", "web1", "web2"];

const host = (id: string, memory = 2e9): Host => ({
  id,
  site: "site",
  origin: { kind: "dedicated", cores: 4 },
  mesh: `10.80.0.${11 + ids.indexOf(id)}`,
  address: `192.0.2.${11 + ids.indexOf(id)}`,
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

const title = { en: "Main", ru: "Главный" };
const cluster: PostgresCluster = {
  id: "main",
  title,
  software: "postgresql",
  version: 17,
  members: ["pg2", "pg1"],
  witness: "pg3",
  replicas: ["pg4"],
  fencing: "none",
  concessions: [],
};

const inventory: Inventory = {
  environment: "test",
  title,
  placement: { failureDomains: 1, providers: 1, roundTrip: 10, nodes: 1 },
  sites: [],
  hosts: ids.map((id) => host(id)),
  clusters: [cluster],
  applications: [
    {
      id: "tasks",
      title,
      software: "redmine",
      main: false,
      language: "en",
      database: { cluster: "main", extensions: [] },
      hostnames: ["tasks.example.org"],
      nodes: ["web2", "web1"],
      storage: { uploads: "off" },
    },
  ],
  databases: [{ id: "all", title, cluster: "main", extensions: [] }],
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
  versions: {},
};

function context(id: string, secrets: string[] = [], generations = {}): RoleContext {
  return {
    inventory,
    host: inventory.hosts.find((h) => h.id === id) ?? assert.fail(id),
    keys: deriveKeys(PREVIEW_MASTER_KEY, "test", generations),
    secret: (name) => {
      secrets.push(name);
      return `\${secret:${name}}`;
    },
  };
}

const contribution = (id: string, secrets: string[] = []): Contribution =>
  (id === "pg3" ? postgresWitness : postgresData)(context(id, secrets), cluster);

const text = (part: Contribution, ending: string): string =>
  (part.files?.find((f) => f.path.endsWith(ending)) ?? assert.fail(ending)).content;

test("every connection meets a listening port, and no state contradicts itself", () => {
  const parts = new Map(partsOf(cluster).map((id) => [id, [contribution(id)]]));
  for (const [id, contributions] of parts) merge(id, contributions);
  const flows = findFlows(parts).map((f) => {
    assert.equal(f.via, "mesh");
    return `${f.from}>${f.to}:${f.port}`;
  });
  // The witness asks no server. A far copy is open for votes, should it be promoted; all votes ask whether it was.
  assert.deepEqual(flows.filter((f) => f.startsWith("pg3>")).sort(), [
    "pg3>pg1:2379",
    "pg3>pg1:2380",
    "pg3>pg2:2379",
    "pg3>pg2:2380",
    "pg3>pg4:2379",
    "pg3>pg4:2380",
    "pg3>pg4:8009",
  ]);
  assert.deepEqual(flows.filter((f) => f.startsWith("pg4>")).sort(), [
    "pg4>pg1:2379",
    "pg4>pg1:2380",
    "pg4>pg1:5432",
    "pg4>pg1:8008",
    "pg4>pg1:8009",
    "pg4>pg2:2379",
    "pg4>pg2:2380",
    "pg4>pg2:5432",
    "pg4>pg2:8008",
    "pg4>pg2:8009",
    "pg4>pg3:2379",
    "pg4>pg3:2380",
  ]);
  assert(flows.includes("pg1>pg4:8008") && flows.includes("pg2>pg1:5432"));
});

test("a member listens on its mesh address and asks all votes, its own first", () => {
  const config = text(contribution("pg2"), "config.yml");
  assert.match(config, /listen: "10\.80\.0\.12:5432"/);
  assert.match(
    config,
    /hosts:\n {4}- "10\.80\.0\.12:2379"\n {4}- "10\.80\.0\.11:2379"\n {4}- "10\.80\.0\.13:2379"\n {2}use_proxies: true\n/,
  );
  assert.doesNotMatch(config, /0\.0\.0\.0|192\.0\.2\.|"\*/);
  assert.match(
    text(contribution("pg3"), "etcd.env"),
    /^ETCD_LISTEN_CLIENT_URLS=http:\/\/10\.80\.0\.13:2379$/m,
  );
});

test("a far copy neither votes, nor confirms writes, nor takes them over", () => {
  const copy = contribution("pg4");
  assert.equal(copy.units?.find((u) => u.name === "etcd.service")?.state, "masked");
  assert.match(text(copy, "config.yml"), /nofailover: true\n {2}nosync: true/);
  assert.match(text(contribution("pg1"), "config.yml"), /nofailover: false\n {2}nosync: false/);
  assert.deepEqual(copy.gates, []);
});

test("what a far copy becomes when it is promoted lies ready, and differs in nothing else", () => {
  const copy = contribution("pg4");
  const [declared, alone] = ["config.yml", "alone.yml"].map((name) => text(copy, name).split("\n"));
  const lines = (a: string[] = [], b: string[] = []) => a.filter((line) => !b.includes(line));
  assert.deepEqual(lines(alone, declared), [
    "# PostgreSQL main: promoted pg4",
    '    - "10.80.0.14:2379"',
    "  nofailover: false",
    "  nosync: false",
  ]);
  const program = JSON.parse(text(copy, "cluster.json"));
  assert.deepEqual(program.alone, {
    part: "member",
    votes: { pg4: "10.80.0.14" },
    members: { pg4: "10.80.0.14" },
    replicas: {},
  });
  assert.equal(JSON.parse(text(contribution("pg1"), "cluster.json")).alone, undefined);
  assert.match(copy.files?.find((f) => f.path.endsWith("/config.yml"))?.validate ?? "", /may-copy/);
});

test("each write is on two machines, and the primary gives up before the next one begins", () => {
  const dynamic = dynamicConfig({ inventory }, cluster);
  assert.equal(dynamic.synchronous_mode, true);
  assert.equal(dynamic.failsafe_mode, true);
  assert.equal(dynamic.primary_start_timeout, 0);
  assert.deepEqual(timingFlaws(TIMINGS), []);
  assert.equal(timingFlaws({ ...TIMINGS, ttl: 14 }).length, 3);
  assert.match(
    timingFlaws({ ...TIMINGS, loop_wait: 11, primary_stop_timeout: 1 })[0] ?? "",
    /^loop_wait 11 \+ 2/,
  );
  assert.throws(
    () => sound({ ...TIMINGS, retry_timeout: 10 }),
    /loop_wait 5 \+ 2 \* retry_timeout 10 > ttl 20/,
  );
});

test("who comes in, from where: the data hosts and the nodes of an application alone", () => {
  assert.deepEqual(accessRules(inventory, cluster), [
    "local all postgres peer",
    ...["10.80.0.11", "10.80.0.12", "10.80.0.14"].flatMap((address) => [
      `host all farm ${address}/32 scram-sha-256`,
      `host replication replicator ${address}/32 scram-sha-256`,
      `host postgres rewind ${address}/32 scram-sha-256`,
    ]),
    'host "tasks" +tasks 10.80.0.15/32 scram-sha-256',
    'host "tasks" +tasks 10.80.0.16/32 scram-sha-256',
  ]);
});

test("a former witness is heard and hears, and neither votes nor is asked for anything", () => {
  const moving: PostgresCluster = { ...cluster, witness: "web1", formerWitness: "pg3" };
  const given = { ...inventory, clusters: [moving] };
  const on = (id: string) => ({ ...context(id), inventory: given });
  const former = formerWitness(on("pg3"), moving);
  assert.deepEqual(
    former.units?.map(({ name, state, enabled }) => [name, state, enabled]),
    [["etcd.service", "masked", false]],
  );
  assert.deepEqual([former.gates, former.probes], [undefined, undefined]);
  assert.deepEqual(JSON.parse(text(former, "cluster.json")).votes, {
    pg1: "10.80.0.11",
    pg2: "10.80.0.12",
    web1: "10.80.0.15",
  });
  const parts = new Map(
    partsOf(moving).map((id) => {
      const plays = id === "pg3" ? formerWitness : id === "web1" ? postgresWitness : postgresData;
      return [id, [plays(on(id), moving)]];
    }),
  );
  const flows = findFlows(parts).map((f) => `${f.from}>${f.to}:${f.port}`);
  for (const other of ["pg1", "pg2", "web1"])
    for (const flow of [`pg3>${other}:2380`, `${other}>pg3:2380`]) assert(flows.includes(flow), flow);
});

test("passwords are for root and postgres alone, and the witness has none", () => {
  const secrets: string[] = [];
  contribution("pg3", secrets);
  assert.deepEqual(secrets, []);
  for (const id of ["pg1", "pg4"])
    for (const { path, content, mode, owner } of contribution(id).files ?? [])
      if (content.includes("${secret:"))
        assert(
          (mode === "0600" && owner === "root:root") || (mode === "0640" && owner === "root:postgres"),
          `${path} ${owner} ${mode}`,
        );
});

test("the service for programs names the members, not the far copies", () => {
  assert.match(text(contribution("pg4"), "pg_service.conf"), /^host=10\.80\.0\.11,10\.80\.0\.12$/m);
});

test("a raised password changes what the server has to take up; the cluster's settings are the same on all", () => {
  const marks = [{}, { "password/main/@replication": 2 }].map((generations) =>
    memberMark(context("pg1", [], generations), cluster),
  );
  assert.notEqual(marks[0], marks[1]);
  const configs = ["pg1", "pg2", "pg4"].map(
    (id) => JSON.parse(text(contribution(id), "cluster.json")).dynamic,
  );
  assert.deepEqual(configs[1], configs[0]);
  assert.deepEqual(configs[2], configs[0]);
});

test("a former version comes from Debian 12, and nothing else does; a number that is lowered is refused by the host", () => {
  const part = postgresData(context("pg1"), { ...cluster, version: 15 });
  assert(part.packages?.includes("postgresql-15") && !part.packages.includes("postgresql-17"));
  assert.match(text(part, "60-farm-bookworm.sources"), /^Suites: bookworm\n.*^Suites: bookworm-security\n/ms);
  assert.match(
    text(part, "preferences.d/60-farm-bookworm"),
    /^Pin: release n=bookworm\*\nPin-Priority: 100$/m,
  );
  assert.match(text(part, "config.yml"), /data_dir: "\/var\/lib\/postgresql\/15\/main"/);
  // PostgreSQL 15 knows no rules of sorting of its own.
  assert.doesNotMatch(text(part, "config.yml"), /builtin/);
  const validate = (p: Contribution) => p.files?.find((f) => f.path.endsWith("cluster.json"))?.validate;
  assert.match(validate(part) ?? "", /FARM_POSTGRESQL_VERSION=17/);
  assert.doesNotMatch(validate(contribution("pg1")) ?? "", /FARM_POSTGRESQL_VERSION/);
  assert(!contribution("pg1").files?.some((f) => f.path.startsWith("/etc/apt")));
});

test("sizes follow the host, connections the smallest one", () => {
  assert.equal(connectionsOf([host("pg1", 8e9), host("pg2", 2e9)]), 190);
  assert.equal(sizes(host("pg1", 64e9), 500).sharedBuffers, 15258);
  assert.equal(sizes(host("pg1", 0.5e9), 100).sharedBuffers, 128);
});
