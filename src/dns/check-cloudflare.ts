/** What the stack's configuration says of Cloudflare, against the names that are declared. */
import { isPrivate } from "../inventory/addresses.ts";
import type { Inventory } from "../inventory/schema.ts";
import { recordId, type Zone } from "./record.ts";

/** What is wrong, as sentences for people; nothing where the stack has nothing at Cloudflare. */
export function checkCloudflare({ cloudflare, domains }: Inventory, zones: readonly Zone[]): string[] {
  if (cloudflare === undefined) return [];
  const names = new Set(domains.map(({ name }) => name));
  const there = zones.filter(({ name }) => cloudflare.zones[name] !== undefined);
  const ids = new Set(there.flatMap(({ records }) => records.map(recordId)));
  const hidden = zones.flatMap(({ records }) =>
    records.filter(({ type, content }) => type === "A" && isPrivate(content)),
  );
  return [
    ...hidden.map(
      ({ name, content, source }) =>
        `${source}: ${name} would lead to ${content}, where nobody comes from outside; give the host a public address, or let Cloudflare be the edge`,
    ),
    ...Object.keys(cloudflare.zones)
      .filter((name) => !names.has(name))
      .map((name) => `farms:cloudflare.zones has ${name}, which is no domain; declare it or remove the line`),
    ...domains
      .filter(({ name, keptBy }) => keptBy !== undefined && cloudflare.zones[name] === undefined)
      .map(
        ({ name, keptBy }) =>
          `domain ${name} is kept by stack ${keptBy}, and its zone has no number here; write it: pulumi config set --path 'farms:cloudflare.zones["${name}"]' NUMBER`,
      ),
    ...Object.keys(cloudflare.records)
      .filter((id) => !ids.has(id))
      .map(
        (id) =>
          `farms:cloudflare.records has ${id}, which is no record of ours in a zone that is taken over; correct or remove the line`,
      ),
  ];
}
