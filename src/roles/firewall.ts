/** The packet filter: whatever no role of this host declares is dropped on the way in and refused on the way out. */
import { isIPv6 } from "node:net";
import { file, unit } from "../host/entries.ts";
import type { ConnectState, Contribution, ListenState } from "../host/state.ts";
import { hostOf } from "../inventory/load.ts";
import { isHypervisor } from "../inventory/machines.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { calledAt, sourcesOf } from "../inventory/underlay.ts";
import type { Flow } from "../plan/flows.ts";
import { floodChain } from "./firewall-flood.ts";
import { bridgeTable, type GuestTraffic, routerChains } from "./guest-network.ts";
import { MESH_INTERFACE } from "./mesh.ts";

const ROLE = "firewall";
const RULES = "/etc/farm/firewall.nft";
const UNIT = "farm-firewall.service";
const unitPath = `/etc/systemd/system/${UNIT}`;

/** What the rules are made from: the ports and connections of one host, and who else connects to it. */
export interface FirewallInput {
  readonly host: Host;
  readonly inventory: Inventory;
  readonly listens: readonly ListenState[];
  readonly connects: readonly ConnectState[];
  /** Flows whose other end is this host. */
  readonly incoming: readonly Flow[];
  /** Of a Proxmox host: what each of its guests declares. */
  readonly guests: readonly GuestTraffic[];
}

/** What nftables calls the protocol of an address. */
const family = (address: string): string => (isIPv6(address) ? "ip6" : "ip");

const unique = (lines: readonly string[]): string[] => [...new Set(lines)].sort();
const set = (addresses: readonly string[]): string => `{ ${unique(addresses).join(", ")} }`;

/** Rules that let others in: one for each port and way in, with the sources by address and, for people, by name. */
function inputRules({ inventory, host, listens, incoming }: FirewallInput): string[] {
  const rules = listens.flatMap((listen) => {
    if (listen.reach === "local") return [];
    const port = `${listen.protocol} dport ${listen.port}`;
    if (listen.reach === "world") return [`${port} accept comment "${listen.service}: anybody"`];
    return (["mesh", "underlay"] as const).flatMap((via) => {
      const flows = incoming.filter(
        (f) => f.via === via && f.port === listen.port && f.protocol === listen.protocol,
      );
      if (flows.length === 0) return [];
      const sources = flows.map((f) => hostOf(inventory, f.from));
      const addresses = set(
        sources.flatMap((h) => (via === "mesh" ? [h.mesh] : sourcesOf(inventory, h, host))),
      );
      const way = via === "mesh" ? "iifname" : "iifname !=";
      return [`${way} "${MESH_INTERFACE}" ip saddr ${addresses} ${port} accept comment "${listen.service}"`];
    });
  });
  return unique(rules);
}

/** None where the other end is hidden: it calls, and what is sent to it answers. */
function outputRule({ inventory, host }: FirewallInput, connect: ConnectState): string[] {
  const rest = `${connect.protocol} dport ${connect.port} accept comment "${connect.service}"`;
  const { to } = connect;
  if (to.kind === "internet") return [rest];
  if (to.kind === "address") return [`${family(to.address)} daddr ${to.address} ${rest}`];
  const other = hostOf(inventory, to.host);
  if (to.kind === "host") return [`oifname "${MESH_INTERFACE}" ip daddr ${other.mesh} ${rest}`];
  const address = calledAt(host, other);
  return address === undefined ? [] : [`oifname != "${MESH_INTERFACE}" ip daddr ${address} ${rest}`];
}

/**
 * A cloud provider tells every process that asks what the machine was given for its first boot, its SSH host key among
 * that (machines/user-data.ts). Only root may ask.
 */
function metadataRules({ origin }: Host): string[] {
  if (origin.kind !== "droplet" && origin.kind !== "hcloud") return [];
  return [
    `ip daddr 169.254.169.254 meta skuid 0 tcp dport 80 accept comment "the provider's metadata"`,
    "ip daddr 169.254.169.254 counter name refused_out reject with icmpx admin-prohibited",
  ];
}

