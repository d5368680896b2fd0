/**
 * Rules that must hold for every plan, whoever changed what: each with the reason for it, for people. They look at the plan
 * alone, so they run without an engine, a cloud or a secret.
 */
import type { HostState } from "../host/state.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { HostPlan, Plan } from "../plan/plan.ts";
import { FarmError } from "../shell/errors.ts";

/** A text in both languages of the administrators. */
export type Text = Inventory["title"];

export interface Violation {
  /** "host db1" or "application pravka": what an exception names. */
  readonly where: string;
  /** What is wrong, as a sentence without its end. */
  readonly what: string;
  /** What to write instead. */
  readonly instead: string;
}

export interface Policy {
  /** Its name in exceptions and messages. */
  readonly name: string;
  /** "mandatory": nothing is applied while it is broken. "advisory": it is said. The words are Pulumi's. */
  readonly severity: "mandatory" | "advisory";
  readonly rule: Text;
  readonly reason: Text;
  /** What happened for want of it, where something did. */
  readonly incident?: Text;
  readonly violations: (plan: Plan) => readonly Violation[];
}

/** A check of each host by itself. */
export const hostViolations =
  (check: (host: HostPlan) => readonly Omit<Violation, "where">[]) =>
  (plan: Plan): Violation[] =>
    plan.hosts.flatMap((host) =>
      check(host).map((violation) => ({ where: `host ${host.host.id}`, ...violation })),
    );

/** What a file of a host says; nothing where it has none of this path. */
export const textOf = ({ files }: HostState, path: string): string =>
  files.find((file) => file.path === path)?.content ?? "";

/** That a unit of a host does not run from its boot on; none where it does. */
export function notFromBoot({ units }: HostState, name: string): Omit<Violation, "where">[] {
  const runs = units.some((unit) => unit.name === name && unit.state === "running" && unit.enabled);
  return runs ? [] : [{ what: `${name} does not run from boot on`, instead: "leave it running and enabled" }];
}

/** Somebody answers for it that a rule does not hold somewhere, up to a day. */
export interface Exception {
  readonly policy: string;
  readonly where: string;
  readonly owner: string;
  /** The last day on which it counts, "2027-01-31". */
  readonly until: string;
  readonly reason: string;
}

/** A violation, and what is said of it. */
export interface Verdict {
  readonly policy: Policy;
  readonly violation: Violation;
  /** The exception that is made for it, if any; one whose time is over counts no more. */
  readonly exception?: Exception;
  readonly expired: boolean;
}

export const isBlocking = ({ policy, exception, expired }: Verdict): boolean =>
  policy.severity === "mandatory" && (exception === undefined || expired);

/**
 * What of the policies does not hold on a day ("2026-11-26"), in their order. Throws a FarmError (exit code 2) for an
 * exception that names no policy, or nothing that is broken: what is mended needs none, and a misspelt one would be none.
 */
export function judge(policies: readonly Policy[], plan: Plan, today: string): Verdict[] {
  const { stack, exceptions } = plan.inventory;
  const known = new Set(policies.map(({ name }) => name));
  const used = new Set<Exception>();
  const verdicts = policies.flatMap((policy) =>
    policy.violations(plan).map((violation): Verdict => {
      const exception = exceptions.find(
        (each) => each.policy === policy.name && each.where === violation.where,
      );
      if (exception === undefined) return { policy, violation, expired: false };
      used.add(exception);
      return { policy, violation, exception, expired: exception.until < today };
    }),
  );
  const unused = exceptions.filter((exception) => !used.has(exception));
  if (unused.length > 0)
    throw new FarmError(
      unused
        .map(({ policy, where }) =>
          known.has(policy)
            ? `stacks/${stack}.ts: exceptions: ${policy} holds at "${where}"`
            : `stacks/${stack}.ts: exceptions: there is no policy "${policy}"`,
        )
        .join("\n"),
      `remove the exception, or correct it; policies are ${[...known].join(", ")}`,
      2,
    );
  return verdicts;
}
