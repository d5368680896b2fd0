/** `farm dns undeclared` against a stand-in for Cloudflare's API on this machine. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { CloudflareService } from "../../../src/dns/cloudflare/service.ts";
import { ownAtCloudflare, undeclaredText } from "../../../src/operate/undeclared.ts";
import { planOf, prodInventory } from "../farms.ts";
import { failure, idleClock, type Loopback, loopback, type Reply } from "../machines/loopback.ts";
import { ACCOUNT, behindCloudflare, OPPLET } from "./farm.ts";

const TOKEN = "t0p-s3cret";

const record = (number: number, type: string, name: string, content: string, rest: object = {}) => ({
  ...{ id: `${number}`.repeat(32).slice(0, 32), type, name, content, proxied: false, ttl: 1 },
  ...rest,
});

/** A zone as somebody made it before the farm, in the form in which the API tells it. */
const PRESENT = [
  record(1, "A", "opplet.net", "159.89.93.1"),
  record(2, "A", "pravka.opplet.net", "198.51.100.7"),
  record(3, "TXT", "opplet.net", '"google-site-verification=x"'),
  record(4, "TXT", "opplet.net", "v=spf1 -all"),
  record(5, "MX", "OPPLET.net", ".", { priority: 0 }),
  record(6, "CAA", "opplet.net", '0 issue "letsencrypt.org"'),
  record(7, "HTTPS", "www.opplet.net", '1 . alpn="h2,http/1.1"'),
];

/** What the engine knows: records 5 and 7 and a ruleset are ours, and so is a machine of another cloud. */
const OWN = ownAtCloudflare({
  version: 3,
  deployment: {
    resources: [
      { urn: "urn:pulumi:prod::farms::pulumi:pulumi:Stack::farms-prod", type: "pulumi:pulumi:Stack" },
      { urn: "x", type: "cloudflare:index/dnsRecord:DnsRecord", id: "5".repeat(32), outputs: {} },
      { urn: "y", type: "cloudflare:index/dnsRecord:DnsRecord", id: "7".repeat(32) },
      { urn: "z", type: "cloudflare:index/ruleset:Ruleset", id: "b".repeat(32) },
      { urn: "v", type: "digitalocean:index/droplet:Droplet", id: "4".repeat(32) },
    ],
  },
});

/** Rulesets as a zone has them: somebody's redirects, ours, and one of Cloudflare's own. */
const RULESETS = [
  { id: "a".repeat(32), kind: "zone", phase: "http_request_dynamic_redirect" },
  { id: "b".repeat(32), kind: "zone", phase: "http_ratelimit" },
  { id: "c".repeat(32), kind: "managed", phase: "http_request_cache_settings" },
];
const RULES = [
  { description: "www to the main name", expression: "true" },
  { description: "", expression: 'http.host eq "\u001bshop.opplet.net"' },
];

async function standIn(
  t: TestContext,
  reply: (page: number) => Reply,
): Promise<[CloudflareService, Loopback]> {
  const api = await loopback(t, ({ path }) => {
    if (path.endsWith("/rulesets")) return page(RULESETS);
    if (path.includes("/rulesets/")) return { body: { result: { rules: RULES } } };
    return reply(Number(new URL(path, "http://x").searchParams.get("page")));
  });
  return [new CloudflareService(TOKEN, { url: api.url, clock: idleClock(), timeLimit: 5 }), api];
}

const page = (result: object[], total_pages = 1): Reply => ({
  body: { success: true, errors: [], messages: [], result, result_info: { total_pages } },
});

const plan = planOf(
  prodInventory((_, settings) => {
    settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET } };
  }),
);

test("what nobody declared is listed, what contradicts ours is said, and what is ours already is not", async (t) => {
  const [service, api] = await standIn(t, (number) =>
    number === 1 ? page(PRESENT.slice(0, 3), 2) : page(PRESENT.slice(3), 2),
  );
  const { text, differs } = await undeclaredText(plan, service, OWN);
  assert(differs);
  const zone = text.slice(text.indexOf("opplet.net: 2"));
  assert.equal(
    zone,
    `opplet.net: 2 record(s) that nobody declared; they stay as they are
  pravka.opplet.net A 198.51.100.7   (contradicts pravka.opplet.net/A/contabo-stl1, pravka.opplet.net/A/contabo-stl2)
  opplet.net TXT "google-site-verification=x"
  3 that are declared are there without the program; it can't make them again, but take them over:
    pulumi config set --stack prod --path 'farms:cloudflare.records["opplet.net/A/do-nyc1-a"]' ${"1".repeat(32)}
    pulumi config set --stack prod --path 'farms:cloudflare.records["opplet.net/TXT/spf"]' ${"4".repeat(32)}
    pulumi config set --stack prod --path 'farms:cloudflare.records["opplet.net/CAA/letsencrypt.org"]' ${"6".repeat(32)}
`,
  );
  assert.match(text, /^ksacerts\.com: is made by the program, with nothing else in it$/m);
  // It only asks, and for the one zone that is there.
  assert.deepEqual(api.asked(), [
    `GET /client/v4/zones/${OPPLET}/dns_records?per_page=500&page=1`,
    `GET /client/v4/zones/${OPPLET}/dns_records?per_page=500&page=2`,
  ]);
  assert.equal(api.seen[0]?.headers.authorization, `Bearer ${TOKEN}`);
});

