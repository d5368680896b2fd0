/** IPv6: what a declaration may not say, and what packet filters make of it. */
import assert from "node:assert/strict";
import test from "node:test";
import { linkLocalOf, macOf } from "../../src/inventory/addresses.ts";
import { hostPlan } from "../../src/plan/plan.ts";
import { refuseExamples } from "../../src/shell/stack.ts";
import { address6Of, range6Of } from "../../src/twin/machines/network.ts";
import { labInventory, planOf, prodInventory } from "./farms.ts";
import { type Change, host, refusal } from "./refusal.ts";

type Farm = Parameters<NonNullable<Change>>[0];
type Settings = Parameters<NonNullable<Change>>[1];

const addresses6 = (more: Record<string, string>) => (_: Farm, settings: Settings) => {
  Object.assign(settings.addresses6 as object, more);
};
const network6 = (network: string) => (_: Farm, settings: Settings) => {
  settings.guestNetworks6 = { zhelezo1: network };
};

const refused: [string, NonNullable<Change>, RegExp][] = [
  [
    "what is no address",
    addresses6({ edge1: "2001:db8:90::3g" }),
    /addresses6\.edge1: write an IPv6 address that others can call, such as 2001:db8::11, not "2001:db8:90::3g"/,
  ],
  ["an IPv4 address", addresses6({ edge1: "10.90.0.31" }), /addresses6\.edge1: write an IPv6 address/],
  ["an address of one link", addresses6({ edge1: "fe80::31" }), /others can call, .*, not "fe80::31"/],
  ["the address of every machine to itself", addresses6({ edge1: "::1" }), /others can call, .*, not "::1"/],
  ["an IPv4 address in disguise", addresses6({ edge1: "::ffff:192.0.2.1" }), /others can call/],
  [
    "an address of no host",
    addresses6({ edge7: "2001:db8:90::37" }),
    /farms:addresses6 has an address for "edge7", which is no host; remove it/,
  ],
  [
    "an address given twice, however it is written",
    addresses6({ web1: "2001:DB8:90:0::31" }),
    /host web1 and host edge1 have one address, 2001:db8:90::31; give each its own/,
  ],
  [
    "a guest with the address that its Proxmox host has among its guests",
    addresses6({ edge1: "2001:db8:90::1" }),
    /the network of guests of zhelezo1 and host edge1 have one address, 2001:db8:90::1; give each its own/,
  ],
  [
    "a guest outside of the network",
    addresses6({ edge1: "2001:db8:91::31" }),
    /guest edge1 has 2001:db8:91::31, which is not in the IPv6 network of guests of zhelezo1, 2001:db8:90::1\/64; give it one from there/,
  ],
  [
    "a guest of a host without such a network",
    (_, settings) => {
      delete settings.guestNetworks6;
    },
    /guest edge1 has the IPv6 address 2001:db8:90::31, and zhelezo1 no network for it; .*'farms:guestNetworks6\.zhelezo1' 2001:db8:0:1::1\/64/,
  ],
  [
    "a network and no way out",
    (_, settings) => {
      delete (settings.addresses6 as Record<string, string>).zhelezo1;
    },
    /Proxmox host zhelezo1 has an IPv6 network for guests and no IPv6 address itself, so no way out; .*'farms:addresses6\.zhelezo1' 2001:db8::2/,
  ],
  [
    "a network that is no /64",
    network6("2001:db8:90::1/56"),
    /guestNetworks6\.zhelezo1: write ADDRESS\/64 such as 2001:db8:0:1::1\/64, not "2001:db8:90::1\/56"/,
  ],
  [
    "a network of no Proxmox host",
    (_, settings) => {
      Object.assign(settings.guestNetworks6 as object, { db1: "2001:db8:95::1/64" });
    },
    /farms:guestNetworks6 names "db1", which is no Proxmox host; remove the name/,
  ],
  [
    "one network of two hosts",
    (farm, settings) => {
      farm.hosts.push({ ...structuredClone(host(farm, "zhelezo1")), id: "zhelezo3", mesh: "10.80.0.3" });
      Object.assign(settings.addresses as object, { zhelezo3: "192.0.2.3" });
      Object.assign(settings.addresses6 as object, { zhelezo3: "2001:db8:90::3" });
      Object.assign(settings.guestNetworks6 as object, { zhelezo3: "2001:db8:90::4/64" });
    },
    /farms:guestNetworks6 gives zhelezo1 and zhelezo3 one network; a provider routes each of them its own/,
  ],
  [
    "private addresses behind a public one",
    (farm, settings) => {
      network6("fd00:90::1/64")(farm, settings);
      addresses6({ zhelezo1: "fd00:90::2", edge1: "fd00:90::31" })(farm, settings);
    },
    /the IPv6 address of zhelezo1 is fd00:90::2, which nobody routes .*; write one of those that the provider gave zhelezo1, or none\n.*the IPv6 network of guests of zhelezo1 is fd00:90::1/,
  ],
];

