/** Connectors of Cloudflare's tunnel, as their hosts are told of them. */
import assert from "node:assert/strict";
import test from "node:test";
import { TUNNEL_SECRET, tunnelToken } from "../../../src/dns/cloudflare/secret.ts";
import { secretsFor } from "../../../src/host/agent.ts";
import { connectorHosts } from "../../../src/inventory/domains.ts";
import { fingerprintOf } from "../../../src/inventory/openpgp.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import { nearestFirst } from "../../../src/roles/connector/origin.ts";
import { connector } from "../../../src/roles/connector.ts";
import { behindCloudflare, type Change, MIRROR } from "../dns/farm.ts";
import { planOf, prodInventory } from "../farms.ts";

const inventory = behindCloudflare();
const plan = planOf(inventory);
const NODES = ["contabo-de1", "web1", "web2"];
const stateOf = (host: string, of = plan) => hostPlan(of, host).state;
const textOf = (host: string, path: string, of = plan): string =>
  stateOf(host, of).files.find((f) => f.path === path)?.content ?? assert.fail(`${host} has no ${path}`);
const CONFIG = "/etc/farm/connector/haproxy.cfg";
const hostOf = (id: string) => inventory.hosts.find((h) => h.id === id) ?? assert.fail(id);

test("every node of an application has a connector, and nobody else; none where the edge is ours", () => {
  const having = plan.hosts.filter(({ roles }) => roles.includes("connector")).map(({ host }) => host.id);
  assert.deepEqual(having.toSorted(), NODES);
  assert.deepEqual(connectorHosts(inventory), NODES);
  const own = planOf(prodInventory());
  assert(own.hosts.every(({ roles }) => !roles.includes("connector")));
});

test("nothing of it is open to others, and it calls nobody but the tunnel's servers, its packages and the other nodes", () => {
  for (const host of NODES) {
    const keys = deriveKeys(PREVIEW_MASTER_KEY, "prod", {});
    const { listens = [], connects = [] } = connector({
      inventory,
      host: hostOf(host),
      keys,
      secret: (name) => name,
    });
    assert.deepEqual(
      listens.map(({ port, reach }) => `${port} ${reach}`),
      ["20241 local", "8480 local"],
    );
    const others = NODES.filter((id) => id !== host);
    assert.deepEqual(
      connects.map(({ protocol, port, to }) => `${protocol} ${port} ${Object.values(to).join(" ")}`),
      ["tcp 7844 internet", "tcp 8080 address 10.9.0.5", ...others.map((id) => `tcp 80 host ${id}`)],
    );
    const rules = textOf(host, "/etc/farm/firewall.nft");
    assert.match(rules, /^ {4}tcp dport 7844 accept comment "tunnel"$/m);
    assert.doesNotMatch(rules.split("chain output")[0] ?? "", /dport (8480|20241|7844|443)/);
    // The origin: those alone who pass requests on.
    const [, sources = ""] = /ip saddr \{ ([^}]*) \} tcp dport 80 accept/.exec(rules) ?? [];
    assert.deepEqual(sources.split(", ").toSorted(), others.map((id) => hostOf(id).mesh).toSorted());
  }
});

test("where there are connectors nobody else asks the nodes' web servers, nor is believed in whose request it is", () => {
  const listening = plan.flows.filter(({ port, via }) => port === 80 && via === "mesh");
  assert.deepEqual([...new Set(listening.map(({ from }) => from))].sort(), NODES);
  const nginx = textOf("web1", "/etc/nginx/nginx.conf");
  assert.deepEqual(
    [...nginx.matchAll(/set_real_ip_from (\S+);/g)].map((m) => m[1]),
    ["10.81.0.22", "10.81.0.51", "127.0.0.1"],
  );
});

const serversOf = (host: string, backend: string, of = plan): string[] => {
  const [, section = ""] = textOf(host, CONFIG, of).split(`\nbackend ${backend}\n`);
  return [...(section.split("\nbackend ")[0] ?? "").matchAll(/^ {2}server (\S+ \S+)/gm)].map(
    (m) => m[1] ?? "",
  );
};

test("a request is passed to the node itself, else to the nearest", () => {
  assert.deepEqual(serversOf("web2", "pravka"), [
    "web2 127.0.0.1:80",
    "web1 10.81.0.21:80",
    "contabo-de1 10.81.0.51:80",
  ]);
  // It has no Redmine of its own.
  assert.deepEqual(serversOf("contabo-de1", "redmine"), ["web1 10.81.0.21:80", "web2 10.81.0.22:80"]);
  const far = { nodes: ["contabo-stl1", "do-nyc1-a", "contabo-de1", "web1"] };
  assert.deepEqual(
    nearestFirst(inventory, hostOf("web2"), far).map(({ id }) => id),
    ["web1", "contabo-de1", "do-nyc1-a", "contabo-stl1"],
  );
});

test("a site that is added without its distances comes last", () => {
  const more = behindCloudflare((farm) => {
    farm.sites.push({ id: "sin", title: { en: "S", ru: "С" }, provider: "contabo", country: "SG" });
    farm.hosts.find(({ id }) => id === "contabo-stl1")!.site = "sin";
  });
  const from = more.hosts.find(({ id }) => id === "web1")!;
  assert.deepEqual(
    nearestFirst(more, from, { nodes: ["contabo-stl1", "contabo-stl2"] }).map(({ id }) => id),
    ["contabo-stl2", "contabo-stl1"],
  );
});

