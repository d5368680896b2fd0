/** Names at Cloudflare, as its provider is asked for them. */
import assert from "node:assert/strict";
import test from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { registerNames, registerTunnel } from "../../../src/dns/cloudflare/register.ts";
import { TUNNEL_SECRET } from "../../../src/dns/cloudflare/secret.ts";
import type { TakenOver } from "../../../src/dns/cloudflare/zone.ts";
import type { GivenSecrets } from "../../../src/host/agent.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { registerHosts } from "../../../src/shell/hosts.ts";
import { labInventory, planOf, prodInventory } from "../farms.ts";
import { type Run, run, secret } from "../machines/made.ts";
import { ACCOUNT, behindCloudflare, domain, OPPLET } from "./farm.ts";

const type = (name: string): string => `cloudflare:index/${name[0]!.toLowerCase()}${name.slice(1)}:${name}`;
const RECORD = type("DnsRecord");
const ZONE = type("Zone");
const RULESET = type("Ruleset");

/** What is registered for names; with their hosts, if `withHosts`, else as if these were there. */
const register = (inventory: Inventory, withHosts = false, former: TakenOver = {}): Promise<Run> =>
  run(() => {
    const keys = deriveKeys(PREVIEW_MASTER_KEY, inventory.stack, {});
    const plan = planOf(inventory);
    const reachable = new Set(inventory.hosts.map(({ id }) => id));
    const known = { applied: {}, hostKeys: {}, reachable };
    const tunnel = registerTunnel(plan, inventory.cloudflare!, keys);
    const given = tunnel?.token.apply((token): GivenSecrets => ({ [TUNNEL_SECRET]: token }));
    const hosts = withHosts ? registerHosts(plan, keys, undefined, { ...known, given }) : new Map();
    return { names: registerNames(plan, inventory.cloudflare!, hosts, tunnel, former) };
  });

const inventory = behindCloudflare();
const made = await register(inventory);
const ofType = (of: Run, name: string) => of.all.filter((each) => each.type === type(name));
const numberOf = (of: Run, kind: string, name: string): string =>
  `${1001 + of.all.indexOf(of.of(kind, name))}`;
const onHosts = (change: Parameters<typeof prodInventory>[0] = () => {}): Inventory =>
  prodInventory((farm, settings) => {
    settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET } };
    change!(farm, settings);
  });

test("a zone that is there is taken over as it is, another is made; both are protected, and so is their signing", () => {
  const zones = ofType(made, "Zone").map(({ name, inputs, options }) => ({
    ...{ name, inputs, protect: options.protect, import: options.import },
    ignoreChanges: options.ignoreChanges,
  }));
  const inputs = (name: string) => ({ account: { id: ACCOUNT }, name, type: "full" });
  assert.deepEqual(
    zones.find(({ name }) => name === "opplet.net"),
    {
      ...{ name: "opplet.net", inputs: inputs("opplet.net"), protect: true, import: OPPLET },
      ignoreChanges: ["account", "paused", "type", "vanityNameServers"],
    },
  );
  assert.deepEqual(
    zones.find(({ name }) => name === "ksacerts.com"),
    {
      ...{ name: "ksacerts.com", inputs: inputs("ksacerts.com"), protect: true, import: undefined },
      ignoreChanges: undefined,
    },
  );
  const signed = ofType(made, "ZoneDnssec");
  assert.deepEqual(signed.map(({ name }) => name).sort(), [
    "cnmcyber.com-dnssec",
    "ksacerts.com-dnssec",
    "opplet.net-dnssec",
  ]);
  for (const { inputs, options } of signed)
    assert.deepEqual([inputs.status, options.protect], ["active", true]);
});

test("only what is declared is registered: each record is a resource of its own, by name and type", async () => {
  const declared = planOf(inventory).dns.zones.flatMap(({ records }) => records.length);
  assert.equal(
    ofType(made, "DnsRecord").length,
    declared.reduce((sum, count) => sum + count, 0),
  );
  const again = await register(
    behindCloudflare((farm) => {
      farm.domains!.reverse();
      farm.applications!.reverse();
      domain(farm, "ksacerts.com").extras!.unshift({
        type: "A",
        name: "a.ksacerts.com",
        content: "192.0.2.9",
      });
    }),
  );
  const names = (of: Run) => ofType(of, "DnsRecord").map(({ name, inputs }) => `${name} ${inputs.content}`);
  const added = names(again).filter((name) => !name.startsWith("a.ksacerts.com"));
  // The number of the tunnel differs from run to run of the mocks.
  const plain = (list: string[]) => list.map((name) => name.replace(/\d+\.cfargo/, "N.cfargo")).sort();
  assert.deepEqual(plain(added), plain(names(made)));
});

