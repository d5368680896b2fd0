/** Two Proxmox hosts of one farm on one vSwitch: what may not be declared, and what hosts and guests make of it. */
import assert from "node:assert/strict";
import test from "node:test";
import { networkOf } from "../../src/inventory/addresses.ts";
import type { FarmDeclaration, Inventory } from "../../src/inventory/schema.ts";
import { hostPlan } from "../../src/plan/plan.ts";
import type { Settings } from "../../src/shell/stack.ts";
import { planOf, prodInventory } from "./farms.ts";
import { type Change, host, refusal } from "./refusal.ts";

/** Production with db2 on a Proxmox host of its own, zhelezo3, that is on vSwitch 4000 with zhelezo2. */
function joined(change: NonNullable<Change> = () => {}): Inventory {
  return prodInventory((farm, settings) => {
    farm.hosts.push({ ...structuredClone(host(farm, "zhelezo2")), id: "zhelezo3", mesh: "10.81.0.2" });
    for (const id of ["zhelezo2", "zhelezo3"]) Object.assign(host(farm, id).origin, { vSwitch: 4000 });
    Object.assign(host(farm, "db2").origin, { parent: "zhelezo3" });
    Object.assign(settings.addresses as object, { zhelezo3: "192.0.2.3", db2: "10.92.0.12" });
    Object.assign(settings.guestNetworks as object, { zhelezo3: "10.92.0.1/24" });
    settings.vSwitchAddresses = { zhelezo2: "10.99.0.2/24", zhelezo3: "10.99.0.3/24" };
    farm.clusters![0]!.concessions = [];
    change(farm, settings);
  });
}

const fileOf = (id: string, path: string): string =>
  hostPlan(planOf(joined()), id).state.files.find((each) => each.path === path)?.content ?? "";

const onVSwitch = (more: Record<string, string>) => (_: FarmDeclaration, settings: Settings) => {
  Object.assign(settings.vSwitchAddresses as object, more);
};

const refused: [string, NonNullable<Change>, RegExp][] = [
  [
    "a number that no vSwitch has",
    (farm) => {
      Object.assign(host(farm, "zhelezo2").origin, { vSwitch: 4092 });
    },
    /\(zhelezo2\)\.origin\.vSwitch: write the number of a vSwitch's VLAN, from 4000 to 4091/,
  ],
  [
    "a host without an address there",
    (_, settings) => {
      settings.vSwitchAddresses = { zhelezo2: "10.99.0.2/24" };
    },
    /host zhelezo3 is on vSwitch 4000 and has no address there; .*'farms:vSwitchAddresses\.zhelezo3' 10\.99\.0\.1\/24/,
  ],
  [
    "an address of a host that is on none",
    onVSwitch({ db1: "10.99.0.9/24" }),
    /farms:vSwitchAddresses names "db1", which is not declared on a vSwitch; remove the name, or write vSwitch: 4000/,
  ],
  [
    "a server without guests",
    (farm) => {
      Object.assign(host(farm, "zhelezo3"), { origin: { kind: "dedicated", vSwitch: 4000 } });
    },
    /host zhelezo3 is on a vSwitch and is no Proxmox host; only guests' networks are routed there/,
  ],
  [
    "a public address",
    onVSwitch({ zhelezo2: "198.18.0.2/24", zhelezo3: "198.18.0.3/24" }),
    /host zhelezo2 has 198\.18\.0\.2\/24 on vSwitch 4000, which is not private/,
  ],
  [
    "addresses of two networks",
    onVSwitch({ zhelezo3: "10.98.0.3/24" }),
    /hosts zhelezo2 and zhelezo3 are on vSwitch 4000 with 10\.99\.0\.2\/24 and 10\.98\.0\.3\/24; give them addresses of one network/,
  ],
  [
    "one address of two hosts",
    onVSwitch({ zhelezo3: "10.99.0.2/24" }),
    /hosts zhelezo2 and zhelezo3 have one address on vSwitch 4000, 10\.99\.0\.2; give each its own/,
  ],
  [
    "one network of both hosts' guests",
    (_, settings) => {
      Object.assign(settings.guestNetworks as object, { zhelezo3: "10.91.0.2/16" });
      Object.assign(settings.addresses as object, { db2: "10.91.0.12" });
    },
    /the networks of the guests of zhelezo2, 10\.91\.0\.1\/24, and of the guests of zhelezo3, 10\.91\.0\.2\/16, overlap, and are joined by vSwitch 4000; give each a range of its own/,
  ],
  [
    "a vSwitch in the network of its hosts' guests",
    onVSwitch({ zhelezo2: "10.91.0.2/16", zhelezo3: "10.91.0.3/16" }),
    /the networks of vSwitch 4000, 10\.91\.0\.2\/16, and of the guests of zhelezo2, 10\.91\.0\.1\/24, overlap/,
  ],
];

