/** Sender Policy Framework (RFC 7208): who may send mail of a name, and what that costs those who check it. */
import type { Mail } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";

/** Look-ups that a check may cost; receivers refuse mail, and not only bad mail, if it costs more (RFC 7208, 4.6.4). */
export const MOST_LOOKUPS = 10;

const mechanism = (network: string): string => `${network.includes(":") ? "ip6" : "ip4"}:${network}`;

/**
 * The record of a name whose mail comes by some servers: their addresses, which cost no look-up, then others' by address
 * where it is known, and by include where it is not. All else is refused.
 */
export function spfOf({ mailServers, hosts }: Pick<Inventory, "mailServers" | "hosts">, mail: Mail): string {
  const ids = mailServers.filter(({ name }) => mail.servers.includes(name)).map(({ host }) => host);
  const own = hosts
    .filter(({ id }) => ids.includes(id))
    .flatMap(({ address, address6 }) => (address6 === undefined ? [address] : [address, address6]));
  const others = mail.includes.flatMap(({ addresses = [] }) => addresses);
  const includes = mail.includes
    .filter(({ addresses }) => addresses === undefined)
    .map(({ domain }) => `include:${domain}`);
  return ["v=spf1", ...own.map(mechanism), ...others.map(mechanism), ...includes, "-all"].join(" ");
}

/** Look-ups that a check of a name's mail costs, those of others' records included. */
export const lookupsOf = ({ includes }: Mail): number =>
  includes
    .filter(({ addresses }) => addresses === undefined)
    .reduce((sum, { lookups }) => sum + 1 + lookups, 0);
