/** Whether a zone's signatures hold: keys that the zone above vouches for, and signatures that do not expire soon. */
import { dsOf } from "../dnssec.ts";
import {
  type Audited,
  broken,
  DAY,
  type Finding,
  isAnswer,
  type NameServer,
  outcomeOf,
  resolved,
  warning,
} from "./finding.ts";

/**
 * Days that a signature has to have left. Servers renew theirs once a week (PowerDNS) or daily (Cloudflare), well before
 * they expire: one with less was not renewed.
 */
const LEAST_DAYS = 5;

/** What each server's signature says of when it expires. */
async function judgeExpiry({ zone, world }: Audited, server: NameServer): Promise<Finding[]> {
  const outcomes = await Promise.all(
    ["SOA", "DNSKEY"].map((type) => outcomeOf(world, server.address, zone.name, type)),
  );
  const expiries = outcomes.map((outcome) =>
    isAnswer(outcome) ? Math.min(...outcome.expiries) : Number.POSITIVE_INFINITY,
  );
  if (!outcomes.every((outcome) => isAnswer(outcome) && outcome.expiries.length > 0))
    return [
      broken(
        `${server.name} does not sign ${zone.name}: who validates refuses its answers`,
        "switch signing on where the zone is kept, on all its servers",
      ),
    ];
  const days = (Math.min(...expiries) - world.now) / DAY;
  if (days > LEAST_DAYS) return [];
  const told = days < 0 ? `expired ${Math.ceil(-days)} day(s) ago` : `expire in ${Math.floor(days)} day(s)`;
  return [
    (days < 0 ? broken : warning)(
      `signatures of ${zone.name} on ${server.name} ${told}`,
      "see why its server does not renew them: whether it runs, and whether its clock is right",
    ),
  ];
}

async function judgeChain({ zone, world }: Audited, servers: readonly NameServer[]): Promise<Finding[]> {
  const above = await resolved(world, zone.name, "DS");
  const keys = await Promise.all(
    servers.map(async ({ address }) => {
      const outcome = await outcomeOf(world, address, zone.name, "DNSKEY");
      return isAnswer(outcome)
        ? outcome.records.filter(({ type }) => type === "DNSKEY").map(({ content }) => content)
        : [];
    }),
  );
  const ours = new Set(keys.flat().flatMap((key) => [dsOf(zone.name, key, 2), dsOf(zone.name, key, 4)]));
  if (!zone.dnssec)
    return above.length === 0
      ? []
      : [
          broken(
            `${zone.name} is not to be signed, and the zone above has a DS record: who validates refuses all of it`,
            "have the registrar take out the DS record first",
          ),
        ];
  if (above.length === 0)
    return [
      warning(
        `the zone above ${zone.name} has no DS record, so nobody validates its signatures`,
        "tell the registrar the DS record that the stack gives out (pulumi stack output names)",
      ),
    ];
  if (!above.some((ds) => ours.has(ds)))
    return [
      broken(
        `the DS record above ${zone.name} is of a key that its servers do not have (${above.join("; ")}): who validates refuses all of it`,
        "have the registrar put the stack's DS record in its place (pulumi stack output names)",
      ),
    ];
  const soa = await outcomeOf(world, world.resolver, zone.name, "SOA");
  if (isAnswer(soa) && soa.status === "NOERROR" && !soa.validated)
    return [
      warning(
        `the resolver ${world.resolver} does not validate, so the chain of ${zone.name} was not tried`,
        "name one that does: --resolver ADDRESS",
      ),
    ];
  return [];
}

/** What is wrong with a zone's signatures. */
export async function auditSignatures(audited: Audited, servers: readonly NameServer[]): Promise<Finding[]> {
  if (servers.length === 0) return [];
  const chain = await judgeChain(audited, servers);
  if (!audited.zone.dnssec) return chain;
  const expiries = await Promise.all(servers.map((server) => judgeExpiry(audited, server)));
  return [...chain, ...expiries.flat()];
}
