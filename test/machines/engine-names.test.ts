/**
 * Every kind of thing that the program declares at Cloudflare, under the real engine with the real provider, against a stand-in of
 * Cloudflare on 127.0.0.1. Needs `pulumi` and the provider's plugin on the PATH; no root, no machines, no account.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { tunnelToken } from "../../src/dns/cloudflare/secret.ts";
import { type DnsRecord, recordId, TUNNEL_TARGET } from "../../src/dns/record.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { ACCOUNT, behindCloudflare, type Change, domain, OPPLET } from "../fast/dns/farm.ts";
import { planOf, prodInventory } from "../fast/farms.ts";
import { bothClouds, DROPLETS, realised } from "./cloud-apis/both-clouds.ts";
import { cloudflare } from "./cloud-apis/cloudflare.ts";
import { WholeProgram } from "./cloud-apis/project.ts";
import type { Body } from "./cloud-apis/stand-in.ts";
import { previewed, Trial } from "./cloud-apis/trial.ts";
import { withoutEngine } from "./engine-project.ts";

const OURS = "c".repeat(32);
const OTHERS = "d".repeat(32);
const RULES = "e".repeat(32);
const API = "/client/v4";

/** A Cloudflare where opplet.net is, with a record and redirects that the farm takes over and a record that is somebody else's. */
async function account() {
  const at = await cloudflare([
    {
      number: OPPLET,
      zone: { name: "opplet.net", account: { id: ACCOUNT }, type: "full" },
      records: {
        [OURS]: { name: "opplet.net", type: "A", content: "159.89.93.1", ttl: 1, proxied: true },
        [OTHERS]: { name: "old.opplet.net", type: "A", content: "198.51.100.7", ttl: 300 },
      },
      rulesets: {
        [RULES]: {
          ...{ name: "default", kind: "zone", phase: "http_request_dynamic_redirect" },
          rules: [{ action: "redirect", expression: "true", action_parameters: {} }],
        },
      },
    },
  ]);
  return {
    ...at,
    endpoints: { CLOUDFLARE_BASE_URL: `${at.api.url}${API}`, CLOUDFLARE_API_TOKEN: "t".repeat(40) },
    /** Without the numbers of zones, tunnels and the rest. */
    taken: () => at.api.taken().map((line) => line.replace(API, "").replace(/\/[0-9a-f-]{32,36}/g, "/N")),
    unknown: () => at.api.unknown,
    close: () => at.api.close(),
  };
}

/** A record of each type that Cloudflare takes in parts, and a text of more than one string. */
const EXTRAS = [
  { type: "SRV", name: "_sip._tcp.ksacerts.com", content: "5 5060 sip.example.org", priority: 10 },
  { type: "NS", name: "lab.ksacerts.com", content: "ns1.example.org" },
  { type: "DS", name: "lab.ksacerts.com", content: `2371 13 2 ${"ab".repeat(32)}` },
  { type: "HTTPS", name: "web.ksacerts.com", content: '. alpn="h2" ipv6hint="2001:2::1"', priority: 1 },
  { type: "AAAA", name: "web.ksacerts.com", content: "2001:2::1" },
  { type: "TXT", name: "long.ksacerts.com", content: "x".repeat(300) },
] as const;

const common: Change = (declared, settings) => {
  Object.assign(settings.cloudflare as object, { records: { "opplet.net/A/do-nyc1-a": OURS } });
  domain(declared, "ksacerts.com").extras!.push(...EXTRAS);
};
const farm = (change: Change = () => {}): Inventory =>
  behindCloudflare((...of) => {
    common(...of);
    const [, settings] = of;
    const rulesets = { "opplet.net/http_request_dynamic_redirect": RULES };
    Object.assign(settings.cloudflare as object, { rulesets });
    change(...of);
  });
/** The same with our own hosts as the edge. */
const onHosts = (change: Change = () => {}): Inventory =>
  prodInventory((declared, settings) => {
    settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET } };
    common(declared, settings);
    change(declared, settings);
  });

const SETTINGS = { always_use_https: "on", min_tls_version: "1.2", ssl: "strict" };

