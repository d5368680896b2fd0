/** Name servers of our own: what they are asked to answer, and what the zone above has to know. */
import assert from "node:assert/strict";
import test from "node:test";
import { zoneKeyOf } from "../../../src/dns/dnssec.ts";
import { delegations } from "../../../src/dns/name-servers.ts";
import type { FarmDeclaration } from "../../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import { planOf, prodInventory } from "../farms.ts";
import { refusal } from "../refusal.ts";
import { type Change, lines } from "./farm.ts";

const SERVERS = ["contabo-de1", "contabo-stl1"];

const own =
  (nameservers: string[], change: Change = () => {}): Change =>
  (farm: FarmDeclaration, settings) => {
    farm.edge = { kind: "hosts", hosts: ["contabo-stl1", "contabo-stl2"], nameservers };
    change(farm, settings);
  };

const planned = (change?: Change) => planOf(prodInventory(own(SERVERS, change)));
const text = (change?: Change, host = "contabo-de1", path = "/etc/farm/dns/opplet.net.zone"): string =>
  hostPlan(planned(change), host).state.files.find((f) => f.path === path)?.content ?? "";

test("a zone key gives the records of RFC 6605, 6.1", () => {
  assert.deepEqual(zoneKeyOf("example.net", "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ="), {
    dnskey:
      "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
    ds: "55648 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17",
  });
});

test("each zone says itself who answers for it, and where they are", () => {
  const found = lines(planned()).filter((line) => / NS |^ns-/.test(line) && line.includes("opplet.net"));
  assert.deepEqual(found, [
    "ns-contabo-de1.opplet.net. 3600 IN A 192.0.2.51",
    "ns-contabo-stl1.opplet.net. 3600 IN A 192.0.2.52",
    "opplet.net. 3600 IN NS ns-contabo-de1.opplet.net.",
    "opplet.net. 3600 IN NS ns-contabo-stl1.opplet.net.",
  ]);
});

test("a name that leads to the edge is answered with the hosts that serve it, all others as they are", () => {
  const zone = text();
  assert.match(
    zone,
    /^pravka\.opplet\.net\. 30 IN LUA A "ifurlup\('http:\/\/pravka\.opplet\.net\/\.well-known\/farm-live', \{'192\.0\.2\.52', '192\.0\.2\.53'\}, \{selector='all', backupSelector='all',/m,
  );
  assert.doesNotMatch(zone, /^pravka\.opplet\.net\. \d+ IN A /m);
  assert.match(zone, /^opplet\.net\. 300 IN A 159\.89\.93\.1$/m);
  assert.match(zone.split("\n")[0] ?? "", /^opplet\.net\. 3600 IN SOA ns-contabo-de1\.opplet\.net\. /);
  const six = text((_, settings) => {
    settings.addresses6 = { "contabo-stl1": "2001:db8::52" };
  });
  assert.match(six, /^pravka\.opplet\.net\. 30 IN LUA AAAA .*\{'2001:db8::52'\}/m);
});

test("the key that signs is a placeholder, readable for the server alone, and the DS record follows from it", () => {
  const state = hostPlan(planned(), "contabo-de1").state;
  const key = state.files.find((f) => f.path === "/etc/farm/dns/keys/opplet.net.key");
  assert.deepEqual([key?.owner, key?.mode], ["root:pdns", "0640"]);
  assert.match(key?.content ?? "", /^PrivateKey: \$\{secret:dnssec\/opplet\.net\}$/m);
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "prod", {});
  const told = delegations(prodInventory(own(SERVERS)), keys)["opplet.net"];
  assert.deepEqual(told?.nameServers, ["ns-contabo-de1.opplet.net", "ns-contabo-stl1.opplet.net"]);
  assert.equal(told?.ds, zoneKeyOf("opplet.net", keys.secret("dnssec/opplet.net")).ds);
  assert.equal(Buffer.from(keys.secret("dnssec/opplet.net"), "base64").length, 32);
});

test("they ask the hosts of the edge from outside the mesh, one after the other is changed", () => {
  const { flows, waves } = planned();
  const asked = flows.filter(
    ({ from, via, port }) => from === "contabo-de1" && via === "underlay" && port === 80,
  );
  assert.deepEqual(
    asked.map(({ to }) => to),
    ["contabo-stl1", "contabo-stl2"],
  );
  assert(!waves.some((wave) => SERVERS.every((id) => wave.includes(id))));
});

test("strangers' questions by UDP are limited by network, also those that seem to belong to an earlier one", () => {
  const rules = (host: string) => text(undefined, host, "/etc/farm/firewall.nft");
  assert.match(
    rules("contabo-de1"),
    /chain flood \{\n +type filter hook input priority filter - 10;.*\n +udp dport \{ 53 \} update @flood4 \{ ip saddr and 255\.255\.255\.0 limit rate over 50\/second/,
  );
  assert.doesNotMatch(rules("contabo-stl2"), /flood/);
});

test("one alone, an unknown one, and a raised key are refused", () => {
  const load = (change?: Change) => planOf(prodInventory(change)).inventory;
  const no = (change: Change) => refusal(change, load);
  assert.match(no(own(["contabo-de1"])), /edge\.nameservers has contabo-de1 alone; a zone needs two/);
  assert.match(no(own(["contabo-de1", "nobody"])), /edge\.nameservers has "nobody", which is no host/);
  assert.match(no(own(["contabo-de1", "contabo-de1"])), /has "contabo-de1" twice/);
  const raised = own(SERVERS, (farm) => {
    farm.generations = { "dnssec/opplet.net": 2 };
  });
  assert.match(no(raised), /dnssec\/opplet\.net can't be rotated yet/);
});

test("an edge host is asked at each of its addresses, and where one of the two has no IPv6 by IPv4 alone", () => {
  const asked = (addresses6: Record<string, string>) =>
    text(
      (_, settings) => Object.assign(settings, { addresses6 }),
      "contabo-stl1",
      "/etc/farm/firewall.nft",
    ).match(/^.*whether the edge serves a name.*$/gm);
  const way = 'tcp dport 80 accept comment "whether the edge serves a name"';
  const both = { "contabo-stl1": "2001:db8:1::1", "contabo-stl2": "2001:db8:2::1" };
  assert.deepEqual(asked(both), [
    `    ip6 daddr 2001:db8:2::1 ${way}`,
    `    oifname != "wg0" ip daddr 192.0.2.53 ${way}`,
  ]);
  assert.equal(asked({ "contabo-stl2": "2001:db8:2::1" })?.length, 1);
});
