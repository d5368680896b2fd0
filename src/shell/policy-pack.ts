/** Our policies as the engine's policy pack (`policy-pack/`) reports them: the same functions, over what the engine was told. */
import { deriveKeys } from "../plan/keys.ts";
import { makePlan, type Plan } from "../plan/plan.ts";
import { POLICIES } from "../policy/policies.ts";
import { isBlocking, judge, type Policy } from "../policy/policy.ts";
import { openStack, type Settings } from "./stack.ts";

/** A resource that the program has registered, as a policy pack sees it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
}

/** One policy of the pack; the words are Pulumi's. */
export interface PackPolicy {
  readonly name: string;
  readonly description: string;
  readonly enforcementLevel: Policy["severity"];
  /** What is broken, as sentences. */
  readonly broken: (resources: readonly Registered[]) => string[];
}

const BUNDLE = /^(.+)-bundle$/;

/**
 * Resources alone don't tell a farm: a bundle says what its host is to become, and nothing says where it stands or which
 * applications are main ones. So the plan is judged, made from the declaration and the settings beside the pack, and this holds the
 * resources to it: whatever program registered them, each host gets the very bundle that was judged, and none gets another.
 */
export function notAsJudged({ hosts }: Plan, resources: readonly Registered[]): string[] {
  const judged = new Map(hosts.map(({ host, bundle }) => [host.id, bundle]));
  const registered = new Map(
    resources
      .filter(({ type }) => type === "command:remote:Command")
      .flatMap(({ name, props }) => {
        const host = BUNDLE.exec(name)?.[1];
        return host === undefined ? [] : [[host, props.stdin] as const];
      }),
  );
  const ids = [...new Set([...judged.keys(), ...registered.keys()])].sort();
  return ids
    .filter((id) => judged.get(id) !== registered.get(id))
    .map((id) =>
      judged.has(id)
        ? `host ${id}: ${registered.has(id) ? "its bundle is another one than was judged" : "no bundle of it is registered"}`
        : `host ${id}: it has a bundle, and the declaration does not know it`,
    );
}

/** The policies of a stack. Throws a FarmError as openStack, deriveKeys and judge do. */
export function packPolicies(stack: string, settings: Settings, today: string): PackPolicy[] {
  const { inventory, shell } = openStack(stack, settings);
  const plan = makePlan(inventory, deriveKeys(shell.masterKey ?? "", stack, inventory.generations));
  const verdicts = judge(POLICIES, plan, today);
  const ours = POLICIES.map((policy): PackPolicy => {
    const { name, severity, rule, reason } = policy;
    const told = verdicts
      .filter((verdict) => verdict.policy === policy && (severity === "advisory" || isBlocking(verdict)))
      .map(({ violation: { where, what, instead } }) => `${where}: ${what}; instead: ${instead}`);
    const description = `${rule.en}: ${reason.en} / ${rule.ru}: ${reason.ru}`;
    return { name, description, enforcementLevel: severity, broken: () => told };
  });
  const same: PackPolicy = {
    name: "as-judged",
    description: "what is registered is the plan that was judged / зарегистрировано то, что проверено",
    enforcementLevel: "mandatory",
    broken: (resources) => notAsJudged(plan, resources),
  };
  return [...ours, same];
}
