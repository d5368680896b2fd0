import assert from "node:assert/strict";
import test from "node:test";
import { bothInventory, labInventory, PRICE } from "./farms.ts";
import { type Change, host, refusal } from "./refusal.ts";

test("the lab as it is declared is accepted, with sizes in bytes and failure domains derived", () => {
  const { hosts } = labInventory();
  const db1 = hosts.find((h) => h.id === "db1");
  assert.equal(db1?.memory, 2e9);
  assert.equal(db1?.failureDomain, "zhelezo1");
  assert.equal(db1?.address, "10.90.0.11");
});

const refused: [string, Change, RegExp][] = [
  [
    "two hosts with one mesh address",
    (farm) => {
      host(farm, "db2").mesh = "10.80.0.11";
    },
    /hosts db1 and db2 have one mesh address, 10\.80\.0\.11; give each its own/,
  ],
  [
    "two hosts with one address",
    (_, settings) => {
      Object.assign(settings.addresses as object, { db2: "10.90.0.11" });
    },
    /hosts db1 and db2 have one address, 10\.90\.0\.11/,
  ],
  [
    "a host without an address",
    (_, settings) => {
      delete (settings.addresses as Record<string, string>).web2;
    },
    /host web2 has no address; write one: pulumi config set --path 'farms:addresses\.web2' ADDRESS/,
  ],
  [
    "a wrong address",
    (_, settings) => {
      Object.assign(settings.addresses as object, { db1: "10.90.0.256" });
    },
    /addresses\.db1: write an IPv4 address/,
  ],
  [
    "an address of no host",
    (_, settings) => {
      Object.assign(settings.addresses as object, { db9: "10.90.0.99" });
    },
    /address for "db9", which is no host/,
  ],
  [
    "a mesh address that is an outside address",
    (farm) => {
      host(farm, "db1").mesh = "10.90.0.12";
    },
    /10\.90\.0\.12 is the mesh address of db1 and the outside address of db2/,
  ],
  [
    "a member that is no host",
    (farm) => {
      farm.clusters![0]!.members = ["db1", "db2", "db4"];
    },
    /cluster mariadb has a member "db4", which is no host/,
  ],
  [
    "a member named twice",
    (farm) => {
      farm.clusters![0]!.members = ["db1", "db2", "db2"];
    },
    /cluster mariadb names its member "db2" twice/,
  ],
  [
    "a quorum of two",
    (farm) => {
      farm.clusters![0]!.members = ["db1", "db2"];
    },
    /cluster mariadb has 2 votes \(db1, db2\); a quorum needs an odd number, 3 or more/,
  ],
  [
    "a quorum in one failure domain where three are demanded",
    (farm) => {
      farm.placement.failureDomains = 3;
    },
    /its votes db1, db2, db3 stand in 1 failure domain\(s\) \(zhelezo1\), this environment demands 3/,
  ],
  [
    "a quorum with one provider where two are demanded",
    (farm) => {
      farm.placement.providers = 2;
    },
    /are all with hetzner, this environment demands 2 providers/,
  ],
  [
    "a size without a unit",
    (farm) => {
      host(farm, "db1").memory = "2048";
    },
    /hosts\[1\] \(db1\)\.memory: "2048" is no size; write it like "2 GB"/,
  ],
  [
    "a word that the schema does not know",
    (farm) => {
      Object.assign(host(farm, "db1"), { raam: "2 GB" });
    },
    /hosts\[1\] \(db1\): Unrecognized key: "raam"/,
  ],
  [
    "a guest of no host",
    (farm) => {
      host(farm, "db1").origin = { kind: "guest", parent: "zhelezo9", vmid: 111 };
    },
    /guest db1 runs on "zhelezo9", which is no host/,
  ],
  [
    "a guest of a guest",
    (farm) => {
      host(farm, "db1").origin = { kind: "guest", parent: "db2", vmid: 111 };
    },
    /guest db1 runs on db2, which is no Proxmox host/,
  ],
  [
    "two guests with one number",
    (farm) => {
      host(farm, "db2").origin = { kind: "guest", parent: "zhelezo1", vmid: 111 };
    },
    /guests db1 and db2 have one number \(111 on zhelezo1\)/,
  ],
  [
    "a site that is not declared",
    (farm) => {
      host(farm, "db1").site = "nyc1";
    },
    /host db1 is at site "nyc1", which is not declared/,
  ],
  [
    "a node that is no host",
    (farm) => {
      farm.applications![0]!.nodes = ["web1", "web7"];
    },
    /application pravka has a node "web7", which is no host/,
  ],
  [
    "a database in no cluster",
    (farm) => {
      farm.applications![0]!.database.cluster = "oracle";
    },
    /pravka keeps its database in "oracle", which is no cluster/,
  ],
  [
    "a host name outside of our domains",
    (farm) => {
      farm.applications![0]!.hostnames = ["pravka.example.org"];
    },
    /pravka answers to pravka\.example\.org, which is in none of our domains \(opplet\.net\)/,
  ],
  [
    "one host name for two applications",
    (farm) => {
      farm.applications!.push({ ...farm.applications![0]!, id: "other" });
    },
    /application pravka and application other both answer to pravka\.lab\.opplet\.net/,
  ],
  [
    "an administrator without a good key",
    (_, settings) => {
      settings.administrators = [{ name: "someone", languages: ["en"], keys: ["ssh-dss AAAA"] }];
    },
    /administrators\[0\] \(someone\)\.keys\[0\]: write the one line of a public key file/,
  ],
  [
    "no administrators",
    (_, settings) => {
      settings.administrators = [];
    },
    /administrators/,
  ],
];