for (const [name, change, message] of refused)
  test(`refused of IPv6: ${name}`, () => {
    assert.match(refusal(change), message);
  });

/** The twin's addresses are all private. */
const asInTwin = (farm: Farm, settings: Settings): void => {
  Object.assign(settings.addresses as object, { zhelezo1: "10.90.0.10" });
  network6("fd00:a5a:0:10::1/64")(farm, settings);
  addresses6({ zhelezo1: "fd00:a5a::10", edge1: "fd00:a5a:0:10::31" })(farm, settings);
};

test("private addresses of both kinds are good, and so is no IPv6 at all", () => {
  assert.equal(labInventory(asInTwin).hosts.find(({ id }) => id === "edge1")?.address6, "fd00:a5a:0:10::31");
  assert.deepEqual(
    prodInventory().hosts.flatMap(({ address6 }) => address6 ?? []),
    [],
  );
});

test("examples are no addresses to work with", () => {
  assert.throws(
    () => refuseExamples(labInventory()),
    /2001:db8:90::31 of host edge1 is an example: .*'farms:addresses6\.edge1' ADDRESS\n.*2001:db8:90::2 of host zhelezo1.*\n.*2001:db8:90::1 of host zhelezo1 is an example: .*'farms:guestNetworks6\.zhelezo1'/s,
  );
});

test("a MAC address is made of the mesh address, and that of the link of the MAC address", () => {
  assert.equal(macOf("10.80.0.31"), "02:FA:0A:50:00:1F");
  assert.equal(linkLocalOf("02:FA:0A:50:00:1F"), "fe80::fa:aff:fe50:1f");
  // The example of RFC 4291, appendix A, whose address is not a local one.
  assert.equal(linkLocalOf("34:56:78:9A:BC:DE"), "fe80::3656:78ff:fe9a:bcde");
});

test("each of the twin's ranges has an IPv6 range of its own, whose numbers read as they are counted", () => {
  assert.equal(range6Of("10.90.0.0/24"), "fd00:a5a:0::/48");
  assert.equal(range6Of("10.98.3.0/24"), "fd00:a62:300::/48");
  assert.equal(address6Of("10.90.0.0/24", 0, 11), "fd00:a5a::11");
  assert.equal(address6Of("10.90.0.0/24", 10, 254), "fd00:a5a:0:10::254");
});

const contentOf = (id: string, path: string, change?: Change): string =>
  hostPlan(planOf(labInventory(change)), id).state.files.find((file) => file.path === path)?.content ?? "";
const rulesOf = (id: string, change?: Change): string[] =>
  contentOf(id, "/etc/farm/firewall.nft", change)
    .split("\n")
    .map((line) => line.trim());

