/** Whether what records lead to is there, and is ours to lead to; for mail, whether others will take ours. */
import { type DnsRecord, unquoted } from "../record.ts";
import { MOST_LOOKUPS } from "../spf.ts";
import {
  type Audited,
  addressesOf,
  broken,
  type Finding,
  isAnswer,
  outcomeOf,
  resolved,
  type World,
} from "./finding.ts";

/** The host name that a record leads to; undefined where it leads to none, or Cloudflare alone knows it. */
function targetOf({ type, content, proxied }: DnsRecord): string | undefined {
  if (proxied || content === ".") return undefined;
  if (type === "CNAME" || type === "MX") return content;
  return type === "SRV" ? content.split(" ")[2] : undefined;
}

async function judgeTarget(world: World, record: DnsRecord): Promise<Finding[]> {
  const target = targetOf(record);
  if (target === undefined || (await addressesOf(world, target)).length > 0) return [];
  return [
    broken(
      `${record.name} ${record.type} leads to ${target}, which has no address (${record.source}): whoever gets that name gets its visitors`,
      "correct it, or remove it",
    ),
  ];
}

/** The name under which an address is asked for its name (RFC 1035, 3.5; RFC 3596, 2.5). */
export function reverseNameOf(address: string): string {
  if (!address.includes(":")) return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
  const [head = "", tail = ""] = address.split("::");
  const [before, after] = [head, tail].map((part) => part.split(":").filter(Boolean));
  const zeros = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => "0");
  const groups = [...(before ?? []), ...zeros, ...(after ?? [])];
  const digits = groups.map((group) => group.padStart(4, "0")).join("");
  return `${[...digits].reverse().join(".")}.ip6.arpa`;
}

async function judgeReverse({ inventory, world }: Audited, server: string): Promise<Finding[]> {
  const host = inventory.mailServers.find(({ name }) => name === server)?.host;
  const addresses = inventory.hosts
    .filter(({ id }) => id === host)
    .flatMap((h) => [h.address, h.address6 ?? ""])
    .filter(Boolean);
  const findings = await Promise.all(
    addresses.map(async (address) => {
      const names = await resolved(world, reverseNameOf(address), "PTR");
      if (names.includes(server)) return [];
      return [
        broken(
          `mail server ${server}: its address ${address} is called ${names.join(", ") || "nothing"} in reverse, and receivers refuse its mail`,
          `set the reverse name of ${address} to ${server} at the provider of ${host}`,
        ),
      ];
    }),
  );
  return findings.flat();
}

/** Terms of an SPF record that cost a look-up (RFC 7208, 4.6.4), and where the next record is. */
const COSTLY = /^[+?~-]?(include:|a$|a[:/]|mx$|mx[:/]|ptr|exists:|redirect=)/;

/** Look-ups that a check of a name costs as its records, and others', are now. A name that is there twice is a loop. */
async function lookups(world: World, name: string, above: ReadonlySet<string> = new Set()): Promise<number> {
  if (above.has(name)) return 0;
  const [record = ""] = (await resolved(world, name, "TXT"))
    .map(unquoted)
    .filter((text) => /^v=spf1( |$)/.test(text));
  const costly = record.split(" ").filter((term) => COSTLY.test(term));
  const next = costly.flatMap((term) => /^[+?~-]?(?:include:|redirect=)(.+)$/.exec(term)?.[1] ?? []);
  const further = await Promise.all(next.map((each) => lookups(world, each, new Set([...above, name]))));
  return costly.length + further.reduce((sum, count) => sum + count, 0);
}

async function judgeSpf(world: World, name: string): Promise<Finding[]> {
  const outcome = await outcomeOf(world, world.resolver, name, "TXT");
  const texts = isAnswer(outcome) ? outcome.records.map(({ content }) => unquoted(content)) : [];
  const records = texts.filter((text) => /^v=spf1( |$)/.test(text));
  if (records.length > 1)
    return [
      broken(
        `${name} has ${records.length} SPF records, and receivers then go by none`,
        "leave the declared one",
      ),
    ];
  const count = await lookups(world, name);
  if (count <= MOST_LOOKUPS) return [];
  return [
    broken(
      `SPF of ${name} costs ${count} look-ups by now, and receivers refuse mail beyond ${MOST_LOOKUPS}`,
      "write the addresses of an include in its place (includes: [{ addresses: […] }])",
    ),
  ];
}

/** What is wrong with where a zone's records lead, and with its mail. */
export async function auditTargets(audited: Audited): Promise<Finding[]> {
  const { inventory, zone, world } = audited;
  const mail = inventory.domains.find(({ name }) => name === zone.name)?.mail;
  const parts = await Promise.all([
    ...zone.records.map((record) => judgeTarget(world, record)),
    ...(mail?.servers ?? []).map((server) => judgeReverse(audited, server)),
    ...(mail?.names ?? []).map((name) => judgeSpf(world, name)),
  ]);
  return parts.flat();
}
