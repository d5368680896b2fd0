/** `farm dns undeclared`: what zones at Cloudflare have that nobody declared. Asks, and changes nothing. */
import { z } from "zod";
import { CloudflareService } from "../dns/cloudflare/service.ts";
import { compareWithPresent, type Presence, rulesetsInTheWay } from "../dns/present.ts";
import type { Zone } from "../dns/record.ts";
import type { Inventory } from "../inventory/schema.ts";
import { CLOCK, type Place, TIME_LIMIT } from "../machines/web-service.ts";
import type { Plan } from "../plan/plan.ts";
import { FarmError } from "../shell/errors.ts";
import { previewPlan } from "../shell/stack.ts";
import { askEngine } from "./engine.ts";
import { cloudflareToken } from "./engine-secrets.ts";

/** What of a state is read here. */
const stateSchema = z.object({
  deployment: z.object({
    resources: z.array(z.object({ type: z.string(), id: z.string().optional() })).optional(),
  }),
});

export const CLOUDFLARE: Place = {
  url: "https://api.cloudflare.com",
  clock: CLOCK,
  timeLimit: TIME_LIMIT,
};

/** Numbers of all that is a stack's own at Cloudflare, from its state as `pulumi stack export` tells it. */
export function ownAtCloudflare(state: unknown): Set<string> {
  const { resources = [] } = stateSchema.parse(state).deployment;
  return new Set(resources.flatMap(({ type, id }) => (type.startsWith("cloudflare:") && id ? [id] : [])));
}

/** Others may have written what is in a zone: it is shown on one line, and no terminal obeys it. */
const shown = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?");

function textOf({ name }: Zone, stack: string, { undeclared, toTakeOver }: Presence): string {
  const lines = [
    `${name}: ${undeclared.length === 0 ? "nothing but what is declared" : `${undeclared.length} record(s) that nobody declared; they stay as they are`}`,
    ...undeclared.map(({ record, beside }) => {
      const note = beside.length === 0 ? "" : `   (contradicts ${beside.join(", ")})`;
      return `  ${shown(record.name)} ${shown(record.type)} ${shown(record.content)}${note}`;
    }),
    ...(toTakeOver.length === 0
      ? []
      : [
          `  ${toTakeOver.length} that are declared are there without the program; it can't make them again, but take them over:`,
          ...toTakeOver.map(({ id, number }) => takeOver(stack, "records", id, number)),
        ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** How something that is there becomes ours. */
const takeOver = (stack: string, kind: "records" | "rulesets", id: string, number: string): string =>
  `    pulumi config set --stack ${stack} --path 'farms:cloudflare.${kind}["${id}"]' ${number}`;

function rulesetsText(stack: string, inTheWay: ReturnType<typeof rulesetsInTheWay>): string {
  return inTheWay
    .flatMap(({ id, ruleset: { id: number, rules } }) => [
      `  ${id} has ${rules.length} rule(s) that nobody declared, and Cloudflare takes none of ours beside them. To replace them:`,
      ...rules.map((rule) => `    ${shown(rule)}`),
      takeOver(stack, "rulesets", id, number),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

/** What a stack says of Cloudflare. Throws a FarmError (exit code 2) where it says nothing. */
function cloudflareOf({ stack, cloudflare }: Inventory): NonNullable<Inventory["cloudflare"]> {
  if (cloudflare === undefined)
    throw new FarmError(
      `stack ${stack} has no names at Cloudflare: Pulumi.${stack}.yaml has no farms:cloudflare`,
      `write the account's number: pulumi config set --stack ${stack} --path farms:cloudflare.account NUMBER, and so each zone's that is there: farms:cloudflare.zones["example.org"]`,
      2,
    );
  return cloudflare;
}

/**
 * Text of what differs, zone by zone, and whether anything does; `own` are the numbers of what the engine knows to be ours. Throws as
 * CloudflareService does.
 */
export async function undeclaredText(
  { inventory, dns }: Plan,
  service: CloudflareService,
  own: ReadonlySet<string>,
): Promise<{ text: string; differs: boolean }> {
  const cloudflare = cloudflareOf(inventory);
  const taken = new Set([...Object.keys(cloudflare.records), ...Object.keys(cloudflare.rulesets)]);
  const known = { taken, own };
  let text = "";
  let differs = false;
  for (const zone of dns.zones) {
    const number = cloudflare.zones[zone.name];
    if (number === undefined) {
      text += `${zone.name}: is made by the program, with nothing else in it\n`;
      continue;
    }
    const presence = compareWithPresent(zone, await service.records(number), known);
    const rules = dns.cloudflare?.zones[zone.name];
    const inTheWay = rules ? rulesetsInTheWay(zone.name, rules, await service.rulesets(number), known) : [];
    differs ||= presence.undeclared.length + presence.toTakeOver.length + inTheWay.length > 0;
    text += textOf(zone, inventory.stack, presence) + rulesetsText(inventory.stack, inTheWay);
  }
  return { text, differs };
}

/** Prints it for a stack; returns the exit code: 1 when something is there that nobody declared or has taken over. */
export async function undeclared(stack: string, place = CLOUDFLARE): Promise<number> {
  const plan = previewPlan(stack);
  cloudflareOf(plan.inventory);
  const service = new CloudflareService(await cloudflareToken(stack), place);
  const own = ownAtCloudflare(await askEngine(stack, "state", "stack", "export"));
  const { text, differs } = await undeclaredText(plan, service, own);
  process.stdout.write(text);
  return differs ? 1 : 0;
}
