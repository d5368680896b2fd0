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
    "a disk by a name that changes",
    (farm) => {
      Object.assign(host(farm, "zhelezo1").origin, { hardware: { nic: "82579LM", disks: ["sda", "sdb"] } });
    },
    /hosts\[0\] \(zhelezo1\)\.origin\.hardware\.disks\[0\]: write a whole disk's name under \/dev\/disk\/by-id/,
  ],
  [
    "a partition, and something for the shell, in place of a disk",
    (farm) => {
      const disks = ["ata-X_1-part1", "ata-X_2; reboot"];
      Object.assign(host(farm, "zhelezo1").origin, { hardware: { nic: "82579LM", disks } });
    },
    /disks\[0\]: write a whole disk's name.*\n.*disks\[1\]: write a whole disk's name/,
  ],
  [
    "one disk for a mirror",
    (farm) => {
      Object.assign(host(farm, "zhelezo1").origin, { hardware: { nic: "82579LM", disks: ["ata-X_1"] } });
    },
    /hardware\.disks: write the names of two disks: ZFS mirrors over both/,
  ],
  [
    "one disk twice",
    (farm) => {
      const disks = ["ata-X_1", "ata-X_1"];
      Object.assign(host(farm, "zhelezo1").origin, { hardware: { nic: "82579LM", disks } });
    },
    /hardware\.disks: write two disks: these are one/,
  ],
  [
    "guests whose mounts need more disk than there is",
    (farm) => {
      Object.assign(host(farm, "db1").origin, { mounts: [{ path: "/srv/files", size: "2.3 TB" }] });
    },
    /zhelezo1 has 2400\.0 GB of disk for guests \(when a fifth of the pool stays free\), its 10 guests are promised 2480\.0 GB/,
  ],
  [
    "a mount at no path",
    (farm) => {
      Object.assign(host(farm, "db1").origin, { mounts: [{ path: "srv/files", size: "1 GB" }] });
    },
    /hosts\[1\] \(db1\)\.origin\.mounts\[0\]\.path: write the full path of a directory such as \/srv\/files/,
  ],
  [
    "mounts at one path",
    (farm) => {
      const mounts = ["1 GB", "2 GB"].map((size) => ({ path: "/srv/files", size }));
      Object.assign(host(farm, "db1").origin, { mounts });
    },
    /guest db1 has two mounts at \/srv\/files; give each its own path/,
  ],
  [
    "a mount in another",
    (farm) => {
      const mounts = ["/srv/files/old", "/srv/files"].map((path) => ({ path, size: "1 GB" }));
      Object.assign(host(farm, "db1").origin, { mounts });
    },
    /guest db1 has mounts at \/srv\/files\/old and \/srv\/files, one in the other; give each its own path/,
  ],
  [
    "a mount of a VM",
    (farm) => {
      Object.assign(host(farm, "db1").origin, { type: "vm", mounts: [{ path: "/srv", size: "1 GB" }] });
    },
    /guest db1 is a VM and has mounts; a VM has its disk alone: make that larger, or write type: "lxc"/,
  ],
  [
    "a VM that a container's fencing is to stop",
    (farm) => {
      Object.assign(host(farm, "pg1").origin, { type: "vm" });
    },
    /cluster postgresql is fenced by Proxmox, but its member pg1 is a VM; write fencing: "none", or make pg1 a container/,
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

test("mounts beside each other are good, also where one's name begins with the other's", () => {
  const { hosts } = labInventory((farm) => {
    const mounts = ["/srv/files-old", "/srv/files"].map((path) => ({ path, size: "1 GB" }));
    Object.assign(host(farm, "db1").origin, { mounts });
  });
  const origin = hosts.find(({ id }) => id === "db1")?.origin;
  assert(origin?.kind === "guest");
  assert.deepEqual(origin.mounts, [
    { path: "/srv/files", size: 1e9, snapshots: { hourly: 24, daily: 30, monthly: 3 } },
    { path: "/srv/files-old", size: 1e9, snapshots: { hourly: 24, daily: 30, monthly: 3 } },
  ]);
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

test("settings as the engine gives them: numbers as numbers, unquoted days as moments", () => {
  const inventory = labInventory((farm, settings) => {
    const origin = { kind: "droplet", region: "nyc1", size: "s-1vcpu-1gb", exists: true } as const;
    const zhelezo = host(farm, "zhelezo1");
    farm.hosts.push({ ...zhelezo, id: "cloud1", mesh: "10.80.0.90", origin });
    Object.assign(settings, { imports: { cloud1: 123 } });
    Object.assign(settings.addresses as object, { cloud1: "192.0.2.90" });
    host(farm, "cloud1").price = { ...PRICE, on: "2026-11-26 00:00:00 +0000 UTC" };
  });
  assert.equal(inventory.imports.cloud1, "123");
  assert.equal(inventory.hosts.find(({ id }) => id === "cloud1")?.price?.on, "2026-11-26");
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