/** What a first run makes, takes over and changes, as a preview names it. */
function first(inventory: Inventory): string[] {
  const { dns } = planOf(inventory);
  const names = dns.zones.flatMap(({ name, records }) => [
    ...[`${name}-dnssec`, ...Object.keys(SETTINGS).map((id) => `${name}-${id}`)],
    ...Object.entries(dns.cloudflare?.zones[name] ?? {}).flatMap(([phase, { length }]) =>
      length > 0 ? [`${name}-${phase}`] : [],
    ),
    ...[name, ...records.map(recordId)],
  ]);
  const changed = ["opplet.net/A/do-nyc1-a", "opplet.net-http_request_dynamic_redirect"];
  const there = ["opplet.net", ...changed];
  return [
    ...[...names, "edge", "edge-ingress", "administrators", "redmine"].map((name) =>
      there.includes(name) ? `import ${name}` : `create ${name}`,
    ),
    ...changed.map((name) => `update ${name}`),
  ].sort();
}

/** A record as Cloudflare is to have it; `tunnel` is the label that it gave ours. */
const wanted = (record: DnsRecord, tunnel: string) => {
  const { name, type, ttl, priority, proxied, source: comment } = record;
  const content = record.content === TUNNEL_TARGET ? `${tunnel}.cfargotunnel.com` : record.content;
  return {
    ...{ name, type, ttl: proxied ? 1 : ttl, proxied, comment },
    content: type === "HTTPS" ? `${priority} ${content}` : content,
    priority: ["MX", "SRV"].includes(type) ? priority : undefined,
  };
};
const told = ({ name, type, ttl, proxied, comment, content, priority }: Body) => ({
  ...{ name, type, ttl, proxied, comment, content, priority },
});
const sorted = (all: readonly object[]): string[] => all.map((each) => JSON.stringify(each)).sort();

const urn = (parent: string, type: string, name: string): string =>
  `urn:pulumi:prod::farms::farms:dns:${parent}$cloudflare:index/${type[0]!.toLowerCase()}${type.slice(1)}:${type}::${name}`;

