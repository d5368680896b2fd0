/** Whether a zone's servers, and the resolver, tell what is declared. */
import { normalised } from "../content.ts";
import { isLive } from "../name-servers.ts";
import type { DnsRecord } from "../record.ts";
import type { Answer, Found } from "./client.ts";
import {
  type Audited,
  broken,
  type Finding,
  isAnswer,
  type NameServer,
  outcomeOf,
  warning,
} from "./finding.ts";

/** The records of one name and type. */
interface Group {
  readonly name: string;
  readonly type: string;
  readonly records: readonly DnsRecord[];
}

/** A content as it is compared and told, behind its priority where the type has one. */
const comparable = ({ type, content, priority }: Pick<Found, "type" | "content" | "priority">): string =>
  priority === undefined ? normalised(type, content) : `${priority} ${normalised(type, content)}`;

/** Our client does not read HTTPS records; what they say is tried by browsers. */
const groupsOf = (records: readonly DnsRecord[]): Group[] =>
  [
    ...Map.groupBy(
      records.filter(({ type }) => type !== "HTTPS"),
      ({ name, type }) => `${name} ${type}`,
    ).values(),
  ].map((group) => ({
    name: group[0]?.name ?? "",
    type: group[0]?.type ?? "",
    records: group,
  }));

const told = ({ records }: Answer, { name, type }: Group): Set<string> =>
  new Set(records.filter((r) => r.name === name && r.type === type).map(comparable));

/** Cloudflare answers for names that it stands before with addresses of its own. */
const standsBefore = ({ records }: Group): boolean => records.some(({ proxied }) => proxied);

function judgeGroup(audited: Audited, server: NameServer, group: Group, answer: Answer): Finding[] {
  const { inventory, zone } = audited;
  const live = isLive(inventory);
  const found = told(answer, group);
  const declared = new Map(group.records.map((record) => [comparable(record), record]));
  const label = `${group.name} ${group.type}`;
  const missing = [...declared].filter(([content]) => !found.has(content));
  const beside = [...found].filter((content) => !declared.has(content));
  const away = missing.filter(([, record]) => live(record));
  const lost = away.length < group.records.length ? away : [];
  return [
    ...missing
      .filter((entry) => !lost.includes(entry))
      .map(([content, { source }]) =>
        broken(
          `${label} should say "${content}" (${source}), and ${server.name} ${found.size === 0 ? "has no such record" : `says "${[...found].join('", "')}"`}`,
          `apply the stack, so that ${zone.name} says what is declared`,
        ),
      ),
    ...lost.map(([content, { host }]) =>
      warning(
        `${label}: ${server.name} does not tell ${content} at present, so ${host} did not answer it`,
        `see what ails ${host}: farm drift, or its status`,
      ),
    ),
    ...(standsBefore(group) ? [] : beside).map((content) =>
      warning(
        `${label} also says "${content}", which nobody declared`,
        "declare it among the domain's extras, or delete it where the zone is kept",
      ),
    ),
  ];
}

async function judgeAt(audited: Audited, server: NameServer, group: Group): Promise<Finding[]> {
  const type = standsBefore(group) ? "A" : group.type;
  const outcome = await outcomeOf(audited.world, server.address, group.name, type);
  if (!isAnswer(outcome))
    return [
      broken(
        `${server.name} has no answer for ${group.name} ${type}: ${outcome.failure}`,
        "ask again; if it stays so, see its journal",
      ),
    ];
  if (!standsBefore(group)) return judgeGroup(audited, server, group, outcome);
  return outcome.records.length > 0
    ? []
    : [
        broken(
          `${group.name} leads nowhere: ${server.name} has no address for it`,
          "apply the stack, so that Cloudflare stands before the name",
        ),
      ];
}

/** What resolvers still have from before; they find the rest as the servers have it. */
async function judgeResolver({ zone, world }: Audited, group: Group): Promise<Finding[]> {
  const type = standsBefore(group) ? "A" : group.type;
  const outcome = await outcomeOf(world, world.resolver, group.name, type);
  if (isAnswer(outcome) && outcome.status !== "SERVFAIL") return [];
  const reason = isAnswer(outcome) ? "it takes the answer for forged, or reaches no server" : outcome.failure;
  return [
    broken(
      `the resolver ${world.resolver} has no answer for ${group.name} ${type}: ${reason}`,
      `see what else is said of ${zone.name}; signatures are the usual cause`,
    ),
  ];
}

/** What differs between what is declared and what is answered. */
export async function auditRecords(audited: Audited, servers: readonly NameServer[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const group of groupsOf(audited.zone.records)) {
    const judged = await Promise.all([
      ...servers.map((server) => judgeAt(audited, server, group)),
      ...(servers.length > 0 ? [judgeResolver(audited, group)] : []),
    ]);
    findings.push(...judged.flat());
  }
  return findings;
}
