/** What a zone has already, against what is declared of it. Pure. */
import { normalised } from "./content.ts";
import { type DnsRecord, recordId, type Zone } from "./record.ts";
import { phasesOf, rulesetId, type ZoneRules } from "./rules.ts";

/** A record as the provider of a zone tells it. */
export interface PresentRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
}

/** A ruleset that a zone has. */
export interface PresentRuleset {
  readonly id: string;
  readonly phase: string;
  /** What each rule says of itself. */
  readonly rules: readonly string[];
}

export interface Presence {
  /** Nobody declared them, and nobody touches them; `beside` names ours that they contradict. */
  readonly undeclared: readonly { readonly record: PresentRecord; readonly beside: readonly string[] }[];
  /** Declared, and there without the engine's knowledge: making them would fail, so they have to be taken over. */
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
 * What the settings say to take over, by name, and what the engine knows to be ours, by number. What it knows must not be taken over
 * once more: it would import it, and then delete what it had, which is the same.
 */
export interface Known {
  readonly taken: ReadonlySet<string>;
  readonly own: ReadonlySet<string>;
}

/** Compares a zone as it is declared with what is there. */
export function compareWithPresent(
  zone: Zone,
  present: readonly PresentRecord[],
  { taken, own }: Known,
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
    const known = ours === undefined || taken.has(recordId(ours)) || own.has(record.id);
    return known ? [] : [{ id: recordId(ours), number: record.id }];
  });
  return { undeclared, toTakeOver };
}

/** Rulesets that are where ours are to be: Cloudflare has one for each phase of a zone, so making ours would fail. */
export const rulesetsInTheWay = (
  zone: string,
  ours: ZoneRules,
  present: readonly PresentRuleset[],
  { taken, own }: Known,
): { readonly id: string; readonly ruleset: PresentRuleset }[] =>
  phasesOf(ours).flatMap((phase) => {
    const id = rulesetId(zone, phase);
    return present
      .filter((ruleset) => ruleset.phase === phase && !taken.has(id) && !own.has(ruleset.id))
      .map((ruleset) => ({ id, ruleset }));
  });