function ruleset(input: FirewallInput): string {
  const indent = (rules: readonly string[]) => rules.map((rule) => `    ${rule}`).join("\n");
  const connects = unique(input.connects.flatMap((connect) => outputRule(input, connect)));
  const { through, bridge } = betweenGuests(input);
  return `#!/usr/sbin/nft -f
# Loading replaces our own table in one step and leaves other tables alone.
table inet farm
delete table inet farm
table inet farm {
  counter dropped_in { }
  counter refused_out { }
${floodChain(input.listens)}
  chain input {
    type filter hook input priority filter; policy drop;
    iif "lo" accept
    ct state vmap { established : accept, related : accept, invalid : drop }
    icmp type echo-request limit rate 20/second accept
    icmpv6 type echo-request limit rate 20/second accept
${NEIGHBOURS.in}
${indent(inputRules(input))}
    limit rate 1/second burst 5 packets log prefix "farm dropped in: "
    counter name dropped_in
  }
${through}
  chain output {
    type filter hook output priority filter; policy drop;
    oif "lo" accept
    ct state established,related accept
${NEIGHBOURS.out}
    oifname "${MESH_INTERFACE}" icmp type echo-request accept
${indent([...metadataRules(input.host), ...connects])}
    limit rate 1/second burst 5 packets log prefix "farm refused out: "
    counter name refused_out reject with icmpx admin-prohibited
  }
}
${bridge}`;
}

/**
 * What IPv6 needs where IPv4 needs nothing (RFC 4890, 4.4): neighbours, routers of the link, membership in neighbours' groups
 * for switches that listen in, and packets that are too big, which nobody on the way cuts up. Errors of connections are `related`.
 */
const NEIGHBOURS = {
  in: `    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, packet-too-big } accept
    ip6 saddr fe80::/10 icmpv6 type { nd-router-advert, mld-listener-query } accept`,
  out: `    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
    ip6 daddr ff02::16 icmpv6 type mld2-listener-report accept`,
};

const NOTHING_THROUGH = `
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
`;

/** What passes a host, by the chains of our table; and of a Proxmox host the table of its bridge, with how that goes. */
function betweenGuests({ host, inventory, guests }: FirewallInput) {
  if (!isHypervisor(host.origin)) return { through: NOTHING_THROUGH, bridge: "", stop: "" };
  return {
    through: routerChains(inventory, host, guests),
    bridge: bridgeTable(inventory, guests),
    stop: "ExecStop=-/usr/sbin/nft delete table bridge farm\n",
  };
}

/**
 * Of its own beside Debian's nftables.service, whose every stop flushes all tables: also those of others, such as a rule
 * that somebody set by hand before us. When that one is restarted, so is this one, which then puts our table back.
 */
const unitText = (input: FirewallInput): string => `[Unit]
Description=Packet filter of the farm
DefaultDependencies=no
After=nftables.service
PartOf=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f ${RULES}
ExecReload=/usr/sbin/nft -f ${RULES}
ExecStop=-/usr/sbin/nft delete table inet farm
${betweenGuests(input).stop}ProtectSystem=full
ProtectHome=yes

[Install]
WantedBy=sysinit.target
`;

/** The packet filter of one host, derived from what all its other roles declare. */
export function firewall(input: FirewallInput): Contribution {
  return {
    role: ROLE,
    packages: ["nftables"],
    directories: [{ path: "/etc/farm", owner: "root:root", mode: "0755" }],
    files: [
      file(RULES, ruleset(input), { validate: "nft --check -f %s", confirm: true }),
      file(unitPath, unitText(input), { confirm: true }),
    ],
    units: [unit(UNIT, { confirm: true, restartOn: [unitPath], reloadOn: [RULES] })],
    probes: [
      {
        name: "firewall loaded",
        command: "nft list chain inet farm output | grep -q 'policy drop'",
        within: 5,
      },
    ],
  };
}
