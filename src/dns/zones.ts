/** Inventory in, zones out: every record follows from what is declared once. No engine, no I/O. */
import { createHash } from "node:crypto";
import type { Domain, Extra } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";
import { addressRecords, type EdgeName, edgeNames, edgeRecords } from "./edge.ts";
import { mailRecords, refusedMail, withoutMail } from "./mail.ts";
import { nameServerRecords } from "./name-servers.ts";
import { type DnsRecord, inRecordOrder, isWithin, LONG_TTL, quoted, type Zone } from "./record.ts";

export const extraSource = ({ type, name }: Extra, zone: string): string =>
  `extra ${type === "host" ? "" : `${type} `}${name} of ${zone}`;

const SINGLE = new Set(["CNAME", "HTTPS"]);
/** Contents in quotes are long, and hard to write where a record is named. */
const short = (content: string): string =>
  content.includes('"') ? createHash("sha256").update(content).digest("hex").slice(0, 8) : content;
const RANKED = new Set(["MX", "SRV", "HTTPS"]);

function extraRecords({ hosts }: Inventory, zone: string, extra: Extra): DnsRecord[] {
  const source = extraSource(extra, zone);
  if (extra.type === "host")
    return hosts
      .filter(({ id }) => id === extra.host)
      .flatMap((host) => addressRecords(host, extra.name, source));
  const { name, type, ttl, priority } = extra;
  const content = type === "TXT" ? quoted(extra.content) : extra.content;
  return [
    {
      name,
      type,
      content,
      ttl,
      proxied: false,
      source,
      ...(RANKED.has(type) ? { priority: priority ?? 10 } : {}),
      ...(SINGLE.has(type) ? {} : { key: short(content) }),
    },
  ];
}

/** Where Cloudflare is the edge it answers with its own authorities beside these (developers.cloudflare.com, "CAs and certificates FAQ"). */
const caaRecords = ({ name, caa }: Domain): DnsRecord[] =>
  caa.map((issuer) => ({
    name,
    type: "CAA",
    content: `0 issue "${issuer}"`,
    ttl: LONG_TTL,
    proxied: false,
    key: issuer,
    source: `caa of ${name}`,
  }));

/** Names that have addresses of ours: whoever finds no MX there would send mail to the address itself (RFC 5321, 5.1). */
function silentNames(domain: Domain, records: readonly DnsRecord[], servers: ReadonlySet<string>): string[] {
  const addressed = records.filter(({ type }) => type === "A" || type === "AAAA").map(({ name }) => name);
  // Beside a CNAME nothing can stand; DMARC's sp=reject speaks for such names.
  const names = new Set([...(domain.keptBy === undefined ? [domain.name] : []), ...addressed]);
  return [...names].filter((name) => !servers.has(name) && !domain.mail?.names.includes(name));
}

/** A zone, of which `names` are those that lead to the edge. What a wrong declaration names and nobody has is left out. */
function zoneOf(inventory: Inventory, domain: Domain, names: readonly EdgeName[]): Zone {
  const { name, keptBy, registrar, dnssec } = domain;
  const edge = names.flatMap((each) => edgeRecords(inventory, each));
  const servers = inventory.mailServers.filter((server) => zoneFor(inventory, server.name) === domain);
  const serverRecords = servers.flatMap((server) =>
    inventory.hosts
      .filter(({ id }) => id === server.host)
      .flatMap((host) => addressRecords(host, server.name, `mail server ${server.name}`)),
  );
  const silent = silentNames(domain, edge, new Set(servers.map((server) => server.name)));
  return {
    name,
    keptBy,
    registrar,
    dnssec,
    records: inRecordOrder([
      ...edge,
      ...serverRecords,
      ...caaRecords(domain),
      ...nameServerRecords(inventory, domain),
      ...mailRecords(inventory, domain),
      ...silent.flatMap(withoutMail),
      ...(keptBy !== undefined || domain.mail?.names.includes(name) ? [] : [refusedMail(name)]),
      ...domain.extras.flatMap((extra) => extraRecords(inventory, name, extra)),
    ]),
  };
}

/** The domain in whose zone a name lies: the closest that is declared; undefined if it is none of ours. */
export function zoneFor({ domains }: Pick<Inventory, "domains">, name: string): Domain | undefined {
  const around = domains.filter((domain) => isWithin(name, domain.name));
  return around.sort((a, b) => b.name.length - a.name.length)[0];
}

/** All zones of a farm. Takes what the checks have refused as well, so that they can look at what it would become. */
export function zonesOf(inventory: Inventory): Zone[] {
  const once = new Map(edgeNames(inventory).map((each) => [each.name, each])).values();
  const names = Map.groupBy(once, ({ name }) => zoneFor(inventory, name));
  return inventory.domains.map((domain) => zoneOf(inventory, domain, names.get(domain) ?? []));
}
