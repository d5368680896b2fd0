/** What must hold of names and zones, each with a message a part-time administrator can act on. */
import { nameServers } from "../inventory/domains.ts";
import { doubles } from "../inventory/doubles.ts";
import type { Inventory } from "../inventory/schema.ts";
import { checkCertificates } from "./check-certificates.ts";
import { checkCloudflare } from "./check-cloudflare.ts";
import { checkMail } from "./check-mail.ts";
import { recordProblem } from "./content.ts";
import { edgeNames, redirectSource, targetOf } from "./edge.ts";
import { type DnsRecord, isWithin, recordId, type Zone } from "./record.ts";
import { extraSource, zoneFor, zonesOf } from "./zones.ts";

type Problems = string[];

/** Types of which a name has those of one declaration alone: what another adds would contradict it. */
const OF_ONE = new Set(["A", "AAAA", "CNAME", "HTTPS", "MX"]);

const ADDRESSES = new Set(["A", "AAAA"]);

/** "A and B", of what stands more than once. */
const listed = (sources: readonly string[]): string => [...new Set(sources)].join(" and ");

/** Records that can't stand together, whatever each is by itself. */
function checkTogether({ name: zone, records }: Zone, flattened: boolean): Problems {
  const problems: Problems = [];
  for (const [name, all] of Map.groupBy(records, (r) => r.name)) {
    const cname = all.find(({ type }) => type === "CNAME");
    // Flattened, it is an address, which mail and texts may stand beside.
    const isAddress = name === zone && flattened;
    const others = all.filter(({ type }) => type !== "CNAME" && (!isAddress || ADDRESSES.has(type)));
    if (name === zone && cname && !flattened)
      problems.push(
        `${cname.source}: ${name} is the zone itself and can't be a CNAME (RFC 1034, 3.6.2); write the addresses, or let Cloudflare be the edge, which flattens it`,
      );
    else if (cname && others.length > 0)
      problems.push(
        `${name} is a CNAME (${cname.source}) and has other records (${listed(others.map((r) => r.source))}); beside a CNAME nothing can stand: remove one`,
      );
    for (const [type, same] of Map.groupBy(all, (r) => r.type))
      if (OF_ONE.has(type) && new Set(same.map((r) => r.source)).size > 1)
        problems.push(
          `${listed(same.map((r) => r.source))} overlap: each says which ${type} records ${name} has; remove one`,
        );
  }
  return [...problems, ...checkTwice(records)];
}

/** One record that stands twice, and texts of which a name may have one alone. */
function checkTwice(records: readonly DnsRecord[]): Problems {
  const same = [recordId, ({ name, type, content }: DnsRecord) => `${name}/${type}/${content}`].flatMap(
    (key) =>
      doubles(records, key, (r) => r.source)
        // Those of several declarations are told of already, if their type is of one alone.
        .filter(([which, sources]) => new Set(sources).size === 1 || !OF_ONE.has(which.split("/")[1] ?? ""))
        .map(([which, sources]) => {
          const [name, type] = which.split("/");
          return `${name} has one ${type} record twice, or two that exclude each other (${listed(sources)}); remove one`;
        }),
  );
  const policies = doubles(
    records.filter(({ type }) => type === "TXT"),
    ({ name, content }) => {
      const [, kind] = /^"v=(spf1|DMARC1|STSv1|TLSRPTv1)\b/.exec(content) ?? [];
      return kind === undefined ? "" : `${kind} ${name}`;
    },
    (r) => r.source,
  ).map(([which, sources]) => {
    const [kind, name] = which.split(" ");
    return `${name} has more than one record v=${kind} (${listed(sources)}), so none counts; leave one`;
  });
  return [...new Set(same), ...policies];
}

function checkZone(inventory: Inventory, zone: Zone): Problems {
  const alone = zone.records.flatMap((record) => {
    const problem = recordProblem(record, zone.name);
    return problem === undefined ? [] : [`${record.source}: ${record.name} ${problem}`];
  });
  return [...new Set(alone), ...checkTogether(zone, inventory.edge.kind === "cloudflare")];
}

