/** What a farm costs a month, by whom it is paid to. */
import type { Inventory } from "../inventory/schema.ts";

export interface Cost {
  /** EUR a month by provider, in the order of names. */
  readonly providers: Readonly<Record<string, number>>;
  /** EUR a month. */
  readonly total: number;
}

const toCents = (euros: number): number => Math.round(euros * 100) / 100;

/** Adds up what a checked inventory says of its machines; dollars by the rate that it declares. */
export function costOf({ hosts, sites, dollar }: Inventory): Cost {
  const providers = new Map<string, number>();
  for (const host of hosts) {
    if (host.price === undefined) continue;
    const { amount, currency } = host.price.monthly;
    const euros = currency === "USD" ? amount * (dollar?.eur ?? Number.NaN) : amount;
    const provider = sites.find((site) => site.id === host.site)?.provider ?? "";
    providers.set(provider, (providers.get(provider) ?? 0) + euros);
  }
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