test("what the engine no longer knows is to be taken over again, as everything before its first run", async (t) => {
  const [service] = await standIn(t, () => page(PRESENT));
  const { text } = await undeclaredText(plan, service, ownAtCloudflare({ deployment: {} }));
  assert.match(text, /^ {2}5 that are declared are there without the program/m);
  assert.match(text, /records\["opplet\.net\/MX\/\."\]' 5{32}$/m);
});

test("a zone with nothing but ours, made or taken over, does not differ", async (t) => {
  const records = { "opplet.net/A/do-nyc1-a": "1".repeat(32), "opplet.net/TXT/spf": "4".repeat(32) };
  const taken = planOf(
    prodInventory((_, settings) => {
      settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET }, records };
    }),
  );
  const [service] = await standIn(t, () => page([0, 3, 4, 6].map((index) => PRESENT[index]!)));
  const { text, differs } = await undeclaredText(taken, service, OWN);
  assert(!differs);
  assert.match(text, /^opplet\.net: nothing but what is declared$/m);
});

test("the tunnel of a proxied name is ours, whatever number it has", async (t) => {
  const tunnel = "0b0c2b1e-0000-4000-8000-000000000000.cfargotunnel.com";
  const [service] = await standIn(t, () => page([record(7, "CNAME", "pravka.opplet.net", tunnel)]));
  const { text } = await undeclaredText(planOf(behindCloudflare()), service, OWN);
  assert.match(text, /^opplet\.net: nothing but what is declared$/m);
});

const REDIRECTS = "opplet.net/http_request_dynamic_redirect";

test("rules of somebody else where ours are to be are listed, with how to replace them; ours are not", async (t) => {
  const [service] = await standIn(t, () => page([]));
  const { text, differs } = await undeclaredText(planOf(behindCloudflare()), service, OWN);
  assert(differs);
  assert.equal(
    text.slice(text.indexOf("opplet.net: nothing")),
    `opplet.net: nothing but what is declared
  ${REDIRECTS} has 2 rule(s) that nobody declared, and Cloudflare takes none of ours beside them. To replace them:
    www to the main name
    http.host eq "?shop.opplet.net"
    pulumi config set --stack prod --path 'farms:cloudflare.rulesets["${REDIRECTS}"]' ${"a".repeat(32)}
`,
  );
});

test("a ruleset that is taken over is not in the way any more", async (t) => {
  const [service] = await standIn(t, () => page([]));
  const taken = behindCloudflare((_, settings) => {
    (settings.cloudflare as { rulesets?: object }).rulesets = { [REDIRECTS]: "a".repeat(32) };
  });
  assert(!(await undeclaredText(planOf(taken), service, OWN)).differs);
});

test("what a stranger wrote into a zone does not steer the terminal", async (t) => {
  const [service] = await standIn(t, () => page([record(1, "TXT", "x.opplet.net", '"\u001b[2J\n"')]));
  const { text } = await undeclaredText(plan, service, OWN);
  assert.match(text, /x\.opplet\.net TXT "\?\[2J\?"/);
});

test("a refused token is said without the token", async (t) => {
  const body = { success: false, errors: [{ code: 10000, message: `Authentication error for ${TOKEN}` }] };
  const [service] = await standIn(t, () => ({ status: 403, body }));
  const error = await failure(undeclaredText(plan, service, OWN));
  assert.match(
    error.message,
    /Cloudflare: GET \/client\/v4\/zones\/b+\/dns_records.*refused with 403: 10000: Auth/,
  );
  assert.match(error.remedy ?? "", /DNS Read/);
  assert(!`${error.message}${error.remedy}`.includes(TOKEN));
});

test("without Cloudflare in the stack's settings it says what to write, and asks nobody", async (t) => {
  const [service, api] = await standIn(t, () => page([]));
  const error = await failure(undeclaredText(planOf(prodInventory()), service, OWN));
  assert.equal(error.exitCode, 2);
  assert.match(error.remedy ?? "", /pulumi config set --stack prod --path farms:cloudflare\.account NUMBER/);
  assert.equal(api.seen.length, 0);
});
