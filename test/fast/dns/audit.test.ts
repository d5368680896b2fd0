/** The audit of names: a world that tells what is declared has no finding, and each thing that goes wrong in it has one. */
import assert from "node:assert/strict";
import test from "node:test";
import { auditNames, auditText } from "../../../src/dns/audit/audit.ts";
import type { Answer } from "../../../src/dns/audit/client.ts";
import { type Certificate, DAY, type World } from "../../../src/dns/audit/finding.ts";
import { reverseNameOf } from "../../../src/dns/audit/targets.ts";
import { zoneKeyOf } from "../../../src/dns/dnssec.ts";
import { planOf, prodInventory } from "../farms.ts";
import { domain } from "./farm.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");
const RESOLVER = "192.0.2.250";
const SERVERS = ["contabo-de1", "contabo-stl1"];
const KEY = zoneKeyOf("opplet.net", "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=");
const SERVED = ["192.0.2.52", "192.0.2.53"];

const plan = planOf(
  prodInventory((farm) => {
    farm.edge = { kind: "hosts", hosts: ["contabo-stl1", "contabo-stl2"], nameservers: SERVERS };
    for (const other of ["cnmcyber.com", "ksacerts.com"])
      farm.domains = farm.domains?.filter(({ name }) => name !== other) ?? [];
    farm.redirects = farm.redirects?.filter(({ from }) => from.endsWith("opplet.net")) ?? [];
    farm.applications =
      farm.applications?.filter(({ hostnames }) => hostnames.every((n) => n.endsWith("opplet.net"))) ?? [];
    farm.mailServers = [{ name: "mail.opplet.net", host: "contabo-de1" }];
    const opplet = domain(farm, "opplet.net");
    opplet.caa = ["letsencrypt.org"];
    opplet.mail = {
      names: ["opplet.net"],
      servers: ["mail.opplet.net"],
      includes: [{ domain: "_spf.example.org", lookups: 1 }],
      dmarc: { policy: "reject", reports: "dmarc@opplet.net" },
    };
  }),
);
const [zone] = plan.dns.zones;
assert(zone);

type Records = Map<string, string[]>;

/** What is told of a name and a type: by everybody, unless a server is named before it ("192.0.2.51 NAME TYPE"). */
class Told implements World {
  readonly resolver = RESOLVER;
  now = NOW;
  readonly records: Records = new Map();
  readonly silent = new Set<string>();
  readonly lame = new Set<string>();
  validates = true;
  signedUntil = NOW + 14 * DAY;
  shown: Certificate = { issuer: "Let's Encrypt", expires: NOW + 60 * DAY, problem: undefined };

  constructor() {
    for (const { name, type, content, priority } of zone?.records ?? [])
      this.add(`${name} ${type}`, priority === undefined ? content : `${priority} ${content}`);
    this.add("opplet.net DS", KEY.ds);
    this.add("opplet.net DNSKEY", KEY.dnskey);
    this.add("opplet.net SOA", "1");
    this.add("_spf.example.org TXT", '"v=spf1 a mx -all"');
    this.add(`${reverseNameOf("192.0.2.51")} PTR`, "mail.opplet.net");
  }

  add(key: string, ...contents: string[]): this {
    this.records.set(key, [...(this.records.get(key) ?? []), ...contents]);
    return this;
  }

  ask = async (server: string, name: string, type: string): Promise<Answer> => {
    if (this.silent.has(server)) throw new Error("no answer within 3 s");
    const contents =
      this.records.get(`${server} ${name} ${type}`) ?? this.records.get(`${name} ${type}`) ?? [];
    const ranked = type === "MX" || type === "SRV";
    return {
      status: this.lame.has(server) ? "REFUSED" : "NOERROR",
      authoritative: server !== RESOLVER && !this.lame.has(server),
      validated: server === RESOLVER && this.validates,
      records: contents.map((text) => ({
        name,
        type,
        content: ranked ? text.replace(/^\d+ /, "") : text,
        ...(ranked ? { priority: Number.parseInt(text, 10) } : {}),
      })),
      expiries: this.signedUntil > 0 ? [this.signedUntil] : [],
    };
  };