for (const [name, change, message] of refused)
  test(`refused: ${name}`, () => {
    assert.match(refusal(change), message);
  });

/** The cluster of PostgreSQL in the farm that has both. */
const postgres = (farm: Parameters<NonNullable<Change>>[0]) => {
  const found = farm.clusters!.find((cluster) => cluster.id === "postgresql");
  assert(found?.software === "postgresql");
  return found;
};

const far = (farm: Parameters<NonNullable<Change>>[0], id: string, roundTrip: number): void => {
  farm.sites.push({ ...farm.sites[0]!, id: "stl", provider: "contabo", roundTrips: { fsn1: roundTrip } });
  Object.assign(host(farm, id), { site: "stl", origin: { kind: "dedicated" }, price: PRICE });
};

const refusedOfPostgres: [string, Change, RegExp][] = [
  [
    "an even number of votes",
    (farm) => {
      delete postgres(farm).witness;
    },
    /cluster postgresql has 2 votes \(pg1, pg2\); a quorum needs an odd number, 3 or more/,
  ],
  [
    "all votes in one failure domain where three are demanded, the witness among them",
    (farm) => {
      farm.placement.failureDomains = 3;
    },
    /cluster postgresql: its votes pg1, pg2, pg3 stand in 1 failure domain\(s\) \(zhelezo1\), this environment demands 3/,
  ],
  [
    "a synchronous member 100 ms away",
    (farm) => far(farm, "pg2", 100),
    /cluster postgresql: pg1 and pg2 are 100 ms apart, at most 10 ms are allowed \(every commit waits for the slowest\)/,
  ],
  [
    "a witness that is not heard in time",
    (farm) => far(farm, "pg3", 180),
    /pg1 and pg3 are 180 ms apart, at most 100 ms are allowed/,
  ],
  [
    "a next witness beside the present one, which makes four votes",
    (farm) => {
      postgres(farm).nextWitness = "web1";
    },
    /cluster postgresql has 4 votes \(pg1, pg2, pg3, web1\); a quorum needs an odd number/,
  ],
  [
    "a next witness that is not heard in time",
    (farm) => {
      postgres(farm).nextWitness = "web1";
      far(farm, "web1", 180);
    },
    /pg1 and web1 are 180 ms apart, at most 100 ms are allowed/,
  ],
  [
    "a former witness that votes all the same",
    (farm) => {
      postgres(farm).formerWitness = "pg3";
    },
    /cluster postgresql names its member "pg3" twice/,
  ],
  [
    "a database name taken by two applications",
    (farm) => {
      farm.databases!.push({ ...farm.databases![0]!, id: "taiga" });
    },
    /the database "taiga" of cluster postgresql is taken by two/,
  ],
  [
    "an extension that Debian lacks",
    (farm) => {
      farm.databases![0]!.extensions = ["pg_trgm", "timescaledb"];
    },
    /krynka asks for the extension "timescaledb", which Debian 13 does not have/,
  ],
  [
    "an extension that a former version's packages do not bring to Debian 13",
    (farm) => {
      postgres(farm).version = 15;
      farm.databases![0]!.extensions = ["postgis"];
    },
    /krynka asks for the extension "postgis", which Debian 13 does not have for PostgreSQL 15/,
  ],
  [
    "a held version of 15 where 17 is declared",
    (farm) => {
      farm.versions = { "postgresql-15": "15.20-0+deb12u1" };
    },
    /versions holds postgresql-15, and its libpq5 with it, which is too old for PostgreSQL 17 of postgresql;/,
  ],
  [
    "a version that is neither of two",
    (farm) => {
      postgres(farm).version = 16 as 17;
    },
    /clusters.*version.*write 17, which Debian 13 has, or 15, which Debian 12 has/,
  ],
  [
    "a database that is the server's own",
    (farm) => {
      farm.databases![0]!.id = "postgres";
    },
    /the database "postgres" of cluster postgresql would be one that postgresql or the farm has for itself/,
  ],
  [
    "pools that take more connections than the account may hold",
    (farm) => {
      farm.applications![1]!.database.pool = 40;
    },
    /taiga may hold 60 connections, but its pools take 80 \(40 on each of 2 nodes\)/,
  ],
  [
    "a pool in front of MariaDB",
    (farm) => {
      farm.applications![0]!.database.pool = 10;
    },
    /pravka: connections, pool and extensions are for PostgreSQL, but mariadb is mariadb/,
  ],
  [
    "fencing of a member that is no guest",
    (farm) => {
      postgres(farm).fencing = "proxmox";
      Object.assign(host(farm, "pg2"), { origin: { kind: "dedicated" }, price: PRICE });
    },
    /cluster postgresql is fenced by Proxmox, but its member pg2 is no guest/,
  ],
  [
    "a host that is both member and copy",
    (farm) => {
      postgres(farm).replicas = ["pg2"];
    },
    /cluster postgresql names its member "pg2" twice/,
  ],
];

