import assert from "node:assert/strict";
import test from "node:test";
import { FarmError } from "../../src/shell/errors.ts";
import { labInventory } from "./farms.ts";

type Change = Parameters<typeof labInventory>[0];

/** What a person reads when the lab is changed like this; fails when the change is accepted. */
function refusal(change: Change): string {
  try {
    labInventory(change);
  } catch (error) {
    assert(error instanceof FarmError, String(error));
    assert.equal(error.exitCode, 2);
    return error.message;
  }
  assert.fail("the change was accepted");
}

test("the lab as it is declared is accepted, with sizes in bytes and failure domains derived", () => {
  const { hosts } = labInventory();
  const db1 = hosts.find((h) => h.id === "db1");
  assert.equal(db1?.memory, 2e9);
  assert.equal(db1?.failureDomain, "zhelezo1");
  assert.equal(db1?.address, "10.90.0.11");
});

const host = (farm: Parameters<NonNullable<Change>>[0], id: string) => {
  const found = farm.hosts.find((h) => h.id === id);
  assert(found);
  return found;
};

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
    /applications pravka and other both answer to pravka\.lab\.opplet\.net/,
  ],
  [
    "an administrator without a good key",
    (_, settings) => {
      settings.administrators = [{ name: "someone", languages: ["en"], keys: ["ssh-dss AAAA"] }];
    },
    /administrators\[0\]\.keys\[0\]: write the one line of a public key file/,
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
    });
    Object.assign(settings.addresses as object, { far1: "10.91.0.1" });
    farm.clusters![0]!.members = ["db1", "db2", "far1"];
  });
  assert.match(message, /db1 and far1 are 105 ms apart, at most 10 ms/);
});
