/** What Cloudflare does with requests before they reach us, zone by zone, in the words of its rulesets. Pure. */
import { traitsOf } from "../apps/edge-traits.ts";
import type { Application, Inventory } from "../inventory/schema.ts";
import { keepsPath, targetOf } from "./edge.ts";
import { zoneFor } from "./zones.ts";

/** A rule of a ruleset. Its `ref` keeps it the same rule wherever it stands. */
export interface Rule {
  readonly ref: string;
  readonly description: string;
  /** developers.cloudflare.com, "Rules language". */
  readonly expression: string;
  readonly action: "redirect" | "set_cache_settings" | "block";
  readonly actionParameters?: {
    readonly fromValue?: {
      readonly statusCode: number;
      readonly targetUrl: { readonly value: string } | { readonly expression: string };
      readonly preserveQueryString: boolean;
    };
    readonly cache?: boolean;
    readonly edgeTtl?: { readonly mode: "respect_origin" };
  };
  readonly ratelimit?: {
    readonly characteristics: string[];
    /** Seconds. */
    readonly period: number;
    readonly requestsPerPeriod: number;
    /** Seconds. */
    readonly mitigationTimeout: number;
  };
}

/** The rules of a zone by the phase in which they are looked at: each phase of a zone has one ruleset, which is all ours. */
export type ZoneRules = Readonly<Record<Phase, readonly Rule[]>>;
export const PHASES = [
  "http_request_dynamic_redirect",
  "http_request_cache_settings",
  "http_ratelimit",
] as const;
export type Phase = (typeof PHASES)[number];

/** The phases for which there are rules. */
export const phasesOf = (rules: ZoneRules): Phase[] => PHASES.filter((phase) => rules[phase].length > 0);
/** By what a ruleset is known among all: "example.org/http_ratelimit". The name of `farms:cloudflare.rulesets`. */
export const rulesetId = (zone: string, phase: Phase): string => `${zone}/${phase}`;

/** An application that nobody sees whom Cloudflare does not know as one of our administrators. */
export interface AccessRule {
  readonly application: string;
  readonly title: string;
  /** The first one is that which people see. */
  readonly hostnames: readonly string[];
}

/**
 * What the free plan has (developers.cloudflare.com, "Rate limiting rules", availability): one rule, which may ask for
 * the path, and counts for 10 s and refuses for 10 s. 20 requests in that time are by judgement more than a person sends who
 * edits or mistypes a password, and few for somebody who tries a list of them.
 */
const LIMIT = {
  characteristics: ["cf.colo.id", "ip.src"],
  period: 10,
  requestsPerPeriod: 20,
  mitigationTimeout: 10,
};

const set = (values: readonly string[]): string => `{${values.map((v) => JSON.stringify(v)).join(" ")}}`;
const any = (conditions: readonly string[]): string => `(${conditions.join(" or ")})`;
const isFor = ({ hostnames }: Pick<Application, "hostnames">): string => `http.host in ${set(hostnames)}`;

/** Old names. */
const redirectRules = (inventory: Inventory, zone: string): Rule[] =>
  inventory.redirects
    .filter(({ from }) => zoneFor(inventory, from)?.name === zone)
    .map((redirect) => {
      const { from, status } = redirect;
      const target = targetOf(inventory, redirect);
      const kept = keepsPath(target);
      return {
        ref: `redirect ${from}`,
        description: `${from} leads to ${target.href}`,
        expression: isFor({ hostnames: [from] }),
        action: "redirect",
        actionParameters: {
          fromValue: {
            statusCode: status,
            targetUrl: kept
              ? { expression: `concat(${JSON.stringify(target.origin)}, http.request.uri.path)` }
              : { value: target.href },
            preserveQueryString: kept,
          },
        },
      };
    });

/**
 * What may be kept, and then what may not: of rules that contradict each other the last one counts
 * (developers.cloudflare.com, "Cache Rules", order and priority).
 */
function cacheRules(applications: readonly Application[]): Rule[] {
  const kept = applications
    .filter((a) => !traitsOf(a).administrative && traitsOf(a).cached.length > 0)
    .map((application): Rule => {
      const paths = traitsOf(application).cached.map(
        (path) => `starts_with(http.request.uri.path, ${JSON.stringify(path)})`,
      );
      return {
        ref: `cache ${application.id}`,
        description: `${application.id}: what is the same for all may be kept as long as it says itself`,
        expression: `${isFor(application)} and ${any(paths)}`,
        action: "set_cache_settings",
        actionParameters: { cache: true, edgeTtl: { mode: "respect_origin" } },
      };
    });
  const personal = applications.map((application): Rule => {
    const { administrative, loginCookies } = traitsOf(application);
    const cookies = loginCookies(application).map((name) => `http.cookie contains "${name}="`);
    return {
      ref: `personal ${application.id}`,
      description: `${application.id}: nothing is kept of ${administrative ? "it" : "who is logged in"}`,
      expression: administrative ? isFor(application) : `${isFor(application)} and ${any(cookies)}`,
      action: "set_cache_settings",
      actionParameters: { cache: false },
    };
  });
  return [...kept, ...personal];
}

function limitRules(applications: readonly Application[]): Rule[] {
  const paths = [...new Set(applications.flatMap((a) => traitsOf(a).login))].sort();
  if (paths.length === 0) return [];
  return [
    {
      ref: "log-in",
      description: "passwords can't be tried without end",
      expression: `http.request.uri.path in ${set(paths)}`,
      action: "block",
      ratelimit: LIMIT,
    },
  ];
}

/** The rules of a zone that this stack keeps. */
export function rulesOf(inventory: Inventory, zone: string): ZoneRules {
  const applications = inventory.applications.flatMap((application) => {
    const hostnames = application.hostnames.filter((name) => zoneFor(inventory, name)?.name === zone);
    return hostnames.length > 0 ? [{ ...application, hostnames }] : [];
  });
  return {
    http_request_dynamic_redirect: redirectRules(inventory, zone),
    http_request_cache_settings: cacheRules(applications),
    http_ratelimit: limitRules(applications),
  };
}

/** The applications before which Cloudflare asks who somebody is. */
export const accessRules = ({ applications }: Pick<Inventory, "applications">): AccessRule[] =>
  applications
    .filter((application) => traitsOf(application).administrative)
    .map(({ id, title, hostnames }) => ({ application: id, title: title.en, hostnames }));
