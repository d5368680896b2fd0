/** What a farm costs a month, by whom it is paid to. */
import type { Inventory } from "../inventory/schema.ts";
import { monthlyCost, toCents } from "./trainings.ts";

/** Who is paid for the machines of trainings: sites call it so too. */
const HETZNER = "hetzner";

export interface Cost {
  /** EUR a month by provider, in the order of names. */
  readonly providers: Readonly<Record<string, number>>;
  /** EUR a month. */
  readonly total: number;
}

/** Adds up what a checked inventory says of its machines, those of trainings too; dollars by the rate that it declares. */
export function costOf({ hosts, sites, dollar, trainings }: Inventory): Cost {
  const providers = new Map<string, number>();
  const add = (provider: string, euros: number): void => {
    providers.set(provider, (providers.get(provider) ?? 0) + euros);
  };
  for (const host of hosts) {
    if (host.price === undefined) continue;
    const { amount, currency } = host.price.monthly;
    const euros = currency === "USD" ? amount * (dollar?.eur ?? Number.NaN) : amount;
    add(sites.find((site) => site.id === host.site)?.provider ?? "", euros);
  }
  for (const training of trainings) add(HETZNER, monthlyCost(training));
  const sorted = [...providers].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    providers: Object.fromEntries(sorted.map(([name, euros]) => [name, toCents(euros)])),
    total: toCents(sorted.reduce((sum, [, euros]) => sum + euros, 0)),
  };
}

/** "EUR 54.20 a month: contabo 19.20, hetzner 35.00". */
export function costLine({ providers, total }: Cost): string {
  const parts = Object.entries(providers).map(([name, euros]) => `${name} ${euros.toFixed(2)}`);
  return `EUR ${total.toFixed(2)} a month: ${parts.join(", ")}`;
}
