/** Authoritative name servers of our own: under which names a zone's records call them, and which names only live hosts have. */
import { type Domain, edgeHosts, nameServers } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";
import { zoneKeyOf } from "./dnssec.ts";
import { addressRecords, edgeNames } from "./edge.ts";
import { type DnsRecord, LONG_TTL } from "./record.ts";

/** Name of the secret by which a zone is signed. */
export const zoneKeyName = (zone: string): string => `dnssec/${zone}`;

/** The name of a name server within a zone: each zone has its own, so that none depends on another. */
const nameIn = (zone: string, host: string): string => `ns-${host}.${zone}`;

/** The records that say who answers for a zone; none where somebody else does. */
export function nameServerRecords(inventory: Inventory, { name, keptBy }: Domain): DnsRecord[] {
  if (keptBy !== undefined) return [];
  const ids = nameServers(inventory);
  const source = "edge.nameservers";
  return inventory.hosts
    .filter(({ id }) => ids.includes(id))
    .flatMap((host) => {
      const content = nameIn(name, host.id);
      return [
        { name, type: "NS" as const, content, ttl: LONG_TTL, proxied: false, key: host.id, source },
        ...addressRecords(host, content, source).map((record) => ({ ...record, ttl: LONG_TTL })),
      ];
    });
}

/** By zone that our own servers answer for: to whom it is to be delegated, and the DS record of the zone above it. */
export function delegations(
  inventory: Inventory,
  keys: Keys,
): Record<string, { nameServers: string[]; ds?: string }> {
  const ids = nameServers(inventory);
  const kept = ids.length === 0 ? [] : inventory.domains.filter(({ keptBy }) => keptBy === undefined);
  return Object.fromEntries(
    kept.map(({ name, dnssec }) => [
      name,
      {
        nameServers: ids.map((id) => nameIn(name, id)),
        ...(dnssec ? { ds: zoneKeyOf(name, keys.secret(zoneKeyName(name))).ds } : {}),
      },
    ]),
  );
}

/** Whether a record is one of several addresses of which only those of live edge hosts are to be told. */
export function isLive(inventory: Inventory): (record: DnsRecord) => boolean {
  const names = new Set(edgeNames(inventory).map(({ name }) => name));
  const hosts = new Set(edgeHosts(inventory));
  return ({ name, host }) => host !== undefined && hosts.has(host) && names.has(name);
}
