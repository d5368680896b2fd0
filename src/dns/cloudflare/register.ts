/**
 * The names of a plan as resources at Cloudflare. Each resource is imported from its own file: that costs 6 to 9 ms and 1 MB,
 * the provider's package as a whole 280 to 370 ms and 24 MB (Node 24, three runs each). It is read only where a stack has
 * Cloudflare configured.
 */
import type * as pulumi from "@pulumi/pulumi";
import type { FarmHost } from "../../host/component.ts";
import { connectorHosts } from "../../inventory/domains.ts";
import type { Inventory } from "../../inventory/schema.ts";
import type { Keys } from "../../plan/keys.ts";
import type { Plan } from "../../plan/plan.ts";
import { CloudflareTunnel } from "./tunnel.ts";
import { CloudflareZone, type TakenOver } from "./zone.ts";

/** What a stack tells of its names. */
export interface NamesOutputs {
  /** By zone that this stack keeps: to whom it has to be delegated, and what its registrar has to be told of its keys. */
  readonly zones: Record<string, { nameServers?: pulumi.Input<string[]>; ds?: pulumi.Input<string> }>;
  /** The number of the tunnel, which its connectors name. */
  readonly tunnel?: pulumi.Output<string>;
  /** What was there and is ours now, for the next run. */
  readonly takenOver?: Readonly<Record<string, pulumi.Output<string>>>;
}

type Cloudflare = NonNullable<Inventory["cloudflare"]>;

/** Registers the tunnel, where Cloudflare is the edge. The hosts that open it need its token: it comes before them. */
export const registerTunnel = (
  { inventory, dns }: Plan,
  { account }: Cloudflare,
  keys: Keys,
): CloudflareTunnel | undefined =>
  dns.cloudflare && new CloudflareTunnel("edge", { inventory, account, keys, access: dns.cloudflare.access });

/**
 * Registers zones; `former` is what runs before this one have taken over. Names lead to a host when that is confirmed, and to the
 * tunnel when all that open it are.
 */
export function registerNames(
  { inventory, dns }: Plan,
  cloudflare: Cloudflare,
  hosts: ReadonlyMap<string, FarmHost>,
  tunnel: CloudflareTunnel | undefined,
  former: TakenOver,
): NamesOutputs {
  const ready = (host: string): pulumi.Resource[] => {
    const found = hosts.get(host);
    return found ? [found.confirmed] : [];
  };
  const zones = dns.zones.map((zone) => {
    const rules = dns.cloudflare?.zones[zone.name];
    const { ds, nameServers, takenOver } = new CloudflareZone(zone.name, {
      ...{ zone, cloudflare, rules, ready, former },
      tunnel: tunnel && { target: tunnel.target, ready: connectorHosts(inventory).flatMap(ready) },
    });
    return { name: zone.name, told: { ...(nameServers && { nameServers }), ...(ds && { ds }) }, takenOver };
  });
  const kept = zones.filter(({ told }) => told.nameServers !== undefined);
  return {
    zones: Object.fromEntries(kept.map(({ name, told }) => [name, told])),
    ...(tunnel && { tunnel: tunnel.tunnelId }),
    takenOver: Object.assign({}, ...zones.map(({ takenOver }) => takenOver)),
  };
}
