/** The names of a plan as people read them, and as documents that can be compared line by line. */
import { targetOf } from "../dns/edge.ts";
import { whereRegistered } from "../dns/plan.ts";
import { type DnsRecord, type Zone, zoneFileLine } from "../dns/record.ts";
import { connectorHosts, edgeHosts } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Plan } from "../plan/plan.ts";

/** Names that take and send no mail say so in two records, which are one fact to people. */
const SAYS_NO_MAIL = new Set(["MX 0 .", 'TXT "v=spf1 -all"']);

function recordsOf(name: string, records: readonly DnsRecord[]): string {
  const texts = records.map(({ type, priority, content, proxied }) =>
    [type, priority, content, proxied ? "(proxied)" : undefined]
      .filter((part) => part !== undefined)
      .join(" "),
  );
  const silent = [...SAYS_NO_MAIL].every((text) => texts.includes(text));
  const told = silent ? [...texts.filter((text) => !SAYS_NO_MAIL.has(text)), "no mail"] : texts;
  return `    ${name}: ${told.join("; ")}`;
}

function zoneLines({ inventory }: Plan, zone: Zone): string[] {
  const domain = inventory.domains.find(({ name }) => name === zone.name);
  const unsigned = domain?.mail?.dkim.length === 0;
  const facts =
    zone.keptBy === undefined
      ? [zone.dnssec ? "signed" : "not signed", ...(unsigned ? ["its mail has no DKIM key yet"] : [])]
      : [`kept by stack ${zone.keptBy}`];
  const names = Map.groupBy(zone.records, ({ name }) => name);
  return [`  ${zone.name} (${facts.join("; ")})`, ...[...names].map((entry) => recordsOf(...entry))];
}

const redirectLines = (inventory: Inventory): string[] =>
  inventory.redirects.map(
    (redirect) => `${redirect.from} leads to ${targetOf(inventory, redirect).href} (${redirect.status})`,
  );

/** Where names are kept, and who answers behind them. */
function headLines({ inventory, dns }: Plan): string[] {
  const edge =
    inventory.edge.kind === "cloudflare"
      ? `Cloudflare, by a tunnel that ${connectorHosts(inventory).join(", ") || "nobody"} opens`
      : edgeHosts(inventory).join(", ") || "nothing yet";
  return [
    `  users come in by ${edge}`,
    `  registered ${whereRegistered(inventory)}`,
    ...redirectLines(inventory).map((line) => `  ${line}`),
    ...dns.reverse.map(
      ({ address, name, host }) => `  ${address} of ${host} is to be ${name} in reverse, by its provider`,
    ),
  ];
}

/** Lines for people: where names are kept, then each zone with a line for each name. None for a farm without domains. */
export const nameLines = (plan: Plan): string[] =>
  plan.dns.zones.length === 0
    ? []
    : [...headLines(plan), ...plan.dns.zones.flatMap((zone) => zoneLines(plan, zone))];

/** A record as in a zone file, and why it is there. */
const documentLine = (record: DnsRecord): string =>
  `${zoneFileLine(record)} ; ${[...(record.proxied ? ["proxied"] : []), record.source].join(", ")}`;

/**
 * For programs, by the names of the plan's parts: `dns` has the zones with their records as lines of a zone file, `ingress` a line
 * for each name that users call, with the nodes behind it.
 */
export function nameDocuments({ inventory, dns }: Plan): Record<string, unknown> {
  const zones = dns.zones.map(({ name, records, ...facts }) => [
    name,
    { ...facts, records: records.map(documentLine) },
  ]);
  const lines = {
    ingress: dns.ingress.map((r) => `${r.hostname} is ${r.application} on ${r.nodes.join(", ")}`),
    redirects: redirectLines(inventory),
    reverseNames: dns.reverse.map(({ address, name, host }) => `${address} of ${host} is ${name}`),
  };
  return {
    edge: inventory.edge,
    dns: Object.fromEntries(zones),
    ...Object.fromEntries(Object.entries(lines).filter(([, list]) => list.length > 0)),
    ...(dns.cloudflare && { cloudflare: dns.cloudflare }),
  };
}
