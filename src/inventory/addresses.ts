/** What can be told from an IPv4 address by itself. */
import { BlockList } from "node:net";

/** Whether nobody routes it between sites (RFC 1918). */
export const isPrivate = (address: string): boolean =>
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);

/** The address that an interface has in a network, as `ip address` writes it: 10.90.0.1/24. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

export const written = ({ address, prefixLength }: InterfaceAddress): string => `${address}/${prefixLength}`;

/** Whether an address belongs to the network of an interface. */
export function isIn(address: string, network: InterfaceAddress): boolean {
  const list = new BlockList();
  list.addSubnet(network.address, network.prefixLength);
  return list.check(address);
}