  certificate = async (): Promise<Certificate> => this.shown;
}

const findings = async (change: (world: Told) => unknown): Promise<string[]> => {
  const world = new Told();
  change(world);
  const audits = await auditNames(plan, world);
  return audits.flatMap((each) => each.findings.map(({ severity, what }) => `${severity}: ${what}`));
};

test("a world that tells what is declared has nothing to find", async () => {
  assert.deepEqual(await findings(() => {}), []);
});

const NS1 = "192.0.2.51";

for (const [what, change, expected] of [
  [
    "nobody to whom the zone is delegated",
    (w: Told) => w.records.delete("opplet.net NS"),
    [/^broken: opplet\.net is delegated to nobody/],
  ],
  [
    "a stranger among the name servers",
    (w: Told) => w.add("opplet.net NS", "ns.registrar.example").add("ns.registrar.example A", "203.0.113.9"),
    [
      /^broken: opplet\.net is delegated to ns\.registrar\.example, which is none of ours$/,
      /^warning: opplet\.net NS also says "ns\.registrar\.example", which nobody declared$/,
    ],
  ],
  [
    "a name server that is silent",
    (w: Told) => w.silent.add(NS1),
    [
      /^broken: ns-contabo-de1\.opplet\.net \(192\.0\.2\.51\) does not answer for opplet\.net: no answer within 3 s$/,
    ],
  ],
  [
    "a name server that does not have the zone",
    (w: Told) => w.lame.add(NS1),
    [
      /^broken: ns-contabo-de1\.opplet\.net \(192\.0\.2\.51\) does not know opplet\.net \(REFUSED, not as its authority\)$/,
    ],
  ],
  [
    "a server with another address for a name",
    (w: Told) => w.add(`${NS1} mail.opplet.net A`, "203.0.113.66"),
    [
      /^broken: mail\.opplet\.net A should say "192\.0\.2\.51" \(mail server mail\.opplet\.net\), and ns-contabo-de1\.opplet\.net says "203\.0\.113\.66"$/,
      /^warning: mail\.opplet\.net A also says "203\.0\.113\.66", which nobody declared$/,
    ],
  ],
  [
    "an edge host that is not told",
    (w: Told) => w.records.set("pravka.opplet.net A", [SERVED[0] ?? ""]),
    [
      /^warning: pravka\.opplet\.net A: ns-contabo-de1\.opplet\.net does not tell 192\.0\.2\.53 at present, so contabo-stl2 did not answer it$/,
      /ns-contabo-stl1/,
    ],
  ],
  [
    "signatures that were not renewed",
    (w: Told) => {
      w.signedUntil = NOW + 2.5 * DAY;
    },
    [
      /^warning: signatures of opplet\.net on ns-contabo-de1\.opplet\.net expire in 2 day\(s\)$/,
      /ns-contabo-stl1/,
    ],
  ],
  [
    "signatures that have expired",
    (w: Told) => {
      w.signedUntil = NOW - 1.5 * DAY;
    },
    [
      /^broken: signatures of opplet\.net on ns-contabo-de1\.opplet\.net expired 2 day\(s\) ago$/,
      /ns-contabo-stl1/,
    ],
  ],
  [
    "no signatures",
    (w: Told) => {
      w.signedUntil = 0;
    },
    [/^broken: ns-contabo-de1\.opplet\.net does not sign opplet\.net/, /ns-contabo-stl1/],
  ],
  [
    "no DS record",
    (w: Told) => w.records.delete("opplet.net DS"),
    [/^warning: the zone above opplet\.net has no DS record/],
  ],
  [
    "a DS record of another key",
    (w: Told) => w.records.set("opplet.net DS", [KEY.ds.replace(/.$/, "0")]),
    [/^broken: the DS record above opplet\.net is of a key that its servers do not have/],
  ],
  [
    "a resolver that does not validate",
    (w: Told) => {
      w.validates = false;
    },
    [/^warning: the resolver 192\.0\.2\.250 does not validate/],
  ],
  [
    "a mail server whose address has another name",
    (w: Told) => w.records.set(`${reverseNameOf(NS1)} PTR`, ["vmi1.contaboserver.net"]),
    [
      /^broken: mail server mail\.opplet\.net: its address 192\.0\.2\.51 is called vmi1\.contaboserver\.net in reverse/,
    ],
  ],
  [
    "an include that has grown, and one that leads back",
    (w: Told) =>
      w.records.set("_spf.example.org TXT", [
        `"v=spf1 ${"a:x.example.org ".repeat(9)}include:opplet.net -all"`,
      ]),
    [/^broken: SPF of opplet\.net costs 11 look-ups by now, and receivers refuse mail beyond 10$/],
  ],
  [
    "two SPF records",
    (w: Told) => w.add("opplet.net TXT", '"v=spf1 +all"'),
    [
      /^warning: opplet\.net TXT also says "v=spf1 \+all"/,
      /^warning: .*\+all/,
      /^broken: opplet\.net has 2 SPF records/,
    ],
  ],
  [
    "a certificate that ends soon",
    (w: Told) => {
      w.shown = { ...w.shown, expires: NOW + 5 * DAY };
    },
    [/^warning: the certificate of pravka\.opplet\.net at 192\.0\.2\.52 expires in 5 day\(s\)$/],
  ],
  [
    "authorities of ours that end before long",
    (w: Told) => {
      w.now = Date.parse("2028-11-20T12:00:00Z");
      w.signedUntil = w.now + 14 * DAY;
      w.shown = { ...w.shown, expires: w.now + 60 * DAY };
    },
    [
      /^warning: the authorities of the edge's hosts end on 2028-12-31, in 40 day\(s\), and no certificate lasts longer$/,
    ],
  ],
  [
    "authorities of ours that have ended",
    (w: Told) => {
      w.now = Date.parse("2029-01-02T12:00:00Z");
      w.signedUntil = w.now + 14 * DAY;
      w.shown = { ...w.shown, expires: w.now + 60 * DAY };
    },
    [/^broken: the authorities of the edge's hosts ended on 2028-12-31$/],
  ],
  [
    "a certificate that browsers refuse",
    (w: Told) => {
      w.shown = { ...w.shown, problem: "ERR_TLS_CERT_ALTNAME_INVALID" };
    },
    [
      /^broken: the certificate of pravka\.opplet\.net at 192\.0\.2\.52 is refused by browsers: ERR_TLS_CERT_ALTNAME_INVALID$/,
    ],
  ],
  [
    "a certificate by an authority that the zone does not allow",
    (w: Told) => {
      w.shown = { ...w.shown, issuer: "DigiCert Inc" };
    },
    [
      /^warning: the certificate of pravka\.opplet\.net at 192\.0\.2\.52 is from DigiCert Inc, whom the zone does not allow \(CAA: letsencrypt\.org\)/,
    ],
  ],
] as const)
  test(`found: ${what}`, async () => {
    const found = await findings(change);
    for (const pattern of expected)
      assert(
        found.some((line) => pattern.test(line)),
        `${pattern}\n${found.join("\n")}`,
      );
    const others = found.filter((line) => !/certificate|pravka/.test(line));
    assert(others.length <= expected.length, found.join("\n"));
  });

test("an address in reverse", () => {
  assert.equal(reverseNameOf("192.0.2.51"), "51.2.0.192.in-addr.arpa");
  assert.equal(
    reverseNameOf("2001:db8::52"),
    "2.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
  );
});

test("people read what is broken first, each with its remedy", () => {
  const text = auditText([
    {
      zone: "example.net",
      records: 2,
      findings: [
        { severity: "warning", what: "one thing", remedy: "do this" },
        { severity: "broken", what: "another", remedy: "do that" },
      ],
    },
    { zone: "example.org", records: 1, findings: [] },
  ]);
  assert.equal(
    text,
    `example.net: 2 record(s), 2 finding(s)
  BROKEN  another
      do that
  WARNING  one thing
      do this
example.org: 1 record(s), all is as declared
`,
  );
});
