/** Policies as people read them: in a terminal, as a warning of the engine, as the refusal of a run. */
import type { Language } from "../map/words.ts";
import type { Plan } from "../plan/plan.ts";
import { POLICIES } from "../policy/policies.ts";
import { isBlocking, judge, type Verdict } from "../policy/policy.ts";
import { FarmError } from "./errors.ts";

/** What became of a violation, as the end of a sentence. */
function fate(verdict: Verdict): string {
  const { exception, expired } = verdict;
  const consequence = isBlocking(verdict) ? "stops `pulumi up`" : "is only said";
  if (exception === undefined) return consequence;
  const { owner, until, reason } = exception;
  return expired
    ? `${consequence}: the exception that ${owner} answered for ended on ${until}`
    : `is excepted until ${until}; ${owner} answers for it: ${reason}`;
}

const line = (verdict: Verdict): string => {
  const { policy, violation } = verdict;
  return `${policy.name}, ${violation.where}: ${violation.what}`;
};

/** What is broken and what to write instead, policy by policy, each with its reason once. */
function paragraphs(verdicts: readonly Verdict[]): string[] {
  return [...Map.groupBy(verdicts, ({ policy }) => policy)].flatMap(
    ([{ rule, reason, incident }, broken]) => {
      const told = (language: Language, because: string): string =>
        `    ${rule[language]}: ${reason[language]}${incident ? ` (${because}${incident[language]})` : ""}`;
      return [
        ...broken.flatMap((verdict) => [
          line(verdict),
          `    ${fate(verdict)}`,
          `    instead: ${verdict.violation.instead}`,
        ]),
        told("en", "it happened: "),
        told("ru", "так было: "),
      ];
    },
  );
}

/** All that is broken, with the reasons; `blocked` says whether a run is refused on that day ("2026-11-26"). */
export function policyReport(plan: Plan, today: string): { text: string; blocked: boolean } {
  const verdicts = judge(POLICIES, plan, today);
  const blocking = verdicts.filter(isBlocking).length;
  const end = `${POLICIES.length} policies, ${verdicts.length} violation(s), ${blocking} of which stop(s) \`pulumi up\`.`;
  return { text: `${[...paragraphs(verdicts), end].join("\n")}\n`, blocked: blocking > 0 };
}

/**
 * What is broken and does not stop a run, a line each. Throws a FarmError (exit code 2) with all that does, and as `judge`
 * does.
 */
export function enforcePolicies(plan: Plan, today: string): string[] {
  const verdicts = judge(POLICIES, plan, today);
  const blocking = verdicts.filter(isBlocking);
  if (blocking.length > 0)
    throw new FarmError(
      paragraphs(blocking).join("\n"),
      `do what is said, or let somebody answer for it: stacks/${plan.inventory.stack}.ts, exceptions: [{ policy, where, owner, until, reason }]`,
      2,
    );
  return verdicts.map((verdict) => `${line(verdict)}; ${fate(verdict)}`);
}
