/** Which records follow from what is declared. */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { quoted, unquoted } from "../../../src/dns/record.ts";
import { spfOf } from "../../../src/dns/spf.ts";
import { generatedInventory, labInventory, planOf, prodInventory } from "../farms.ts";
import { behindCloudflare, domain, lines, prodLines } from "./farm.ts";

test("an application's name leads to all hosts of the edge in turn, says that it speaks HTTP/2, and that it has no mail", () => {
  assert.deepEqual(
    prodLines((_, settings) => {
      settings.addresses6 = { "contabo-stl1": "2001:db8::52" };
    }, "pravka.opplet.net"),
    [
      "pravka.opplet.net. 300 IN A 192.0.2.52",
      "pravka.opplet.net. 300 IN A 192.0.2.53",
      "pravka.opplet.net. 300 IN AAAA 2001:db8::52",
      'pravka.opplet.net. 300 IN HTTPS 1 . alpn="h2,http/1.1"',
      "pravka.opplet.net. 3600 IN MX 0 .",
      'pravka.opplet.net. 3600 IN TXT "v=spf1 -all"',
    ],
  );
});

test("behind Cloudflare it is one proxied name, without an HTTPS record, which Cloudflare makes itself", () => {
  const { dns } = planOf(behindCloudflare());
  const records = dns.zones.flatMap((zone) => zone.records).filter((r) => r.name === "pravka.opplet.net");
  assert.deepEqual(
    records.map(({ type, content, proxied }) => ({ type, content, proxied })),
    [{ type: "CNAME", content: "tunnel.cfargotunnel.com", proxied: true }],
  );
  assert(!dns.zones.some((zone) => zone.records.some(({ type }) => type === "HTTPS")));
});

test("a domain without mail says so for itself and for all below it", () => {
  const records = prodLines();
  for (const line of [
    "ksacerts.com. 3600 IN MX 0 .",
    'ksacerts.com. 3600 IN TXT "v=spf1 -all"',
    '_dmarc.ksacerts.com. 3600 IN TXT "v=DMARC1; p=reject; sp=reject; adkim=s; aspf=s"',
  ])
    assert(records.includes(line), line);
});

test("a name that sends mail says by which servers, who gets reports, and how it is to be sent to", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({
    format: "der",
    type: "spki",
  });
  const key = rsa.toString("base64");
  const ed25519 = Buffer.alloc(32, 7).toString("base64");
  const inventory = prodInventory((farm, settings) => {
    settings.addresses6 = { "contabo-stl2": "2001:db8::53" };
    const mail = domain(farm, "cnmcyber.com").mail!;
    mail.dkim = [
      { selector: "s2", publicKey: ed25519 },
      { selector: "s1", publicKey: key },
    ];
    mail.includes = [
      { domain: "_spf.example.net", lookups: 3 },
      { domain: "spf.example.com", addresses: ["198.51.100.0/24", "2001:db8:1::/48"] },
    ];
  });
  const plan = planOf(inventory);
  const all = lines(plan);
  const policy = plan.dns.policies[0]?.text ?? "";
  const version = createHash("sha256").update(policy).digest("hex").slice(0, 32);
  for (const line of [
    "cnmcyber.com. 3600 IN MX 10 mail.cnmcyber.com.",
    'cnmcyber.com. 3600 IN TXT "v=spf1 ip4:192.0.2.53 ip6:2001:db8::53 ip4:198.51.100.0/24 ip6:2001:db8:1::/48 include:_spf.example.net -all"',
    '_dmarc.cnmcyber.com. 3600 IN TXT "v=DMARC1; p=quarantine; sp=reject; rua=mailto:dmarc@cnmcyber.com"',
    `_mta-sts.cnmcyber.com. 3600 IN TXT "v=STSv1; id=${version}"`,
    '_smtp._tls.cnmcyber.com. 3600 IN TXT "v=TLSRPTv1; rua=mailto:tls@cnmcyber.com"',
    `s2._domainkey.cnmcyber.com. 3600 IN TXT "v=DKIM1; k=ed25519; p=${ed25519}"`,
    "mail.cnmcyber.com. 300 IN A 192.0.2.53",
    "mail.cnmcyber.com. 300 IN AAAA 2001:db8::53",
    "mta-sts.cnmcyber.com. 300 IN A 192.0.2.52",
  ])
    assert(all.includes(line), line);
  assert.equal(policy, "version: STSv1\nmode: testing\nmx: mail.cnmcyber.com\nmax_age: 604800\n");
  assert(!all.some((line) => /^cnmcyber\.com\. .* MX 0 \./.test(line)));

  // The long key stands in strings of at most 255 bytes, which read together are the record.
  const [dkim = ""] = lines(plan, "s1._domainkey.cnmcyber.com");
  const strings = [...dkim.matchAll(/"([^"]*)"/g)].map(([, string = ""]) => string);
  assert(strings.length > 1 && strings.every((string) => string.length <= 255));
  assert.equal(strings.join(""), `v=DKIM1; k=rsa; p=${key}`);

  assert.deepEqual(plan.dns.reverse, [
    { address: "192.0.2.53", name: "mail.cnmcyber.com", host: "contabo-stl2" },
    { address: "2001:db8::53", name: "mail.cnmcyber.com", host: "contabo-stl2" },
  ]);
});

