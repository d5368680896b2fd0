/** The audit of names: what is declared against what the world is told. Changes nothing. */
import type { Plan } from "../../plan/plan.ts";
import { auditCertificates, certificateAt } from "./certificates.ts";
import { type Ask, ask } from "./client.ts";
import { auditDelegation } from "./delegation.ts";
import type { Finding, World } from "./finding.ts";
import { auditRecords } from "./records.ts";
import { auditSignatures } from "./signatures.ts";
import { auditTargets } from "./targets.ts";

export interface ZoneAudit {
  readonly zone: string;
  /** Declared records that were asked for. */
  readonly records: number;
  readonly findings: readonly Finding[];
}

/** The world as it is. `resolver` is an address that the audit asks, which is expected to validate. */
export const theWorld = (resolver: string): World => ({
  ask,
  resolver,
  certificate: certificateAt,
  now: Date.now(),
});

/** Asks each question once: several checks want the same answer, and are to judge by the same one. */
function once(ask: Ask): Ask {
  const asked = new Map<string, ReturnType<Ask>>();
  return (...question) => {
    const key = question.join(" ");
    const answer = asked.get(key) ?? ask(...question);
    asked.set(key, answer);
    return answer;
  };
}

/** Audits all zones of a plan, one after another. Never fails: what can't be asked is a finding. */
export async function auditNames({ inventory, dns }: Plan, world: World): Promise<ZoneAudit[]> {
  const audits: ZoneAudit[] = [];
  const ask = once(world.ask);
  for (const zone of dns.zones) {
    const audited = { inventory, zone, world: { ...world, ask } };
    const { findings, servers } = await auditDelegation(audited);
    const further = await Promise.all([
      auditRecords(audited, servers),
      auditSignatures(audited, servers),
      ...(servers.length > 0 ? [auditTargets(audited), auditCertificates(audited)] : []),
    ]);
    // What all servers say alike is told once.
    const all = new Map([...findings, ...further.flat()].map((finding) => [finding.what, finding]));
    audits.push({ zone: zone.name, records: zone.records.length, findings: [...all.values()] });
  }
  return audits;
}

/** The audit for people: a line for each zone, what was found with its remedy, what breaks things first. */
export function auditText(audits: readonly ZoneAudit[]): string {
  const lines = audits.flatMap(({ zone, records, findings }) => {
    const sorted = findings.toSorted((a, b) => a.severity.localeCompare(b.severity));
    const head = findings.length === 0 ? "all is as declared" : `${findings.length} finding(s)`;
    return [
      `${zone}: ${records} record(s), ${head}`,
      ...sorted.flatMap(({ severity, what, remedy }) => [
        `  ${severity.toUpperCase()}  ${what}`,
        `      ${remedy}`,
      ]),
    ];
  });
  return `${lines.join("\n")}\n`;
}