test("a Proxmox host passes on what a guest declares, by IPv6 as by IPv4, and translates IPv4 alone", () => {
  const rules = rulesOf("zhelezo1");
  const out = rules.filter((rule) => rule.includes("ip6 saddr 2001:db8:90::31 "));
  assert.deepEqual(
    out.map((rule) => rule.slice(rule.indexOf("ip6"))),
    ["tcp dport 443", "tcp dport 80", "udp dport 123"].map(
      (port) =>
        `ip6 saddr 2001:db8:90::31 ${port} accept comment "edge1: ${port.includes("123") ? "ntp" : "packages"}"`,
    ),
  );
  const into = rules.filter((rule) => rule.includes("ip6 daddr 2001:db8:90::"));
  assert.deepEqual(
    into,
    [443, 80].map(
      (port) => `oifname "vmbr1" ip6 daddr 2001:db8:90::31 tcp dport ${port} accept comment "edge1"`,
    ),
  );
  for (const rule of rules.filter((each) => each.includes("masquerade"))) assert.doesNotMatch(rule, /ip6/);
  const { sysctls } = hostPlan(planOf(labInventory()), "zhelezo1").state;
  assert(sysctls.some(({ key, value }) => key === "net.ipv6.conf.all.forwarding" && value === "1"));
});

test("a guest is heard under its own addresses, as no router, and as no other's neighbour", () => {
  const own = "{ 2001:db8:90::31, fe80::fa:aff:fe50:1f }";
  const of = (vmid: number) =>
    rulesOf("zhelezo1").flatMap((rule) => {
      const port = `iifname { "veth${vmid}i0", "tap${vmid}i0" } `;
      return rule.startsWith(port) ? [rule.slice(port.length)] : [];
    });
  assert.deepEqual(of(131), [
    "ether type != { arp, ip, ip6 } drop",
    "arp saddr ip != 10.90.0.31 drop",
    "ip saddr != 10.90.0.31 drop",
    `ip6 saddr != ${own} drop`,
    "icmpv6 type { nd-router-advert, nd-redirect } drop",
    `icmpv6 type nd-neighbor-advert icmpv6 taddr != ${own} drop`,
  ]);
  assert(of(111).includes("ether type != { arp, ip } drop"));
});

test("without IPv6 a Proxmox host passes on nothing of it", () => {
  const without: Change = (_, settings) => {
    settings.addresses6 = {};
    settings.guestNetworks6 = {};
  };
  const { state } = hostPlan(planOf(labInventory(without)), "zhelezo1");
  assert.doesNotMatch(rulesOf("zhelezo1", without).join("\n"), /ip6 (s|d)addr (?!fe80|ff02)/);
  assert(!state.sysctls.some(({ key }) => key.startsWith("net.ipv6")));
  assert.match(contentOf("zhelezo1", "/etc/network/interfaces.d/60-farm", without), /^#.*\n$/);
});

test("the guests' bridge and the outside one have the addresses that are declared for them", () => {
  const bridge = contentOf("zhelezo1", "/etc/systemd/network/60-farm-guests.network");
  assert.match(bridge, /^Address=10\.90\.0\.1\/24\nAddress=2001:db8:90::1\/64\nLinkLocalAddressing=ipv6$/m);
  assert.match(
    contentOf("zhelezo1", "/etc/network/interfaces.d/60-farm"),
    /^#.*\n\niface vmbr0 inet6 static\n\taddress 2001:db8:90::2\/128\n\tgateway fe80::1\n$/,
  );
});

test("every host lets in and out what IPv6 itself needs, and what is open to the world by both", () => {
  const { hosts } = planOf(labInventory());
  for (const { host: each, state } of hosts) {
    const rules = rulesOf(each.id);
    assert(rules.includes("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, packet-too-big } accept"));
    assert(
      rules.includes("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept"),
    );
    for (const { protocol, port, service } of state.listens.filter(({ reach }) => reach === "world"))
      assert(rules.includes(`${protocol} dport ${port} accept comment "${service}: anybody"`), each.id);
  }
});
