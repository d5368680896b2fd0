/** The production cloud with its names at Cloudflare, and the account that it finds there. */
import { type DnsRecord, recordId, TUNNEL_TARGET } from "../../../src/dns/record.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { ACCOUNT, behindCloudflare, type Change, domain, OPPLET } from "../../fast/dns/farm.ts";
import { planOf, prodInventory } from "../../fast/farms.ts";
import { cloudflare } from "./cloudflare.ts";
import type { Body } from "./stand-in.ts";

export const OURS = "c".repeat(32);
export const OTHERS = "d".repeat(32);
const RULES = "e".repeat(32);
const API = "/client/v4";

/** A Cloudflare where opplet.net is, with a record and redirects that the farm takes over and a record that is somebody else's. */
export async function account() {
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

/** Other settings of what is there at Cloudflare. */
export const atCloudflare =
  (numbers: object): Change =>
  (_, settings) => {
    Object.assign(settings.cloudflare as object, numbers);
  };

const common: Change = (declared, settings) => {
  atCloudflare({ records: { "opplet.net/A/do-nyc1-a": OURS } })(declared, settings);
  domain(declared, "ksacerts.com").extras!.push(...EXTRAS);
};
export const farm = (change: Change = () => {}): Inventory =>
  behindCloudflare((...of) => {
    common(...of);
    atCloudflare({ rulesets: { "opplet.net/http_request_dynamic_redirect": RULES } })(...of);
    change(...of);
  });
/** The same with our own hosts as the edge. */
export const onHosts = (change: Change = () => {}): Inventory =>
  prodInventory((declared, settings) => {
    settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET } };
    common(declared, settings);
    change(declared, settings);
  });

export const SETTINGS = { always_use_https: "on", min_tls_version: "1.2", ssl: "strict" };

/** What a first run makes, takes over and changes, as a preview names it. */
export function first(inventory: Inventory): string[] {
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
export const wanted = (record: DnsRecord, tunnel: string) => {
  const { name, type, ttl, priority, proxied, source: comment } = record;
  const content = record.content === TUNNEL_TARGET ? `${tunnel}.cfargotunnel.com` : record.content;
  return {
    ...{ name, type, ttl: proxied ? 1 : ttl, proxied, comment },
    content: type === "HTTPS" ? `${priority} ${content}` : content,
    priority: ["MX", "SRV"].includes(type) ? priority : undefined,
  };
};
export const told = ({ name, type, ttl, proxied, comment, content, priority }: Body) => ({
  ...{ name, type, ttl, proxied, comment, content, priority },
});
export const sorted = (all: readonly object[]): string[] => all.map((each) => JSON.stringify(each)).sort();
