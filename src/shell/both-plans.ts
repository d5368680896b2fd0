/** The two plans that `farm diff` compares: that of another commit and that of the working tree. */
import { declarations } from "../../stacks/declarations.ts";
import { comparePlans, type PlanDocument, planDocumentSchema } from "../plan/compare.ts";
import type { Diff } from "./diff-view.ts";
import { FarmError } from "./errors.ts";
import { planAt } from "./other-plan.ts";
import { printPlan } from "./plan-view.ts";
import { declarationOf, previewPlan } from "./stack.ts";

function parse(json: string, whose: string): PlanDocument {
  try {
    return planDocumentSchema.parse(JSON.parse(json));
  } catch {
    throw new FarmError(
      `what the program of ${whose} printed as its plan is none that can be compared`,
      "a plan has hosts, each with its name and bundle (farm plan --json); name another commit",
      2,
    );
  }
}

const ownPlan = (stack: string): PlanDocument =>
  parse(printPlan(previewPlan(stack), { json: true }), "the working tree");

/**
 * Compares the plan of `stack` at a commit with that of the working tree. Throws a FarmError when the commit is not
 * there or one side can't plan, or when neither side declares the stack.
 */
export async function compareWith(
  revision: string,
  stack: string,
  say: (text: string) => void,
): Promise<Diff> {
  const declared = declarations[stack] !== undefined;
  const { commit, json } = await planAt(revision, stack, say);
  // Neither side knows the stack: that is a slip of the pen, and the message lists the stacks there are.
  if (!declared && json === undefined) declarationOf(stack);
  const before = json === undefined ? undefined : parse(json, revision);
  return {
    stack,
    from: { revision, commit, declared: json !== undefined },
    to: { declared },
    comparison: comparePlans(before, declared ? ownPlan(stack) : undefined),
  };
}