test("records in the words of the API", () => {
  const inputs = (name: string) => made.of(RECORD, name).inputs;
  const { zoneId, ...mx } = inputs("cnmcyber.com/MX/mail.cnmcyber.com");
  assert.equal(zoneId, numberOf(made, ZONE, "cnmcyber.com"));
  assert.deepEqual(mx, {
    ...{ name: "cnmcyber.com", type: "MX", content: "mail.cnmcyber.com", priority: 10 },
    ...{ ttl: 3600, proxied: false, comment: "mail of cnmcyber.com" },
  });
  assert.deepEqual(inputs("cnmcyber.com/CAA/letsencrypt.org").data, {
    flags: 0,
    tag: "issue",
    value: "letsencrypt.org",
  });
  assert.equal(inputs("cnmcyber.com/CAA/letsencrypt.org").content, undefined);
  assert.equal(inputs("cnmcyber.com/TXT/spf").content, '"v=spf1 ip4:192.0.2.53 -all"');
  assert.deepEqual([inputs("ksacerts.com/MX/.").content, inputs("ksacerts.com/MX/.").priority], [".", 0]);
});

test("proxied names lead to the tunnel, by the number that it got", () => {
  const { content, proxied, ttl } = made.of(RECORD, "pravka.opplet.net/CNAME").inputs;
  const number = numberOf(made, type("ZeroTrustTunnelCloudflared"), "edge");
  assert.deepEqual([content, proxied, ttl], [`${number}.cfargotunnel.com`, true, 1]);
});

test("the tunnel's secret derives from the master key, and is a secret", () => {
  const { inputs } = made.of(type("ZeroTrustTunnelCloudflared"), "edge");
  const { tunnelSecret, ...rest } = inputs;
  assert.deepEqual(rest, { accountId: ACCOUNT, name: "farms-prod", configSrc: "cloudflare" });
  const expected = deriveKeys(PREVIEW_MASTER_KEY, "prod", {}).secret(TUNNEL_SECRET);
  assert.equal(secret(tunnelSecret), expected);
  assert.equal(Buffer.from(expected, "base64").length, 32);
});

test("the tunnel asks for all names of the edge, and for nothing else", () => {
  const { inputs } = made.of(type("ZeroTrustTunnelCloudflaredConfig"), "edge-ingress");
  const service = "http://127.0.0.1:8480";
  assert.deepEqual(inputs.config.ingresses, [
    ...["mta-sts.cnmcyber.com", "pravka.opplet.net", "redmine.opplet.net", "www.opplet.net"].map(
      (hostname) => ({
        hostname,
        service,
      }),
    ),
    { service: "http_status:404" },
  ]);
});

test("nobody comes to a proxied name by old TLS or without, and the origin has to prove its name", () => {
  const settings = ofType(made, "ZoneSetting").filter(({ name }) => name.startsWith("opplet.net"));
  assert.deepEqual(Object.fromEntries(settings.map(({ inputs }) => [inputs.settingId, inputs.value])), {
    min_tls_version: "1.2",
    ssl: "strict",
    always_use_https: "on",
  });
});

test("the nodes are handed the token of the tunnel, as a secret, and names lead there when they all have it", async () => {
  const all = await register(behindCloudflare(), true);
  const tunnel = all.of(type("ZeroTrustTunnelCloudflared"), "edge");
  const record = all.of(RECORD, "pravka.opplet.net/CNAME");
  for (const node of ["contabo-de1", "web1", "web2"]) {
    const agent = all.of("command:remote:Command", `${node}-agent`);
    assert(agent.begun > tunnel.done);
    const { secrets } = JSON.parse(secret(agent.inputs.stdin).split("#! secrets\n")[1] ?? "");
    const token = JSON.parse(Buffer.from(secrets[TUNNEL_SECRET], "base64").toString());
    assert.equal(token.t, numberOf(all, type("ZeroTrustTunnelCloudflared"), "edge"));
    assert.equal(token.s, secret(tunnel.inputs.tunnelSecret));
    assert(record.begun > all.of("command:remote:Command", `${node}-confirm`).done);
  }
  const other = secret(all.of("command:remote:Command", "db1-agent").inputs.stdin);
  assert(!other.includes(TUNNEL_SECRET));
});