for (const [name, change, message] of refused)
  test(`refused of vSwitches: ${name}`, () => {
    assert.match(refusal(change, joined as Parameters<typeof refusal>[1]), message);
  });

test("each Proxmox host has the VLAN on its outside bridge, and the way to the other's guests", () => {
  assert.match(
    fileOf("zhelezo2", "/etc/network/interfaces.d/60-farm"),
    /^auto vmbr0\.4000\niface vmbr0\.4000 inet static\n\taddress 10\.99\.0\.2\/24\n\tmtu 1400\n\tpost-up ip route replace 10\.92\.0\.0\/24 via 10\.99\.0\.3 dev vmbr0\.4000\n$/m,
  );
  assert.equal(networkOf({ address: "10.91.130.7", prefixLength: 18 }), "10.91.128.0/18");
});

test("guests behind one vSwitch call each other, with packets that fit in", () => {
  for (const [id, peer, address] of [
    ["db1", "db2", "10.92.0.12"],
    ["db2", "db1", "10.91.0.11"],
  ] as const) {
    const mesh = fileOf(id, "/etc/wireguard/wg0.conf");
    assert.match(mesh, /^ListenPort = 51820\nMTU = 1340$/m);
    const lines = mesh.split("\n\n").find((block) => block.startsWith(`# ${peer}\n`)) ?? "";
    assert.match(lines, new RegExp(`Endpoint = ${address.replaceAll(".", "\\.")}:51820$`));
    assert.match(
      fileOf(id, "/etc/farm/firewall.nft"),
      new RegExp(`oifname != "wg0" ip daddr ${address} udp dport 51820 accept`),
    );
    // It is restarted for it: WireGuard's interface has its size from the beginning.
    assert.match(
      fileOf(id, "/etc/systemd/system/wg-quick@wg0.service.d/60-farm.conf"),
      /, packets of 1340 bytes$/m,
    );
  }
  assert.doesNotMatch(fileOf("contabo-de1", "/etc/wireguard/wg0.conf"), /MTU/);
});

test("a Proxmox host lets in from the vSwitch what is declared, and translates nothing on the way there", () => {
  const rules = fileOf("zhelezo3", "/etc/farm/firewall.nft");
  assert.match(
    rules,
    /iifname "vmbr0\.4000" oifname "vmbr1" ip daddr 10\.92\.0\.12 ip saddr \{ 10\.91\.0\.11 \} udp dport 51820 accept comment "db2: wireguard"/,
  );
  assert.match(
    rules,
    /iifname "vmbr1" oifname != "vmbr1" ip saddr 10\.92\.0\.12 ip daddr 10\.91\.0\.11 udp dport 51820 accept/,
  );
  assert.match(
    rules,
    /iifname "vmbr1" oifname != \{ "vmbr1", "vmbr0\.4000" \} ip saddr 10\.92\.0\.1\/24 masquerade/,
  );
  // Whoever is elsewhere still can't call a guest with a private address.
  assert.doesNotMatch(rules, /oifname "vmbr1" ip daddr 10\.92\.0\.12 ip saddr \{[^}]*192\.0\.2/);
});

test("on two vSwitches guests stay hidden from each other", () => {
  const apart = joined((farm) => {
    Object.assign(host(farm, "zhelezo3").origin, { vSwitch: 4001 });
  });
  assert.throws(() => planOf(apart), {
    message: /db1 and db2 have traffic with each other, and are guests with private addresses/,
    remedy: /or join the two Proxmox hosts by a vSwitch$/,
  });
});