test("the policy of MTA-STS has another version when it has another text", () => {
  const version = (change: Parameters<typeof prodLines>[0]) => prodLines(change, "_mta-sts.cnmcyber.com")[0];
  assert.notEqual(
    version(() => {}),
    version((farm) => {
      domain(farm, "cnmcyber.com").mail!.mtaSts = "enforce";
    }),
  );
});

test("texts are written so that zone files and Cloudflare read them back as they were", () => {
  for (const text of ["", 'a "quoted" \\ text', "x".repeat(255), "y".repeat(700)]) {
    assert.equal(unquoted(quoted(text)), text);
    for (const [string] of quoted(text).matchAll(/"(?:[^"\\]|\\.)*"/g)) assert(string.length <= 257);
  }
});

test("SPF of several servers names each host's addresses once", () => {
  const inventory = prodInventory((farm) => {
    farm.mailServers!.push({ name: "mx2.cnmcyber.com", host: "contabo-de1" });
    domain(farm, "cnmcyber.com").mail!.servers.push("mx2.cnmcyber.com");
  });
  const mail = inventory.domains.find((d) => d.name === "cnmcyber.com")!.mail!;
  assert.equal(spfOf(inventory, mail), "v=spf1 ip4:192.0.2.51 ip4:192.0.2.53 -all");
});

test("who may issue certificates, hand-written records and hosts by name stand in the zone", () => {
  const records = prodLines((farm) => {
    domain(farm, "ksacerts.com").extras!.push(
      { type: "TXT", name: "ksacerts.com", content: 'site="x"', ttl: 60 },
      { type: "SRV", name: "_xmpp._tcp.ksacerts.com", content: "5 5222 wiki.ksacerts.com", priority: 7 },
    );
  });
  for (const line of [
    'ksacerts.com. 3600 IN CAA 0 issue "letsencrypt.org"',
    "wiki.ksacerts.com. 300 IN A 159.89.230.212",
    'ksacerts.com. 60 IN TXT "site=\\"x\\""',
    "_xmpp._tcp.ksacerts.com. 3600 IN SRV 7 5 5222 wiki.ksacerts.com.",
  ])
    assert(records.includes(line), line);
  assert(!records.some((line) => /^wiki\.ksacerts\.com\. .* (MX|TXT)/.test(line)));
});

test("in a zone that another stack keeps only names of our own are written", () => {
  const { zones } = planOf(labInventory()).dns;
  assert.deepEqual([zones[0]?.name, zones[0]?.keptBy], ["opplet.net", "prod"]);
  assert.deepEqual(
    [...new Set(zones.flatMap((zone) => zone.records.map(({ name }) => name)))],
    ["pravka.lab.opplet.net", "redmine.lab.opplet.net"],
  );
});

test("a name lies in the closest zone that is declared", () => {
  const { zones } = planOf(
    labInventory((farm) => {
      farm.domains!.push({ name: "lab.opplet.net", caa: ["letsencrypt.org"] });
    }),
  ).dns;
  assert.deepEqual(
    zones.map(({ name, records }) => [name, records.some((r) => r.name === "pravka.lab.opplet.net")]),
    [
      ["lab.opplet.net", true],
      ["opplet.net", false],
    ],
  );
});

test("a thousand records are checked and planned in well under a second", () => {
  const began = performance.now();
  const inventory = generatedInventory(10, (farm) => {
    domain(farm, "opplet.net").extras = Array.from({ length: 1000 }, (_, n) => ({
      type: "A",
      name: `host${n}.opplet.net`,
      content: `192.0.2.${n % 256}`,
    }));
  });
  const { dns } = planOf(inventory);
  const milliseconds = performance.now() - began;
  assert(dns.zones[0]!.records.length > 1000);
  // Ten hosts with their bundles included: some 60 ms.
  assert(milliseconds < 800, `${milliseconds} ms`);
});
