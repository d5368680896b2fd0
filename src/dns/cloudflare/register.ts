/**
 * The names of a plan as resources at Cloudflare. Imported only where a stack has Cloudflare configured: reading the
 * provider's package costs each program 0.25 to 0.3 s and 24 MB (measured, Node 24, without compile cache).
 */
import type * as pulumi from "@pulumi/pulumi";
import type { FarmHost } from "../../host/component.ts";
import type { Inventory } from "../../inventory/schema.ts";
import type { Keys } from "../../plan/keys.ts";
import type { Plan } from "../../plan/plan.ts";
import { CloudflareTunnel } from "./tunnel.ts";
import { CloudflareZone } from "./zone.ts";

/** What a stack tells of its names. */
export interface NamesOutputs {
  /** By zone that this stack keeps: to whom it has to be delegated, and what its registrar has to be told of its keys. */
  readonly zones: Record<string, { nameServers?: pulumi.Output<string[]>; ds?: pulumi.Output<string> }>;
  /** The number of the tunnel, which its connectors name. */
  readonly tunnel?: pulumi.Output<string>;
}

/** Registers zones and, where Cloudflare is the edge, the tunnel. Names lead to a host when that is confirmed. */
export function registerNames(
  { inventory, dns }: Plan,
  cloudflare: NonNullable<Inventory["cloudflare"]>,
  keys: Keys,
  hosts: ReadonlyMap<string, FarmHost>,
): NamesOutputs {
  const { account } = cloudflare;
  const tunnel = dns.cloudflare
    ? new CloudflareTunnel("edge", { inventory, account, keys, access: dns.cloudflare.access })
    : undefined;
  const ready = (host: string): pulumi.Resource[] => {
    const found = hosts.get(host);
    return found ? [found.confirmed] : [];
  };
  const zones = dns.zones.map((zone) => {
    const rules = dns.cloudflare?.zones[zone.name];
    const { ds, nameServers } = new CloudflareZone(zone.name, {
      ...{ zone, cloudflare, rules, ready },
      tunnelTarget: tunnel?.target,
    });
    return [zone.name, { ...(nameServers && { nameServers }), ...(ds && { ds }) }] as const;
  });
  const kept = zones.filter(([, { nameServers }]) => nameServers !== undefined);
  return { zones: Object.fromEntries(kept), ...(tunnel && { tunnel: tunnel.tunnelId }) };
}
