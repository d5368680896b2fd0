/** What can be told from an address by itself. */
import { BlockList, isIPv6, SocketAddress } from "node:net";

/** Whether nobody routes it between sites (RFC 1918). */
export const isPrivate = (address: string): boolean =>
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);

/** An IPv6 address in its one short form (RFC 5952), by which two can be compared. The text is known to be one. */
export const canonical6 = (address: string): string => new SocketAddress({ address, family: "ipv6" }).address;

/** Whether an IPv6 address, in its short form, is one that nobody routes between sites (RFC 4193, fc00::/7). */
export const isUniqueLocal = (address: string): boolean => /^f[cd]/.test(address);

/** The address that an interface has in a network, as `ip address` writes it: 10.90.0.1/24. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

export const written = ({ address, prefixLength }: InterfaceAddress): string => `${address}/${prefixLength}`;

/** An IPv4 address as the number that it is. */
export const toNumber = (ipv4: string): number =>
  ipv4.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);

/** The IPv4 address that is a number. */
export const toIpv4 = (number: number): string =>
  [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");

/** The network of an interface with an IPv4 address, as `ip route` takes it: 10.90.0.0/24. */
export function networkOf({ address, prefixLength }: InterfaceAddress): string {
  const number = toNumber(address);
  return `${toIpv4(number - (number % 2 ** (32 - prefixLength)))}/${prefixLength}`;
}

/** Whether the networks of two interfaces have an address in common. */
export const overlap = (one: InterfaceAddress, other: InterfaceAddress): boolean =>
  isIn(one.address, other) || isIn(other.address, one);

/** Whether an address belongs to the network of an interface. */
export function isIn(address: string, network: InterfaceAddress): boolean {
  const family = isIPv6(network.address) ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(network.address, network.prefixLength, family);
  return isIPv6(address) === (family === "ipv6") && list.check(address, family);
}

/** A MAC address that is administered locally (RFC 8948: 02), made of an IPv4 address: no two have one. */
export function macOf(ipv4: string): string {
  const bytes = [0x02, 0xfa, ...ipv4.split(".").map(Number)];
  return bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(":");
}

/** The address of its link that an interface gives itself by its MAC address (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): string {
  const [first = 0, ...rest] = mac.split(":").map((byte) => Number.parseInt(byte, 16));
  const bytes = [first ^ 0x02, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const groups =
    bytes
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("")
      .match(/.{4}/g) ?? [];
  return canonical6(`fe80::${groups.join(":")}`);
}