/** What the declaration of a domain says beside its records. */
function checkDomains(inventory: Inventory): Problems {
  const twice = doubles(
    inventory.domains,
    (d) => d.name,
    (d) => d.name,
  ).map(([name]) => `domains: "${name}" is declared twice; remove one`);
  const words = inventory.domains.flatMap((domain) => {
    const { name, keptBy, caa, mail, extras } = domain;
    const known = new Set(inventory.hosts.map(({ id }) => id));
    return [
      ...(keptBy === undefined && caa.length === 0
        ? [`domain ${name} says not who may issue certificates for it; write caa: ["letsencrypt.org"]`]
        : []),
      ...(keptBy !== undefined && (caa.length > 0 || mail !== undefined)
        ? [`domain ${name} is kept by stack ${keptBy}: write its caa and mail there`]
        : []),
      ...extras.flatMap((extra) =>
        extra.type === "host" && !known.has(extra.host)
          ? [
              `${extraSource(extra, name)} names "${extra.host}", which is no host; declare it or name another`,
            ]
          : [],
      ),
      ...extras
        .filter((extra) => isWithin(extra.name, name) && zoneFor(inventory, extra.name) !== domain)
        .map((extra) => `${extraSource(extra, name)} is in a zone of its own; move it to that domain`),
    ];
  });
  return [...twice, ...words];
}

/** Names to which more than one thing wants to answer. */
const checkEdgeNames = (inventory: Inventory): Problems =>
  doubles(
    edgeNames(inventory),
    ({ name }) => name,
    ({ source }) => source,
  ).map(([name, sources]) =>
    new Set(sources).size === 1
      ? `${sources[0]}: ${name} is declared twice; remove one`
      : `${listed(sources)} both answer to ${name}; a name leads to one place: remove one`,
  );

function checkRedirects(inventory: Inventory): Problems {
  const ours = inventory.domains.map(({ name }) => name);
  const applications = inventory.applications.map(({ id }) => id);
  return inventory.redirects.flatMap((redirect) => {
    const { from, to } = redirect;
    const source = redirectSource(redirect);
    const domain = zoneFor(inventory, from);
    return [
      ...(domain === undefined
        ? [`${source} is in none of our domains (${ours.join(", ")}); declare the domain`]
        : []),
      ...(to.startsWith("https://") || applications.includes(to)
        ? []
        : [`${source} leads to "${to}", which is no application; there is ${applications.join(", ")}`]),
      ...(targetOf(inventory, redirect).hostname === from
        ? [`${source} leads to itself (${to}); correct one`]
        : []),
      ...(domain?.keptBy !== undefined && inventory.edge.kind === "cloudflare"
        ? [
            `${source}: Cloudflare has one table of redirects for ${domain.name}: write it in ${domain.keptBy}`,
          ]
        : []),
    ];
  });
}

/** Who is to answer for our zones. */
function checkNameServers(inventory: Inventory): Problems {
  const ids = nameServers(inventory);
  const known = new Set(inventory.hosts.map(({ id }) => id));
  return [
    ...ids
      .filter((id) => !known.has(id))
      .map((id) => `edge.nameservers has "${id}", which is no host; declare the host or name another`),
    ...doubles(
      ids,
      (id) => id,
      (id) => id,
    ).map(([id]) => `edge.nameservers has "${id}" twice; remove one`),
    ...(ids.length === 1
      ? [`edge.nameservers has ${ids[0]} alone; a zone needs two that answer for it (RFC 1034, 4.1): add one`]
      : []),
  ];
}

/** Names as they would be, if nothing were wrong with what they are made from. */
export function checkDns(inventory: Inventory): Problems {
  const zones = zonesOf(inventory);
  return [
    ...checkDomains(inventory),
    ...checkNameServers(inventory),
    ...checkRedirects(inventory),
    ...checkEdgeNames(inventory),
    ...checkMail(inventory),
    ...checkCertificates(inventory),
    ...zones.flatMap((zone) => checkZone(inventory, zone)),
    ...checkCloudflare(inventory, zones),
  ];
}