test("redirects, caches and limits are one ruleset for each phase", () => {
  const rules = (phase: string) => made.of(RULESET, `opplet.net-${phase}`).inputs.rules;
  assert.deepEqual(rules("http_request_dynamic_redirect"), [
    {
      ref: "redirect www.opplet.net",
      description: "www.opplet.net leads to https://opplet.net/",
      expression: 'http.host in {"www.opplet.net"}',
      action: "redirect",
      actionParameters: {
        fromValue: {
          statusCode: 301,
          targetUrl: { expression: 'concat("https://opplet.net", http.request.uri.path)' },
          preserveQueryString: true,
        },
      },
    },
  ]);
  const cache: { expression: string; actionParameters: { cache: boolean } }[] = rules(
    "http_request_cache_settings",
  );
  assert.deepEqual(
    cache.map(({ expression, actionParameters }) => [expression, actionParameters.cache]),
    [
      [
        'http.host in {"pravka.opplet.net"} and (starts_with(http.request.uri.path, "/load.php") or starts_with(http.request.uri.path, "/resources/") or starts_with(http.request.uri.path, "/skins/") or starts_with(http.request.uri.path, "/extensions/"))',
        true,
      ],
      // After it, and so stronger: nothing for who is logged in, nothing at all of what is for administrators.
      [
        'http.host in {"pravka.opplet.net"} and (http.cookie contains "pravka_session=" or http.cookie contains "pravkaUserID=" or http.cookie contains "pravkaToken=")',
        false,
      ],
      ['http.host in {"redmine.opplet.net"}', false],
    ],
  );
  const [limit, ...more] = rules("http_ratelimit");
  assert.equal(more.length, 0);
  assert.equal(limit.expression, 'http.request.uri.path in {"/index.php" "/login"}');
  assert.deepEqual(limit.ratelimit, {
    characteristics: ["cf.colo.id", "ip.src"],
    period: 10,
    requestsPerPeriod: 20,
    mitigationTimeout: 10,
  });
  // Domains without applications have no rules of theirs.
  assert(!ofType(made, "Ruleset").some(({ name }) => name.startsWith("ksacerts.com")));
});

test("a redirect to one page leads there whatever was asked for", async () => {
  const again = await register(
    behindCloudflare((farm) => {
      farm.redirects![0] = {
        from: "www.opplet.net",
        to: "https://pravka.opplet.net/wiki/A?x=1",
        status: 302,
      };
    }),
  );
  const [rule] = again.of(RULESET, "opplet.net-http_request_dynamic_redirect").inputs.rules;
  assert.deepEqual(rule.actionParameters.fromValue, {
    statusCode: 302,
    targetUrl: { value: "https://pravka.opplet.net/wiki/A?x=1" },
    preserveQueryString: false,
  });
});

test("administrators alone come to what is for administrators; the declaration may make it public", async () => {
  const policy = made.of(type("ZeroTrustAccessPolicy"), "administrators");
  assert.deepEqual(policy.inputs.includes, [{ email: { email: "anna@opplet.net" } }]);
  assert.equal(policy.inputs.decision, "allow");
  const [application, ...more] = ofType(made, "ZeroTrustAccessApplication");
  assert.equal(more.length, 0);
  assert.deepEqual(application?.inputs.destinations, [{ type: "public", uri: "redmine.opplet.net" }]);
  assert.deepEqual(application?.inputs.policies, [
    { id: numberOf(made, type("ZeroTrustAccessPolicy"), "administrators"), precedence: 1 },
  ]);
  const open = await register(
    behindCloudflare((farm) => {
      farm.applications!.find(({ id }) => id === "redmine")!.administrative = false;
    }),
  );
  assert.deepEqual(
    open.all.filter((each) => each.type.includes("Access")),
    [],
  );
});

test("refused: an administrative application where Cloudflare knows no administrator", () => {
  const nobody = behindCloudflare((_, settings) => {
    delete (settings.administrators as { email?: string }[])[0]!.email;
  });
  assert.throws(() => planOf(nobody), {
    name: "FarmError",
    exitCode: 2,
    message: /redmine would be for administrators whom Cloudflare knows by mail address, and none has one/,
  });
});

