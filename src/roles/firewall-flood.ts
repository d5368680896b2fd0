/** What one network may ask of services that answer strangers by UDP. */
import type { ListenState } from "../host/state.ts";

/**
 * Questions a second from one network, and how many at once. Far more than one resolver asks of a school's names, far less than
 * makes us worth while as a reflector: whoever forges the sender of a question has the answer sent to a victim.
 */
const LIMIT = "limit rate over 50/second burst 100 packets";

/**
 * Sets and a chain for the table `inet farm`, before the one that lets in what belongs to an earlier packet: forged questions
 * look as if they did. Networks are a /24, of IPv6 a /56, as name servers count them (BIND's rate-limit). Nothing where no port
 * is open to the world by UDP.
 */
export function floodChain(listens: readonly ListenState[]): string {
  const open = listens.filter(({ reach, protocol }) => reach === "world" && protocol === "udp");
  if (open.length === 0) return "";
  const ports = `udp dport { ${[...new Set(open.map(({ port }) => port))].sort((a, b) => a - b).join(", ")} }`;
  const rule = (set: string, network: string) =>
    `    ${ports} update @${set} { ${network} ${LIMIT} } counter name dropped_in drop\n`;
  return `
  set flood4 { type ipv4_addr; size 65535; flags dynamic; timeout 1m; }
  set flood6 { type ipv6_addr; size 65535; flags dynamic; timeout 1m; }

  chain flood {
    type filter hook input priority filter - 10; policy accept;
${rule("flood4", "ip saddr and 255.255.255.0")}${rule("flood6", "ip6 saddr and ffff:ffff:ffff:ff00::")}  }
`;
}
