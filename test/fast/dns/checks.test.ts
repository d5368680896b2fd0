/** What is refused of names, and in which words. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import test, { describe } from "node:test";
import { prodInventory } from "../farms.ts";
import { refusal } from "../refusal.ts";
import { ACCOUNT, behindCloudflare, type Change, domain, MIRROR } from "./farm.ts";

const extra =
  (name: string, ...extras: object[]): Change =>
  (farm) => {
    domain(farm, name).extras = extras as never;
  };
const mail =
  (change: (mail: NonNullable<ReturnType<typeof domain>["mail"]>) => void): Change =>
  (farm) =>
    change(domain(farm, "cnmcyber.com").mail!);

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const { publicKey: weak } = generateKeyPairSync("rsa", { modulusLength: 512 });

const refused: [string, Change, RegExp][] = [
  [
    "two applications of one name",
    (farm) => {
      farm.applications![1]!.hostnames = ["pravka.opplet.net"];
    },
    /application pravka and application redmine both answer to pravka\.opplet\.net; a name leads to one place: remove one/,
  ],
  [
    "an application and a redirect of one name",
    (farm) => {
      farm.redirects!.push({ from: "pravka.opplet.net", to: "https://opplet.net", status: 302 });
    },
    /application pravka and redirect from pravka\.opplet\.net both answer to pravka\.opplet\.net/,
  ],
  [
    "a redirect twice",
    (farm) => {
      farm.redirects!.push({ from: "www.opplet.net", to: "https://pravka.opplet.net", status: 302 });
    },
    /redirect from www\.opplet\.net: www\.opplet\.net is declared twice; remove one/,
  ],
  [
    "a redirect to itself",
    (farm) => {
      farm.redirects![0]!.to = "https://www.opplet.net/x";
    },
    /redirect from www\.opplet\.net leads to itself \(https:\/\/www\.opplet\.net\/x\)/,
  ],
  [
    "a redirect in nobody's domain",
    (farm) => {
      farm.redirects![0]!.from = "www.example.org";
    },
    /redirect from www\.example\.org is in none of our domains \(opplet\.net, cnmcyber\.com, ksacerts\.com\)/,
  ],
  [
    "a redirect to an unknown application",
    (farm) => {
      farm.redirects![0]!.to = "nobody";
    },
    /redirect from www\.opplet\.net leads to "nobody", which is no application; there is pravka, redmine/,
  ],
  [
    "a redirect to its own application",
    (farm) => {
      farm.redirects!.push({ from: "x.opplet.net", to: "redmine", status: 302 });
      farm.applications![1]!.hostnames = ["x.opplet.net"];
    },
    /redirect from x\.opplet\.net leads to itself \(redmine\)/,
  ],
  [
    "a redirect without TLS",
    (farm) => {
      farm.redirects![0]!.to = "http://opplet.net";
    },
    /redirects\[0\]\.to: write an application, or an address such as https:\/\/example\.org\/page/,
  ],
  [
    "an application in nobody's domain",
    (farm) => {
      farm.applications![0]!.hostnames = ["wiki.example.org"];
    },
    /application pravka answers to wiki\.example\.org, which is in none of our domains/,
  ],
  [
    "an extra over a derived record",
    extra("opplet.net", { type: "A", name: "pravka.opplet.net", content: "192.0.2.9" }),
    /extra A pravka\.opplet\.net of opplet\.net and application pravka overlap: each says which A records pravka\.opplet\.net has; remove one/,
  ],
  [
    "an extra that adds mail to a name without",
    extra("ksacerts.com", { type: "MX", name: "ksacerts.com", content: "mail.example.org", priority: 5 }),
    /no mail of ksacerts\.com and extra MX ksacerts\.com of ksacerts\.com overlap: each says which MX records/,
  ],
  [
    "a CNAME beside other data",
    extra("opplet.net", { type: "CNAME", name: "pravka.opplet.net", content: "host.example.org" }),
    /pravka\.opplet\.net is a CNAME \(extra CNAME pravka\.opplet\.net of opplet\.net\) and has other records \(application pravka/,
  ],
  [
    "a CNAME at the apex of our own servers",
    extra("ksacerts.com", { type: "CNAME", name: "ksacerts.com", content: "host.example.org" }),
    /extra CNAME ksacerts\.com of ksacerts\.com: ksacerts\.com is the zone itself and can't be a CNAME/,
  ],
  [
    "two CNAMEs of one name",
    extra(
      "ksacerts.com",
      { type: "CNAME", name: "a.ksacerts.com", content: "host.example.org" },
      { type: "CNAME", name: "a.ksacerts.com", content: "other.example.org" },
    ),
    /a\.ksacerts\.com has one CNAME record twice, or two that exclude each other/,
  ],
  [
    "a record twice",
    extra(
      "ksacerts.com",
      { type: "TXT", name: "ksacerts.com", content: "x" },
      { type: "TXT", name: "ksacerts.com", content: "x", ttl: 60 },
    ),
    /ksacerts\.com has one TXT record twice, .* \(extra TXT ksacerts\.com of ksacerts\.com\); remove one/,
  ],
  [
    "a second SPF record",
    extra("cnmcyber.com", { type: "TXT", name: "cnmcyber.com", content: "v=spf1 mx -all" }),
    /cnmcyber\.com has more than one record v=spf1 \(.*extra TXT cnmcyber\.com of cnmcyber\.com.*\), so none counts/,
  ],
  [
    "a record outside its zone",
    extra("opplet.net", { type: "A", name: "www.cnmcyber.com", content: "192.0.2.9" }),
    /extra A www\.cnmcyber\.com of opplet\.net: www\.cnmcyber\.com is outside of its zone opplet\.net; move it to its own domain/,
  ],
  [
    "a record in a zone of its own",
    (farm) => {
      farm.domains!.push({ name: "lab.opplet.net", caa: ["letsencrypt.org"] });
      domain(farm, "opplet.net").extras = [{ type: "A", name: "a.lab.opplet.net", content: "192.0.2.9" }];
    },
    /extra A a\.lab\.opplet\.net of opplet\.net is in a zone of its own; move it to that domain/,
  ],
  [
    "a name of an unknown host",
    extra("ksacerts.com", { type: "host", name: "wiki.ksacerts.com", host: "nobody" }),
    /extra wiki\.ksacerts\.com of ksacerts\.com names "nobody", which is no host/,
  ],
  [
    "a kind of record that there is not",
    extra("ksacerts.com", { type: "SPF", name: "ksacerts.com", content: "x" }),
    /domains\[2\] \(ksacerts\.com\)\.extras\[0\] \(ksacerts\.com\)\.type: write type: "host" with a host, or one of A, AAAA/,
  ],
  [
    "an edge of no kind",
    (farm) => {
      farm.edge = { hosts: ["contabo-stl1"] } as never;
    },
    /edge\.kind: write \{ kind: "hosts", hosts: \["edge1"\] \} or \{ kind: "cloudflare" \}/,
  ],
  [
    "an IPv6 address of an unknown host",
    (_, settings) => {
      settings.addresses6 = { nobody: "2001:db8::1" };
    },
    /farms:addresses6 has an address for "nobody", which is no host/,
  ],
  [
    "nobody who may issue certificates",
    (farm) => {
      delete domain(farm, "ksacerts.com").caa;
    },
    /domain ksacerts\.com says not who may issue certificates for it; write caa: \["letsencrypt\.org"\]/,
  ],
  [
    "mail in a zone that another stack keeps",
    (farm) => {
      domain(farm, "cnmcyber.com").keptBy = "other";
    },
    /domain cnmcyber\.com is kept by stack other: write its caa and mail there/,
  ],
  [
    "a domain twice",
    (farm) => {
      farm.domains!.push({ name: "ksacerts.com", caa: ["letsencrypt.org"] });
    },
    /domains: "ksacerts\.com" is declared twice/,
  ],
  [
    "mail of another domain",
    mail((m) => m.names.push("example.org")),
    /mail of cnmcyber\.com: example\.org is outside of its zone cnmcyber\.com/,
  ],
  [
    "a mail server that is none",
    mail((m) => m.servers.push("mx.cnmcyber.com")),
    /mail of cnmcyber\.com is served by mx\.cnmcyber\.com, which is no mail server; declare it in mailServers/,
  ],
  [
    "a mail server on an unknown host",
    (farm) => {
      farm.mailServers![0]!.host = "nobody";
    },
    /mail server mail\.cnmcyber\.com is on "nobody", which is no host/,
  ],
  [
    "two names for one address in reverse",
    (farm) => {
      farm.mailServers!.push({ name: "mail.opplet.net", host: "contabo-stl2" });
    },
    /mail servers mail\.cnmcyber\.com and mail\.opplet\.net are both contabo-stl2; an address has one name in reverse/,
  ],
  [
    "reports to somebody else",
    mail((m) => {
      m.dmarc.reports = "x@example.org";
    }),
    /mail of cnmcyber\.com: reports to x@example\.org need that domain's consent/,
  ],
  [
    "SPF of more than ten look-ups",
    mail((m) => {
      m.includes = [
        { domain: "a.example.org", lookups: 6 },
        { domain: "b.example.org", lookups: 3 },
      ];
    }),
    /mail of cnmcyber\.com: SPF costs 11 look-ups, and receivers refuse mail beyond 10; write the addresses of an include/,
  ],
  [
    "SPF that is too long",
    mail((m) => {
      const addresses = Array.from({ length: 40 }, (_, n) => `198.51.100.${n}`);
      m.includes = [{ domain: "a.example.org", addresses }];
    }),
    /mail of cnmcyber\.com: SPF is too long, \d+ characters with the name, and an answer has room for 450/,
  ],
  [
    "addresses that are none in SPF",
    mail((m) => {
      m.includes = [{ domain: "a.example.org", addresses: ["198.51.100.0/33"] }];
    }),
    /domains\[1\] \(cnmcyber\.com\)\.mail\.includes\[0\]\.addresses\[0\]: write an address or a network such as 192\.0\.2\.0\/24/,
  ],
  [
    "a private key for DKIM",
    mail((m) => {
      const key = privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
      m.dkim = [{ selector: "s1", publicKey: key }];
    }),
    /mail of cnmcyber\.com: the DKIM key s1 is no public key .*; the private one stays on the mail server/,
  ],
  [
    "a weak key for DKIM",
    mail((m) => {
      const key = weak.export({ format: "der", type: "spki" }).toString("base64");
      m.dkim = [{ selector: "s1", publicKey: key }];
    }),
    /the DKIM key s1 is no public key \(RSA of 1024 bits or more/,
  ],
  [
    "a zone at Cloudflare that is no domain",
    (_, settings) => {
      settings.cloudflare = { account: ACCOUNT, zones: { "example.org": ACCOUNT } };
    },
    /farms:cloudflare\.zones has example\.org, which is no domain/,
  ],
  [
    "a record at Cloudflare that is none of ours",
    (_, settings) => {
      settings.cloudflare = { account: ACCOUNT, records: { "x.opplet.net/A": ACCOUNT } };
    },
    /farms:cloudflare\.records has x\.opplet\.net\/A, which is no record of ours/,
  ],
  [
    "a zone of another stack without its number",
    (farm, settings) => {
      farm.domains!.push({ name: "example.org", keptBy: "lab" });
      settings.cloudflare = { account: ACCOUNT };
    },
    /domain example\.org is kept by stack lab, and its zone has no number here; write it: pulumi config set --path/,
  ],
];

for (const [what, change, message] of refused)
  test(`refused: ${what}`, () => {
    assert.match(refusal(change, prodInventory), message);
  });

const contents: [type: string, content: string][] = [
  ["A", "192.0.2.256"],
  ["AAAA", "192.0.2.1"],
  ["CAA", "0 issue letsencrypt.org"],
  ["CNAME", "not a name"],
  ["DS", "2371 13 2 xyz"],
  ["HTTPS", "alpn"],
  ["MX", "10 mail.example.org"],
  ["NS", "192.0.2.1"],
  ["SRV", "5 mail.example.org"],
  ["TXT", "Правка"],
];

for (const [type, content] of contents)
  test(`refused: ${content} as ${type}`, () => {
    const change = extra("ksacerts.com", { type, name: "x.ksacerts.com", content });
    assert.match(
      refusal(change, prodInventory),
      new RegExp(
        `extra ${type} x\\.ksacerts\\.com of ksacerts\\.com: .* has the content .*, which is none for ${type}; write`,
      ),
    );
  });

test("good contents of every type stand together", () => {
  const good: [string, string, string][] = [
    ["A", "a", "192.0.2.1"],
    ["AAAA", "a", "2001:db8::1"],
    ["CAA", "a", '0 issuewild ";"'],
    ["CNAME", "c", "host.example.org"],
    ["NS", "d", "ns1.example.org"],
    ["DS", "d", "2371 13 2 1F987CC6583E92DF0890718C42AD"],
    ["HTTPS", "a", '. alpn="h2,h3" port=8443'],
    ["MX", "a", "mail.example.org"],
    ["SRV", "_x._tcp", "5 5222 host.example.org"],
    ["TXT", "*.e", "v=spf1 -all"],
  ];
  const extras = good.map(([type, label, content]) => ({ type, name: `${label}.ksacerts.com`, content }));
  prodInventory(extra("ksacerts.com", ...extras));
});

test("at the apex Cloudflare flattens a CNAME, also beside mail", () => {
  behindCloudflare((farm) => {
    domain(farm, "opplet.net").extras = [];
    farm.applications![0]!.hostnames = ["opplet.net"];
  });
});

test("refused: a flattened CNAME beside an address", () => {
  const change: Change = (farm) => {
    farm.edge = { kind: "cloudflare" };
    farm.applications![0]!.hostnames = ["opplet.net"];
  };
  assert.match(
    refusal(change, prodInventory),
    /opplet\.net is a CNAME \(application pravka\) and has other records \(extra opplet\.net of opplet\.net\)/,
  );
});

test("refused: private addresses at Cloudflare", () => {
  const change: Change = (_, settings) => {
    settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": ACCOUNT } };
  };
  assert.match(
    refusal(change),
    /application pravka: pravka\.lab\.opplet\.net would lead to 10\.90\.0\.31, where nobody comes from outside/,
  );
});

test("a domain's mistakes are told with those of the rest, all at once", () => {
  const text = refusal((farm) => {
    farm.applications![0]!.nodes.push("nobody");
    farm.mailServers![0]!.host = "nobody";
  }, prodInventory);
  assert.match(text, /application pravka has a node "nobody"/);
  assert.match(text, /mail server mail\.cnmcyber\.com is on "nobody"/);
});

describe("refused, of an edge that is Cloudflare's:", () => {
  const nobodyServes: Change = (farm) => {
    farm.applications = [];
    farm.redirects = [{ from: "www.opplet.net", to: "https://opplet.net", status: 301 }];
  };
  const cases: [string, Change, RegExp][] = [
    [
      "packages of whom nobody has named a key",
      (_, settings) => {
        delete settings.cloudflared;
      },
      /edge is Cloudflare, and the key of its packages is missing, from which the nodes get cloudflared; write it: pulumi config set --path farms:cloudflared\.key/,
    ],
    [
      "a key that is none",
      (_, settings) => {
        settings.cloudflared = { key: MIRROR.key.replace("mDME", "AAAA") };
      },
      /farms:cloudflared\.key is no public OpenPGP key; write all of it/,
    ],
    [
      "another's key for Cloudflare's own repository",
      (_, settings) => {
        settings.cloudflared = { key: MIRROR.key };
      },
      new RegExp(`farms:cloudflared\\.key is ${MIRROR.fingerprint}, and Cloudflare's is CC94B39C77AE7342`),
    ],
    [
      "a repository that is no address",
      (_, settings) => {
        settings.cloudflared = { key: MIRROR.key, repository: "mirror" };
      },
      /cloudflared\.repository: write its address such as http:\/\/10\.0\.0\.5\/cloudflared/,
    ],
    [
      "nobody to ask for Cloudflare's names",
      (_, settings) => {
        settings.nameservers = [];
      },
      /the nodes find by name, and they may ask nobody; write whom: pulumi config set --path 'farms:nameservers\[0\]'/,
    ],
    [
      "names without a host that opens the tunnel",
      nobodyServes,
      /no host serves an application, so nobody opens the tunnel to which www\.opplet\.net, mta-sts\.cnmcyber\.com would lead; declare an application/,
    ],
  ];
  for (const [what, change, message] of cases)
    test(what, () => assert.match(refusal(change, behindCloudflare), message));
});
