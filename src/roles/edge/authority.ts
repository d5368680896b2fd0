/**
 * The farm's own authority for certificates, and that of each edge host below it. The farm's key is on no host: whoever
 * becomes root on an edge host can sign the names that are served there, until the day that the inventory says.
 */
import { type Authority, authorityCertificate } from "../../certificates/authority.ts";
import { edgeNames } from "../../dns/edge.ts";
import { isWithin } from "../../dns/record.ts";
import { AUTHORITY_DAYS, edgeHosts } from "../../inventory/domains.ts";
import type { Inventory } from "../../inventory/schema.ts";
import type { Keys } from "../../plan/keys.ts";

/** Name of the secret that is the key of the farm's authority. */
export const FARM_AUTHORITY = "authority";
/** Name of the secret that is the key of an edge host's authority. */
export const hostAuthority = (host: string): string => `host-authority/${host}`;

/** Days of an edge's certificate that are left when somebody has to look: renewal, at 30, has failed for two weeks. */
export const LEAST_DAYS = 14;
/** Days of a host's authority that are left when a later end has to be declared. */
export const AUTHORITY_LEAST_DAYS = 60;

/** A name that nobody can have (RFC 6761, 6.4), for an edge without names: an authority without limits could sign all. */
const NO_NAME = "invalid";
const orNone = (names: readonly string[]): readonly string[] => (names.length > 0 ? names : [NO_NAME]);

/** All names that the edge answers for, once each, in order. */
export const servedNames = (inventory: Inventory): string[] =>
  [...new Set(edgeNames(inventory).map(({ name }) => name))].sort();

/** The zones that the farm keeps; of others only the names that it serves there. */
function farmNames(inventory: Inventory): string[] {
  const zones = inventory.domains.filter(({ keptBy }) => keptBy === undefined).map(({ name }) => name);
  const elsewhere = servedNames(inventory).filter((name) => !zones.some((zone) => isWithin(name, zone)));
  return [...zones, ...elsewhere].sort();
}

const farmAuthority = ({ stack }: Inventory, keys: Keys): Authority => ({
  name: `${stack} authority ${keys.generation(FARM_AUTHORITY)}`,
  privateKey: keys.secret(FARM_AUTHORITY),
});

/** The certificate that people trust who use the farm's names: PEM. Undefined where no host of ours is the edge. */
export function farmCertificate(inventory: Inventory, keys: Keys): string | undefined {
  if (edgeHosts(inventory).length === 0) return undefined;
  const authority = farmAuthority(inventory, keys);
  const names = orNone(farmNames(inventory));
  return authorityCertificate(authority, authority, {
    ...{ names, from: AUTHORITY_DAYS.first, until: AUTHORITY_DAYS.last, depth: 1 },
  });
}

/** The certificate by which the farm vouches for what an edge host signs: PEM. Throws for a host that is none. */
export function hostCertificate(inventory: Inventory, keys: Keys, host: string): string {
  const { edge } = inventory;
  if (edge.kind !== "hosts") throw new Error(`${host} is no host of the edge`);
  const name = hostAuthority(host);
  const authority = { name: `${host} authority ${keys.generation(name)}`, privateKey: keys.secret(name) };
  const names = orNone(servedNames(inventory));
  return authorityCertificate(authority, farmAuthority(inventory, keys), {
    ...{ names, from: AUTHORITY_DAYS.first, until: edge.authority.until, depth: 0 },
  });
}
