import assert from "node:assert/strict";
import test from "node:test";
import { shortfalls, warnings } from "../../src/inventory/check-placement.ts";
import { labInventory, PRICE } from "./farms.ts";
import { type Change, host, refusal } from "./refusal.ts";

/** The lab, which demands that quorums stand on two machines though it has one. */
const spread: Change = (farm) => {
  farm.placement.failureDomains = 2;
};
const concession = (rule: "failureDomains" | "providers" | "quorum") => ({
  rule,
  proposal: { en: "rent another machine", ru: "арендовать ещё одну машину" },
});

const refusedOfMachines: [string, Change, RegExp][] = [
  [
    "guests that are promised more memory than there is",
    (farm) => {
      host(farm, "db1").memory = "50 GB";
    },
    /zhelezo1 has 55\.6 GB of memory for guests \(after ZFS and Proxmox have theirs\), its 10 guests are promised 66\.0 GB; give them less/,
  ],
  [
    "guests that are promised more disk than there is",
    (farm) => {
      host(farm, "db1").disk = "2.3 TB";
    },
    /zhelezo1 has 2400\.0 GB of disk for guests \(when a fifth of the pool stays free\), its 10 guests are promised 2460\.0 GB/,
  ],
  [
    "guests that are promised more threads than there are",
    (farm) => {
      Object.assign(host(farm, "db1").origin, { cores: 4 });
    },
    /zhelezo1 has 12 of cores for guests \(as threads of its processor\), its 10 guests are promised 13;/,
  ],
  [
    "a machine without a price",
    (farm) => {
      delete host(farm, "zhelezo1").price;
    },
    /host zhelezo1 has no price; write what it costs a month: price: \{ monthly: "4\.99 EUR"/,
  ],
  [
    "a price that is none",
    (farm) => {
      host(farm, "zhelezo1").price = { ...PRICE, monthly: "cheap" };
    },
    /hosts\[0\] \(zhelezo1\)\.price\.monthly: "cheap" is no price; write it like "4\.99 EUR"/,
  ],
  [
    "a price of a guest",
    (farm) => {
      host(farm, "db1").price = PRICE;
    },
    /guest db1 has a price, but it is in that of zhelezo1; remove it/,
  ],
  [
    "dollars that nobody can add up",
    (farm) => {
      host(farm, "zhelezo1").price = { ...PRICE, monthly: "10 USD" };
    },
    /host zhelezo1 is paid in dollars; write what one costs: dollar: \{ eur: 0\.9/,
  ],
  [
    "a number at a provider for what none has",
    (_, settings) => {
      settings.imports = { db1: "1" };
    },
    /farms:imports names "db1", which is not declared as a droplet or Hetzner Cloud server that exists; remove the name/,
  ],
  [
    "what exists at a provider, and nobody says as what",
    (farm) => {
      Object.assign(host(farm, "zhelezo1"), {
        origin: { kind: "droplet", region: "nyc1", size: "s-1vcpu-2gb", exists: true },
      });
    },
    /host zhelezo1 exists at its provider; write its number there: pulumi config set --path 'farms:imports\.zhelezo1' NUMBER/,
  ],
  [
    "a quorum that is spread too little, and nobody conceded it",
    spread,
    /cluster mariadb: its votes db1, db2, db3 stand in 1 failure domain\(s\) \(zhelezo1\), this environment demands 2; place them/,
  ],
  [
    "a concession that is not needed",
    (farm) => {
      farm.clusters![0]!.concessions = [concession("providers")];
    },
    /cluster mariadb has a concession on providers that it does not need; remove it/,
  ],
  [
    "a main application on too few nodes",
    (farm) => {
      farm.placement.nodes = 3;
      farm.applications![0]!.main = true;
    },
    /application pravka is a main one and stands on 2 node\(s\); this environment demands 3: add nodes/,
  ],
];

for (const [name, change, message] of refusedOfMachines)
  test(`refused of machines: ${name}`, () => {
    assert.match(refusal(change), message);
  });

test("what is conceded is not refused", () => {
  const inventory = labInventory((farm, settings) => {
    spread(farm, settings);
    for (const cluster of farm.clusters!) cluster.concessions = [concession("failureDomains")];
  });
  assert.deepEqual(
    inventory.clusters.map((cluster) => shortfalls(inventory, cluster).map(({ rule }) => rule)),
    [["failureDomains"], ["failureDomains"]],
  );
});

test("a member beside the one that it replaces makes an even number, which has to be conceded, and only as long as it is so", () => {
  const members = (names: string[], ...conceded: Parameters<typeof concession>[0][]) => {
    return (farm: Parameters<NonNullable<Change>>[0]) => {
      Object.assign(farm.clusters![0]!, {
        members: names,
        concessions: conceded.map((rule) => concession(rule)),
      });
    };
  };
  const four = ["db1", "db2", "db3", "edge1"];
  assert.match(
    refusal(members(four)),
    /cluster mariadb has 4 votes \(db1, db2, db3, edge1\); a quorum needs an odd number, 3 or more/,
  );
  assert.match(
    warnings(labInventory(members(four, "quorum")))[0] ?? "",
    /^cluster mariadb has 4 votes .*Proposal: /,
  );
  assert.match(refusal(members(four.slice(0, 3), "quorum")), /a concession on quorum that it does not need/);
  assert.match(refusal(members(four.slice(0, 2), "quorum")), /has 2 votes .*the loss of one stops it/);
});