for (const [name, change, message] of refusedOfPostgres)
  test(`refused of PostgreSQL: ${name}`, () => {
    assert.match(refusal(change, bothInventory), message);
  });

test("a far copy may be as far as it likes", () => {
  assert.equal(bothInventory((farm) => far(farm, "pg4", 250)).hosts.find((h) => h.id === "pg4")?.site, "stl");
});

test("all problems are said at once", () => {
  const message = refusal((farm) => {
    host(farm, "db2").mesh = "10.80.0.11";
    farm.clusters![0]!.members = ["db1", "db2"];
  });
  assert.match(message, /2 things are wrong/);
});

test("members of a quorum that are far apart are refused by name", () => {
  const message = refusal((farm, settings) => {
    farm.sites.push({
      id: "stl",
      title: { en: "St. Louis", ru: "Сент-Луис" },
      provider: "contabo",
      country: "US",
      roundTrips: { fsn1: 105 },
    });
    farm.hosts.push({
      id: "far1",
      site: "stl",
      origin: { kind: "dedicated" },
      mesh: "10.80.0.99",
      memory: "8 GB",
      disk: "50 GB",
      price: PRICE,
    });
    Object.assign(settings.addresses as object, { far1: "10.91.0.1" });
    farm.clusters![0]!.members = ["db1", "db2", "far1"];
  });
  assert.match(message, /db1 and far1 are 105 ms apart, at most 10 ms/);
});
