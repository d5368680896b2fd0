/** All that is planned of names: what any edge, authoritative server or audit goes by. */
import type { Inventory } from "../inventory/schema.ts";
import { FarmError } from "../shell/errors.ts";
import { type IngressRule, ingressOf } from "./edge.ts";
import { type MtaStsPolicy, policiesOf, type ReverseName, reverseNames } from "./mail.ts";
import type { Zone } from "./record.ts";
import { type AccessRule, accessRules, phasesOf, rulesetId, rulesOf, type ZoneRules } from "./rules.ts";
import { zonesOf } from "./zones.ts";

/** Where a stack's names are registered, for people. */
export const whereRegistered = ({ cloudflare, stack }: Pick<Inventory, "cloudflare" | "stack">): string =>
  cloudflare === undefined
    ? `nowhere: Pulumi.${stack}.yaml has no farms:cloudflare`
    : `at Cloudflare, account ${cloudflare.account}`;

/** What Cloudflare does beside answering for names. */
export interface CloudflareRules {
  /** By zone, of those that this stack keeps. */
  readonly zones: Readonly<Record<string, ZoneRules>>;
  readonly access: readonly AccessRule[];
}

export interface DnsPlan {
  readonly zones: readonly Zone[];
  readonly ingress: readonly IngressRule[];
  readonly policies: readonly MtaStsPolicy[];
  readonly reverse: readonly ReverseName[];
  /** Where Cloudflare is the edge. */
  readonly cloudflare?: CloudflareRules;
}

/** Refuses administrative applications that nobody could reach: Cloudflare knows people by their mail address. */
function checkAccess({ stack, administrators }: Inventory, access: readonly AccessRule[]): void {
  if (access.length === 0 || administrators.some(({ email }) => email !== undefined)) return;
  throw new FarmError(
    `${access.map(({ application }) => application).join(", ")} would be for administrators whom Cloudflare knows by mail address, and none has one`,
    `write it in Pulumi.${stack}.yaml: farms:administrators: [{ name: …, email: name@example.org, … }]`,
    2,
  );
}

/** Refuses rulesets to be taken over where we have none: a misspelt one would be left as it is. */
function checkRulesets({ stack, cloudflare }: Inventory, rules: CloudflareRules["zones"]): void {
  const ours = Object.entries(rules).flatMap(([zone, own]) =>
    cloudflare?.zones[zone] === undefined ? [] : phasesOf(own).map((phase) => rulesetId(zone, phase)),
  );
  const others = Object.keys(cloudflare?.rulesets ?? {}).filter((id) => !ours.includes(id));
  if (others.length === 0) return;
  throw new FarmError(
    `Pulumi.${stack}.yaml: farms:cloudflare.rulesets has ${others.join(", ")}, where we have no rules in a zone that is taken over`,
    `correct or remove the line; ours are ${ours.join(", ") || "none"}`,
    2,
  );
}

/**
 * The names of a checked farm. Throws a FarmError (exit code 2) when nobody could reach an administrative application, or a
 * ruleset is to be taken over where we have none.
 */
export function planDns(inventory: Inventory): DnsPlan {
  const zones = zonesOf(inventory);
  const plan = {
    zones,
    ingress: ingressOf(inventory),
    policies: policiesOf(inventory),
    reverse: reverseNames(inventory),
  };
  if (inventory.edge.kind !== "cloudflare") {
    checkRulesets(inventory, {});
    return plan;
  }
  const access = accessRules(inventory);
  checkAccess(inventory, access);
  const kept = zones.filter(({ keptBy }) => keptBy === undefined);
  const rules = Object.fromEntries(kept.map(({ name }) => [name, rulesOf(inventory, name)]));
  checkRulesets(inventory, rules);
  return { ...plan, cloudflare: { zones: rules, access } };
}