test("a write is never sent twice, and what a client says of its own origin is replaced by what Cloudflare says", () => {
  const config = textOf("web1", CONFIG);
  for (const backend of ["pravka", "pravka_any", "redmine", "redmine_any"])
    assert.match(
      config.split(`\nbackend ${backend}\n`)[1]?.split("\n\n")[0] ?? "",
      /^ {2}http-request disable-l7-retry unless METH_GET$/m,
    );
  assert.match(config, /^ {2}bind 127\.0\.0\.1:8480$/m);
  for (const header of ["Forwarded", "X-Real-IP", "X-Forwarded-For"])
    assert(config.includes(`  http-request del-header ${header}\n`));
  assert(
    config.indexOf("set-header X-Forwarded-For %[req.hdr(CF-Connecting-IP)]") >
      config.indexOf("del-header X-Forwarded-For"),
  );
  assert.match(
    config,
    /return status 200 .*version: STSv1.* mta-sts\.cnmcyber\.com \} \{ path \/\.well-known/,
  );
});

test("its packages are known by one key, and nothing but cloudflared comes from there", () => {
  assert.equal(textOf("web1", "/etc/apt/keyrings/farm-cloudflared.asc"), MIRROR.key);
  const sources = textOf("web1", "/etc/apt/sources.list.d/60-farm-cloudflared.sources");
  assert.match(
    sources,
    /^URIs: http:\/\/10\.9\.0\.5:8080\/cloudflared\nSuites: any\nComponents: main\nSigned-By: \/etc\/apt\/keyrings\/farm-cloudflared\.asc$/m,
  );
  const pins = textOf("web1", "/etc/apt/preferences.d/60-farm-cloudflared");
  assert.match(pins, /^Package: \*\nPin: origin "10\.9\.0\.5"\nPin-Priority: -1\n\nPackage: cloudflared\n/);
  // A mirror within our network is not asked for through the proxy of packages.
  assert.match(
    textOf("web1", "/etc/apt/apt.conf.d/70farm-cloudflared"),
    /^Acquire::http::Proxy::10\.9\.0\.5 "DIRECT";$/m,
  );
});

test("a key is known by its fingerprint, and a text that is none has none", () => {
  assert.equal(fingerprintOf(MIRROR.key), MIRROR.fingerprint);
  assert.equal(fingerprintOf(MIRROR.key.replaceAll("\n", "\r\n")), MIRROR.fingerprint);
  for (const text of [
    "",
    "key",
    MIRROR.key.slice(0, 200),
    MIRROR.key.replace("mDME", "lDME"),
    `${MIRROR.key}${MIRROR.key}`,
  ])
    assert.equal(fingerprintOf(text), undefined, text);
});

test("the token comes with the tunnel and lies in no bundle; it has the generation of the tunnel's secret", () => {
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "prod", {});
  const identity = { account: "a".repeat(32), tunnelId: "6c1a3b1e-0000-4000-8000-000000000001" };
  const token = tunnelToken({ ...identity, secret: keys.secret(TUNNEL_SECRET) });
  assert.deepEqual(JSON.parse(Buffer.from(token, "base64").toString()), {
    a: identity.account,
    t: identity.tunnelId,
    s: keys.secret(TUNNEL_SECRET),
  });
  const web1 = hostPlan(plan, "web1");
  assert(web1.secrets.includes(TUNNEL_SECRET));
  assert(!hostPlan(plan, "db1").secrets.includes(TUNNEL_SECRET));
  for (const secret of [token, keys.secret(TUNNEL_SECRET)]) assert(!web1.bundle.includes(secret));
  const handed = JSON.parse(secretsFor(web1, keys, { [TUNNEL_SECRET]: token }));
  assert.equal(handed.secrets[TUNNEL_SECRET], token);
  const raised = planOf(
    behindCloudflare((farm) => {
      farm.generations = { [TUNNEL_SECRET]: 2 };
    }),
  );
  assert.notEqual(hostPlan(raised, "web1").sha256, web1.sha256);
  assert.equal(hostPlan(raised, "db1").sha256, hostPlan(plan, "db1").sha256);
});

test("an application that moves takes its connector with it where nothing else is served", () => {
  const move: Change = (farm) => {
    farm.applications!.find(({ id }) => id === "pravka")!.nodes = ["web1", "web2", "contabo-stl1"];
  };
  const moved = planOf(behindCloudflare(move));
  assert.deepEqual(connectorHosts(moved.inventory), ["contabo-stl1", "web1", "web2"]);
  const changed = moved.hosts
    .filter(({ host, sha256 }) => hostPlan(plan, host.id).sha256 !== sha256)
    .map(({ host }) => host.id);
  // The nodes, their databases' members, who let them in, and the Proxmox host between.
  for (const id of ["contabo-de1", "contabo-stl1", "web1", "web2"]) assert(changed.includes(id), id);
  assert(!changed.includes("do-nyc1-a"));
});