test("what a former run took over stays so, whatever the settings say now, as long as it is declared", async () => {
  const former = {
    "opplet.net/A/do-nyc1-a": `${OPPLET}/${"c".repeat(32)}`,
    "opplet.net-http_ratelimit": `zones/${OPPLET}/${"d".repeat(32)}`,
    "gone.opplet.net/A": `${OPPLET}/${"e".repeat(32)}`,
  };
  const again = await register(behindCloudflare(), false, former);
  const { "gone.opplet.net/A": _, ...ours } = former;
  for (const [name, words] of Object.entries(ours))
    assert.equal(again.all.find((each) => each.name === name)?.options.import, words);
  const { takenOver } = again.outputs.names as ReturnType<typeof registerNames>;
  assert.deepEqual(await new Promise((resolve) => pulumi.output(takenOver).apply(resolve)), ours);
  const forgotten = behindCloudflare((_, settings) => {
    const records = { "opplet.net/A/do-nyc1-a": "made" };
    const rulesets = { "opplet.net/http_ratelimit": "made" };
    Object.assign(settings.cloudflare as object, { records, rulesets });
  });
  const anew = await register(forgotten, false, former);
  for (const name of Object.keys(ours))
    assert.equal(anew.all.find((each) => each.name === name)?.options.import, undefined);
  assert.deepEqual((anew.outputs.names as ReturnType<typeof registerNames>).takenOver, {});
});

test("refused: a ruleset to be taken over where we have none", () => {
  const message = /farms:cloudflare\.rulesets has opplet\.net\/http_ratelimits, where we have no rules/;
  const misspelt: Parameters<typeof behindCloudflare>[0] = (_, settings) => {
    (settings.cloudflare as { rulesets?: object }).rulesets = { "opplet.net/http_ratelimits": OPPLET };
  };
  for (const inventory of [behindCloudflare(misspelt), onHosts(misspelt)])
    assert.throws(() => planOf(inventory), { name: "FarmError", exitCode: 2, message });
});

test("with an edge of our own only zones and records are at Cloudflare, and a name leads to a host that is confirmed", async () => {
  const own = await register(onHosts(), true);
  assert.deepEqual(
    [...new Set(own.all.filter((r) => r.type.startsWith("cloudflare:")).map((r) => r.type))].sort(),
    [RECORD, ZONE, type("ZoneDnssec")].sort(),
  );
  const { inputs, begun } = own.of(RECORD, "pravka.opplet.net/A/contabo-stl1");
  assert.deepEqual([inputs.content, inputs.ttl, inputs.proxied], ["192.0.2.52", 300, false]);
  assert(begun > own.of("command:remote:Command", "contabo-stl1-activate").done);
  const https = own.of(RECORD, "pravka.opplet.net/HTTPS").inputs;
  assert.deepEqual(https.data, { priority: 1, target: ".", value: 'alpn="h2,http/1.1"' });
});

test("a record that is there is taken over by its number", async () => {
  const number = "c".repeat(32);
  const own = await register(
    onHosts((_, settings) => {
      (settings.cloudflare as { records?: object }).records = { "opplet.net/A/do-nyc1-a": number };
    }),
  );
  assert.equal(own.of(RECORD, "opplet.net/A/do-nyc1-a").options.import, `${OPPLET}/${number}`);
  const { options } = own.of(RECORD, "pravka.opplet.net/A/contabo-stl1");
  // Cloudflare refuses a record beside the one whose place it takes.
  assert.deepEqual([options.import, options.deleteBeforeReplace], [undefined, true]);
});

test("a ruleset that is there is taken over by its number", async () => {
  const number = "d".repeat(32);
  const own = await register(
    behindCloudflare((_, settings) => {
      (settings.cloudflare as { rulesets?: object }).rulesets = { "opplet.net/http_ratelimit": number };
    }),
  );
  assert.equal(own.of(RULESET, "opplet.net-http_ratelimit").options.import, `zones/${OPPLET}/${number}`);
  assert.equal(own.of(RULESET, "opplet.net-http_request_cache_settings").options.import, undefined);
});

test("in a zone of another stack nothing but records is registered, under its number", async () => {
  const lab = await register(
    labInventory((_, settings) => {
      settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET } };
      (settings.addresses as Record<string, string>).edge1 = "203.0.113.31";
    }),
  );
  const at = lab.all.filter((each) => each.type.startsWith("cloudflare:"));
  assert(at.length > 0);
  for (const each of at) assert.deepEqual([each.type, each.inputs.zoneId], [RECORD, OPPLET]);
});

test("what a registrar elsewhere has to be told is an output, and nothing for Cloudflare's own", async () => {
  const again = await register(
    behindCloudflare((farm) => {
      domain(farm, "ksacerts.com").registrar = "cloudflare";
    }),
  );
  const { zones, tunnel } = again.outputs.names as ReturnType<typeof registerNames>;
  assert.deepEqual(
    Object.entries(zones).map(([name, { ds, nameServers }]) => [
      name,
      ds !== undefined,
      nameServers !== undefined,
    ]),
    [
      ["cnmcyber.com", true, true],
      ["ksacerts.com", false, true],
      ["opplet.net", true, true],
    ],
  );
  assert(tunnel !== undefined);
});
