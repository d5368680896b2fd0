/** What a zone has already, against what is declared of it. Pure. */
import { normalised } from "./content.ts";
import { type DnsRecord, recordId, type Zone } from "./record.ts";
import { PHASES, RULESET, rulesetId, type ZoneRules } from "./rules.ts";

/** A record as the provider of a zone tells it. */
export interface PresentRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly comment?: string | null | undefined;
}

/** A ruleset that a zone has. */
export interface PresentRuleset {
  readonly id: string;
  readonly name: string;
  readonly phase: string;
  /** What each rule says of itself. */
  readonly rules: readonly string[];
}

export interface Presence {
  /** Nobody declared them, and nobody touches them; `beside` names ours that they contradict. */
  readonly undeclared: readonly { readonly record: PresentRecord; readonly beside: readonly string[] }[];
  /** Declared, and there from before the program: making them would fail, so they have to be taken over. */
  readonly toTakeOver: readonly { readonly id: string; readonly number: string }[];
}

const keyOf = ({ name, type, content }: Pick<PresentRecord, "name" | "type" | "content">): string =>
  `${name.toLowerCase()} ${type} ${normalised(type, content)}`;

/** Types by which a name leads somewhere: another record of them sends some users elsewhere. */
const LEADS = new Set(["A", "AAAA", "CNAME"]);

const contradicts = (ours: DnsRecord, other: PresentRecord): boolean =>
  ours.name === other.name.toLowerCase() &&
  ((LEADS.has(ours.type) && LEADS.has(other.type)) || (ours.type === "MX" && other.type === "MX"));

/**
 * Compares a zone as it is declared with what is there. `taken` are the names of records that are taken over already; those
 * that the program has made say by their comment what declared them.
 */
export function compareWithPresent(
  zone: Zone,
  present: readonly PresentRecord[],
  taken: ReadonlySet<string>,
): Presence {
  const declared = new Map(zone.records.map((record) => [keyOf(record), record]));
  const undeclared = present
    .filter((record) => !declared.has(keyOf(record)))
    .map((record) => ({
      record,
      beside: zone.records.filter((ours) => contradicts(ours, record)).map(recordId),
    }));
  const toTakeOver = present.flatMap((record) => {
    const ours = declared.get(keyOf(record));
    const known = ours === undefined || taken.has(recordId(ours)) || record.comment === ours.source;
    return known ? [] : [{ id: recordId(ours), number: record.id }];
  });
  return { undeclared, toTakeOver };
}

/**
 * Rulesets of others where ours are to be: Cloudflare has one for each phase of a zone, so making ours would fail. `taken` are the
 * names of those that are taken over already; ours say so by their name.
 */
export const rulesetsInTheWay = (
  zone: string,
  ours: ZoneRules,
  present: readonly PresentRuleset[],
  taken: ReadonlySet<string>,
): { readonly id: string; readonly ruleset: PresentRuleset }[] =>
  PHASES.filter((phase) => ours[phase].length > 0 && !taken.has(rulesetId(zone, phase))).flatMap((phase) =>
    present
      .filter((ruleset) => ruleset.phase === phase && ruleset.name !== RULESET)
      .map((ruleset) => ({ id: rulesetId(zone, phase), ruleset })),
  );
