/** What cloud providers limit. */
import type { Inventory } from "./schema.ts";

/** Servers of Hetzner Cloud that one spread placement group takes (docs.hetzner.com/cloud/placement-groups/overview). */
export const SPREAD_LIMIT = 10;

/** What is wrong with the machines at cloud providers, as sentences for people. */
export function checkClouds({ hosts }: Inventory): string[] {
  // One that exists stays where it is.
  const places = hosts.flatMap(({ origin }) =>
    origin.kind === "hcloud" && !origin.exists ? [origin.location] : [],
  );
  return [...Map.groupBy(places, (place) => place)]
    .filter(([, servers]) => servers.length > SPREAD_LIMIT)
    .map(
      ([place, { length }]) =>
        `${length} hosts are servers of Hetzner Cloud in ${place}; only ${SPREAD_LIMIT} can be kept on machines of their own there: put some in another location`,
    );
}