test("names under the real engine", { skip: withoutEngine }, async (t) => {
  const trial = await Trial.begin(await account(), "names-program.ts", "prod");
  const { project, clouds } = trial;
  const { zones, records, rulesets, tunnels, ingress, applications, settings, taken } = clouds;
  const tunnel = (): Body => tunnels.named("farms-prod");
  /** "TYPE CONTENT" of all that a name has. */
  const at = (name: string): string[] =>
    records.all().flatMap((each) => (each.name === name ? [`${each.type} ${each.content}`] : []));

  try {
    await t.test("a preview names all that is to be made and imported, and changes nothing", async () => {
      project.declare(farm());
      assert.deepEqual(await previewed(project), first(farm()));
      assert.deepEqual(taken(), []);
    });

    await t.test("all is made", async () => {
      const { length } = first(farm()).filter((line) => line.startsWith("create"));
      // The stack and the components of three zones and the tunnel.
      const made = new RegExp(`\\+ ${length + 5} created\\n {4}~ 2 updated\\n {4}= 3 imported\\n`);
      assert.match(await trial.up(farm()), made);
      taken();
    });

    await t.test("records are as they are declared, and what is somebody else's stays as it was", () => {
      const { dns } = planOf(farm());
      for (const zone of dns.zones) {
        const { id } = zones.named(zone.name);
        const there = records.all().filter(({ id: number, zone_id }) => zone_id === id && number !== OTHERS);
        assert.deepEqual(
          sorted(there.map(told)),
          sorted(zone.records.map((record) => wanted(record, tunnel().id))),
        );
      }
      const { content, comment } = records.get(OTHERS);
      assert.deepEqual([content, comment], ["198.51.100.7", null]);
      const long = records.all().find(({ name }) => name === "long.ksacerts.com");
      assert.equal(long?.content, `"${"x".repeat(255)}" "${"x".repeat(45)}"`);
    });

    await t.test("each zone is held to TLS, and its rules are in the words of the API", () => {
      for (const { id } of zones.all()) assert.deepEqual(settings.get(id), SETTINGS);
      const rules = (phase: string): Body[] => rulesets.all().find((each) => each.phase === phase)?.rules;
      const [redirect] = rules("http_request_dynamic_redirect");
      assert.deepEqual(redirect?.action_parameters, {
        from_value: {
          status_code: 301,
          target_url: { expression: 'concat("https://opplet.net", http.request.uri.path)' },
          preserve_query_string: true,
        },
      });
      assert.deepEqual(
        rules("http_request_cache_settings").map(({ action_parameters: { cache } }) => cache),
        [true, false, false],
      );
      const [limit] = rules("http_ratelimit");
      assert.deepEqual(
        [limit?.action, limit?.ratelimit],
        [
          "block",
          {
            ...{ characteristics: ["cf.colo.id", "ip.src"], period: 10 },
            ...{ requests_per_period: 20, mitigation_timeout: 10, requests_to_origin: false },
          },
        ],
      );
    });

    await t.test("the tunnel has its ingress map, and administrators alone come to Redmine", async () => {
      const [own] = ingress.all();
      assert.deepEqual(
        own?.config.ingress.map(({ hostname, service }: Body) => [hostname, service]),
        [
          ...["mta-sts.cnmcyber.com", "pravka.opplet.net", "redmine.opplet.net", "www.opplet.net"].map(
            (name) => [name, "http://127.0.0.1:8480"],
          ),
          [undefined, "http_status:404"],
        ],
      );
      const [redmine] = applications.all();
      assert.deepEqual(redmine?.self_hosted_domains, ["redmine.opplet.net"]);
      assert.deepEqual(redmine?.policies[0].include, [{ email: { email: "anna@opplet.net" } }]);
    });

    const secret = (generations: Record<string, number>): string =>
      deriveKeys(PREVIEW_MASTER_KEY, "prod", generations).secret("tunnel/edge");
    const token = (generations: Record<string, number>): string =>
      tunnelToken({ account: ACCOUNT, tunnelId: tunnel().id, secret: secret(generations) });

    await t.test("the tunnel's secret and its token are secrets in the state", async () => {
      assert.equal((await trial.engine("stack", "output", "token", "--show-secrets")).trim(), token({}));
      const state = await trial.engine("stack", "export");
      for (const word of [secret({}), token({})])
        assert(!(state + project.said.replace(token({}), "")).includes(word));
    });

    await t.test("registrars elsewhere are told of keys and servers by an output", async () => {
      const { zones: of } = JSON.parse(await trial.engine("stack", "output", "names", "--json"));
      assert.match(of["ksacerts.com"].ds, /^ksacerts\.com\. 3600 IN DS \d+ 13 2 [0-9A-F]{64}$/);
      assert.deepEqual(of["ksacerts.com"].nameServers, zones.named("ksacerts.com").name_servers);
    });

    await t.test(
      "a second time there is nothing to do, also when Cloudflare is asked how all is",
      async () => {
        await trial.unchanged(farm());
        // Until a registrar has been told of the keys, Cloudflare calls the signing pending: who looks asks for it again.
        await trial.up(farm(), "--refresh");
        assert.deepEqual([...new Set(taken())], ["PATCH /zones/N/dnssec"]);
        for (const { id } of zones.all()) clouds.signedAbove(id);
        clouds.open(tunnel().id);
        await trial.unchanged(farm(), "--refresh");
      },
    );

    await t.test("domains and records in another order are the same", async () => {
      await trial.unchanged(
        farm((declared) => {
          declared.domains!.reverse();
          domain(declared, "ksacerts.com").extras!.reverse();
          declared.applications!.reverse();
        }),
      );
    });

    await t.test("what was taken over stays ours when the settings no longer say so", async () => {
      await trial.unchanged(
        farm((_, settings) => {
          Object.assign(settings.cloudflare as object, { records: {}, rulesets: {} });
        }),
      );
    });

    await t.test("what somebody changed by hand is put back, where it is ours", async () => {
      const pravka = records.all().find(({ name }) => name === "pravka.opplet.net")!;
      Object.assign(pravka, { content: "198.51.100.9", type: "A", proxied: false, ttl: 300 });
      settings.get(OPPLET)!.ssl = "off";
      await trial.up(farm(), "--refresh");
      assert.deepEqual(taken().sort(), [
        ...["DELETE /zones/N/dns_records/N", "PATCH /zones/N/settings/ssl", "POST /zones/N/dns_records"],
      ]);
      assert.deepEqual(at("pravka.opplet.net"), [`CNAME ${tunnel().id}.cfargotunnel.com`]);
      assert.equal(settings.get(OPPLET)?.ssl, "strict");
    });

    const changed = (change: Change = () => {}): Inventory =>
      farm((declared, of) => {
        declared.redirects![0]!.status = 302;
        domain(declared, "ksacerts.com").extras!.push({
          ...{ type: "A", name: "new.ksacerts.com", content: "198.51.100.8" },
        });
        change(declared, of);
      });

    await t.test("another redirect and one record more change these alone", async () => {
      await trial.up(changed());
      assert.deepEqual(taken().sort(), ["POST /zones/N/dns_records", "PUT /zones/N/rulesets/N"]);
      await trial.unchanged(changed(), "--refresh");
    });

    const rotated = (): Inventory =>
      changed((declared) => {
        declared.generations = { "tunnel/edge": 2 };
      });

    await t.test("another secret of the tunnel changes the tunnel alone, and its token", async () => {
      await trial.up(rotated());
      assert.deepEqual(taken(), ["PATCH /accounts/N/cfd_tunnel/N"]);
      const next = await trial.engine("stack", "output", "token", "--show-secrets");
      assert.equal(next.trim(), token({ "tunnel/edge": 2 }));
      await trial.unchanged(rotated(), "--refresh");
    });

    await t.test("refused: to delete a zone that is no longer declared, or its signing", async () => {
      project.declare(
        changed((declared) => {
          declared.domains = declared.domains!.filter(({ name }) => name !== "ksacerts.com");
        }),
      );
      assert.match(
        await trial.refused("up", "--yes"),
        /ksacerts\.com.*cannot be deleted\s+because it is protected/s,
      );
      assert.deepEqual(taken(), []);
    });

    await t.test(
      "from Cloudflare to our own edge: the former records go first, then all is as declared",
      async () => {
        project.declare(onHosts());
        assert.match(await trial.refused("up", "--yes", "--skip-preview"), /81053/);
        const former = ["pravka.opplet.net/CNAME", "redmine.opplet.net/CNAME", "www.opplet.net/CNAME"];
        const targets = [...former, "mta-sts.cnmcyber.com/CNAME"].map((name) =>
          urn("Zone", "DnsRecord", name),
        );
        await trial.engine(
          ...["destroy", "--yes", "--skip-preview"],
          ...targets.flatMap((each) => ["--target", each]),
        );
        // As hosts do that are no nodes of a tunnel any more.
        tunnel().connections = [];
        await trial.up(onHosts());
        const { dns } = planOf(onHosts());
        assert.deepEqual(
          sorted(records.all().flatMap((each) => (each.id === OTHERS ? [] : [told(each)]))),
          sorted(dns.zones.flatMap((zone) => zone.records.map((record) => wanted(record, "")))),
        );
        assert.deepEqual([tunnels.all(), rulesets.all(), applications.all()], [[], [], []]);
        taken();
        await trial.unchanged(onHosts(), "--refresh");
      },
    );

    await t.test(
      "what was taken over and deleted by hand is made when the settings say that it is gone",
      async () => {
        records.remove(OURS);
        project.declare(onHosts());
        assert.match(
          await trial.refused("up", "--yes", "--skip-preview", "--refresh"),
          /opplet\.net\/A\/do-nyc1-a/,
        );
        const gone = onHosts((_, settings) => {
          Object.assign(settings.cloudflare as object, { records: { "opplet.net/A/do-nyc1-a": "made" } });
        });
        await trial.up(gone);
        assert.deepEqual(taken(), ["POST /zones/N/dns_records"]);
        assert.deepEqual(
          at("opplet.net").filter((line) => line.startsWith("A ")),
          ["A 159.89.93.1"],
        );
        const silent = onHosts((_, settings) => {
          Object.assign(settings.cloudflare as object, { records: {} });
        });
        await trial.unchanged(silent, "--refresh");
      },
    );

    assert.deepEqual(clouds.unknown(), []);
  } finally {
    trial.end();
  }
});

test("the production cloud behind Cloudflare is previewed as a whole", { skip: withoutEngine }, async () => {
  const range = "198.18.115";
  const [machines, names] = [await bothClouds(range), await account()];
  const project = new WholeProgram({ ...machines.endpoints, ...names.endpoints });
  const read: Parameters<Change>[] = [];
  farm((...of) => read.push(structuredClone(of)));
  const [declared, settings] = read[0]!;
  try {
    const there = Object.keys(settings.imports ?? {}).map((id, n) => [id, `${DROPLETS[n]}`]);
    const { administrators, ...real } = realised(settings, range);
    await project.declare("behind", declared, {
      ...real,
      administrators: (administrators as object[]).map((one) => ({ ...one, email: "anna@opplet.net" })),
      imports: Object.fromEntries(there),
    });
    const atCloudflare = (await previewed(project)).filter((line) => !/-droplet|^create project/.test(line));
    assert.deepEqual(atCloudflare, first(farm()));
    assert.deepEqual(
      [names.taken(), names.unknown(), machines.taken(), machines.unknown()],
      [[], [], [], []],
    );
  } finally {
    project.remove();
    machines.close();
    names.close();
  }
});
