/** What clusters of all kinds share, on a farm that has both. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { kindOf, kinds } from "../../src/clusters/kinds.ts";
import { merge } from "../../src/host/merge.ts";
import type { FileState } from "../../src/host/state.ts";
import { partsOf } from "../../src/inventory/clusters.ts";
import { clusterOf, hostOf } from "../../src/inventory/load.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { type HostPlan, hostPlan, type Plan } from "../../src/plan/plan.ts";
import { orderInWaves } from "../../src/plan/waves.ts";
import { databaseLogin } from "../../src/roles/secrets.ts";
import { printPlan } from "../../src/shell/plan-view.ts";
import { bothInventory, labInventory, planOf } from "./farms.ts";

const inventory = bothInventory();
const plan = planOf(inventory);

const fileOf = ({ state, host }: HostPlan, path: string): FileState => {
  const found = state.files.find((f) => f.path === path);
  assert(found, `${path} on ${host.id}`);
  return found;
};
const entry = (of: Plan, host: string, head: string): string =>
  hostPlan(of, host)
    .bundle.split("\n\n")
    .find((text) => text.startsWith(`${head}\n`)) ?? "";
const hostsWith = (of: Plan, found: (host: HostPlan) => boolean): string[] =>
  of.hosts.filter(found).map(({ host }) => host.id);

test("waves: no two hosts of one cluster are in change together, be they votes, witness or copies", () => {
  const waves = orderInWaves(inventory);
  for (const wave of waves)
    for (const cluster of inventory.clusters)
      assert(wave.filter((host) => partsOf(cluster).includes(host)).length <= 1, wave.join());
  // Two clusters go side by side, and both before what uses them.
  assert.deepEqual(waves.slice(0, 5), [
    ["zhelezo1"],
    ["db1", "pg1"],
    ["db2", "pg2"],
    ["db3", "pg3"],
    ["pg4"],
  ]);
});

test("databases and accounts are the members' affair, with what was declared of them", () => {
  assert.equal(
    entry(plan, "pg1", "database krynka"),
    "database krynka\n    role: databases of postgresql\n    engine: postgresql\n    extensions: btree_gist pg_trgm",
  );
  assert.equal(
    entry(plan, "pg2", "database-account taiga"),
    "database-account taiga\n    role: databases of postgresql\n    engine: postgresql\n    secret: password/postgresql/taiga\n    connections: 60",
  );
  assert.equal(
    entry(plan, "db3", "database-account pravka"),
    "database-account pravka\n    role: databases of mariadb\n    engine: mariadb\n    secret: password/mariadb/pravka\n    grants: ALL PRIVILEGES ON `pravka`.*",
  );
  assert.deepEqual(
    hostsWith(plan, ({ state }) => state.databases.some((d) => d.name === "krynka")),
    ["pg1", "pg2"],
  );
});

test("extensions bring their packages to the hosts with the data", () => {
  assert.deepEqual(
    hostsWith(plan, ({ state }) => state.packages.includes("postgresql-17-pgvector")),
    ["pg1", "pg2", "pg4"],
  );
});

test("one database name in two clusters of one host is refused: a bundle has one entry of a name", () => {
  const databases = [
    { engine: "mariadb", name: "x" },
    { engine: "postgresql", name: "x", extensions: [] },
  ] as const;
  const both = databases.map((database) => ({ role: database.engine, databases: [database] }));
  assert.throws(() => merge("h", both), {
    exitCode: 2,
    message: /"mariadb" and "postgresql" both want database x/,
  });
});

test("the way to MariaDB's writer", () => {
  const config = fileOf(hostPlan(plan, "web1"), "/etc/farm/database-proxy/mariadb.cfg").content;
  assert.equal(
    config.slice(config.indexOf("listen")),
    `listen mariadb
    bind 127.0.0.1:3306
    balance first
    tcp-request inspect-delay 8s
    tcp-request content lua.hold mariadb 3
    retries 5
    option redispatch 1
    option httpchk
    http-check send meth GET uri /writer
    http-check expect status 200
    # One slow answer is forgiven. A former writer that lives ends its clients' sessions itself (daemon.py).
    default-server check port 9200 inter 500ms fall 2 rise 1
    server db1 10.80.0.11:3306 tcp-ut 3s
    server db2 10.80.0.12:3306 tcp-ut 3s
    server db3 10.80.0.13:3306 tcp-ut 3s
`,
  );
});

test("the ways to PostgreSQL's primary and to copies that are hardly late, the witness in neither", () => {
  const web3 = hostPlan(plan, "web3");
  const [writer = "", reading = ""] = fileOf(web3, "/etc/farm/database-proxy/postgresql.cfg")
    .content.split(/^listen /m)
    .slice(1);
  assert.match(writer, /^postgresql\n {4}bind 127\.0\.0\.1:5432\n {4}balance first$/m);
  assert.match(writer, /check send meth GET uri \/writer$/m);
  // A new session waits while nobody takes the writes.
  assert.match(writer, /^ {4}tcp-request content lua\.hold postgresql 4$/m);
  assert.match(writer, /check port 8009 /);
  assert.match(reading, /^postgresql-reading\n {4}bind 127\.0\.0\.1:5433\n {4}balance leastconn$/m);
  assert.match(reading, /check send meth OPTIONS uri \/replica\?lag=16MB$/m);
  assert.match(reading, /check port 8008 /);
  for (const way of [writer, reading]) {
    assert.deepEqual(
      [...way.matchAll(/^ {4}server (\S+) \S+:5432 tcp-ut 3s$/gm)].map((m) => m[1]),
      ["pg1", "pg2", "pg4"],
    );
  }
  const flows = plan.flows.filter(
    ({ from, to, via }) => from === "web3" && to.startsWith("pg") && via === "mesh",
  );
  const ports = (host: string) => new Set(flows.filter((f) => f.to === host).map((f) => f.port));
  for (const host of ["pg1", "pg2", "pg4"]) assert.deepEqual(ports(host), new Set([5432, 8008, 8009]));
  assert.deepEqual(ports("pg3"), new Set());
  assert.deepEqual(
    web3.state.probes.map((probe) => probe.name).filter((name) => /way|pool/.test(name)),
    ["the pool of postgresql answers", "way to the primary of postgresql"],
  );
});

test("a pool stands where an application declares one, and only its own account may read the password", () => {
  const raised = planOf(
    bothInventory((farm) => {
      farm.generations = { "password/postgresql/taiga": 2 };
    }),
  );
  const web4 = hostPlan(raised, "web4");
  const users = fileOf(web4, "/etc/pgbouncer/userlist.txt");
  assert.deepEqual([users.owner, users.mode], ["root:postgres", "0640"]);
  assert.equal(users.content, `"taiga_2" "\${secret:password/postgresql/taiga}"\n`);
  const config = fileOf(web4, "/etc/pgbouncer/pgbouncer.ini").content;
  assert.match(config, /^taiga = host=127\.0\.0\.1 port=5432 dbname=taiga pool_size=20$/m);
  assert.match(config, /^pool_mode = transaction$/m);
  assert.match(config, /^auth_type = scram-sha-256$/m);
  const without = planOf(
    bothInventory((farm) => {
      delete farm.applications![1]!.database.pool;
    }),
  );
  assert.deepEqual(
    [plan, without].map((each) => hostsWith(each, ({ state }) => state.packages.includes("pgbouncer"))),
    [["web3", "web4"], []],
  );
});

test("a raised password is retired on the members; PostgreSQL's login goes by its generation, MariaDB's stays", () => {
  const generations = { "password/postgresql/taiga": 2, "password/mariadb/pravka": 2 };
  const raised = bothInventory((farm) => {
    farm.generations = generations;
  });
  const retiring = (secret: string) =>
    hostsWith(planOf(raised), ({ state }) => state.rotations.some((r) => r.secret === secret && r.retire));
  assert.deepEqual(retiring("password/postgresql/taiga"), ["pg1", "pg2"]);
  assert.deepEqual(retiring("password/mariadb/pravka"), ["db1", "db2", "db3"]);
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", generations);
  const context = { inventory: raised, host: hostOf(raised, "web3"), keys, secret: (name: string) => name };
  assert.deepEqual(
    raised.applications.map((application) => databaseLogin(context, application)),
    ["pravka", "taiga_2"],
  );
});

test("software of a quorum is not upgraded by itself", () => {
  const held = (of: Plan) =>
    /Package-Blacklist \{(.*)\}/.exec(
      fileOf(hostPlan(of, "web1"), "/etc/apt/apt.conf.d/60farm-upgrades").content,
    )?.[1];
  assert.equal(held(plan), ' "^mariadb-"; "^galera-"; "^postgresql-"; "^patroni$"; "^etcd-"; ');
  const alone = labInventory((farm) => {
    farm.clusters = farm.clusters!.filter(({ software }) => software === "mariadb");
    farm.applications = farm.applications!.filter(({ database }) => database.cluster === "mariadb");
    farm.databases = [];
  });
  assert.equal(held(planOf(alone)), ' "^mariadb-"; "^galera-"; ');
});

test("each kind is a component of its own type", () => {
  assert.deepEqual(
    Object.values(kinds).map(({ token }) => token),
    ["farms:clusters:MariaDbCluster", "farms:clusters:PostgresCluster"],
  );
});

test("what Patroni and etcd tell is read as what MariaDB's members tell", () => {
  const cluster = clusterOf(inventory, "postgresql");
  const questions = kindOf(cluster).questions(inventory, cluster);
  assert.deepEqual(
    questions.map(({ host, urls }) => [host, urls.length]),
    [
      ["pg1", 2],
      ["pg2", 2],
      ["pg4", 2],
      ["pg3", 1],
    ],
  );
  const read = (index: number, ...answers: unknown[]) => questions[index]?.read(answers);
  const members = [
    { name: "pg1", role: "leader", state: "running", timeline: 2 },
    { name: "pg2", role: "sync_standby", state: "streaming", lag: 0 },
    { name: "pg4", role: "replica", state: "stopped", lag: "unknown" },
  ];
  assert.deepEqual(read(0, { state: "running", role: "primary", xlog: { location: 500 } }, { members }), {
    status: "leader",
    state: "running",
    size: 2,
    committed: 500,
    lag: null,
    writer: true,
  });
  const xlog = { received_location: 400, replayed_location: 390 };
  assert.deepEqual(read(1, { state: "running", role: "replica", xlog }, { members }), {
    status: "sync_standby",
    state: "running",
    size: 2,
    committed: 400,
    lag: 0,
    writer: false,
  });
  assert.deepEqual(read(3, { health: "true", reason: "" }), { status: "vote", state: "healthy" });
  const mariadb = clusterOf(inventory, "mariadb");
  const wsrep = { status: "Primary", state: "Synced", size: 3, committed: 7, ready: true };
  assert.deepEqual(
    kindOf(mariadb)
      .questions(inventory, mariadb)[0]
      ?.read([{ wsrep, writer: "db1", name: "db1" }]),
    { status: "Primary", state: "Synced", size: 3, committed: 7, writer: true },
  );
});

test("the plan names who has a vote alone, who copies, and what is kept ready", () => {
  const text = printPlan(plan, {});
  assert.match(text, /^ {2}mariadb: mariadb on db1, db2, db3$/m);
  assert.match(text, /^ {2}postgresql: postgresql on pg1, pg2; a vote alone on pg3; copies on pg4$/m);
  assert.match(text, /^ {2}krynka: Krynka \(Крынка\), in postgresql$/m);
});

test("a password is known to PostgreSQL by what RFC 7677 makes of it", () => {
  const folder = new URL("../../src/host/agent", import.meta.url).pathname;
  const program = `import sys; sys.path.insert(0, ${JSON.stringify(folder)}); sys.dont_write_bytecode = True
import base64, postgresql
kept = postgresql.verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
print(kept, postgresql.verifies(kept, "pencil"), postgresql.verifies(kept, "pen"), postgresql.verifies(None, "pencil"))`;
  // The salt and password of the RFC's example, and what its proofs can be checked with.
  assert.equal(
    execFileSync("python3", ["-c", program], { encoding: "utf8" }).trim(),
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU= True False False",
  );
});
