/**
 * The network of a Proxmox host's guests: a bridge that no outside interface is part of, so that no guest's MAC address is
 * ever seen outside (Hetzner shuts servers off for that), and the host in between as router and packet filter. What a
 * guest may send is decided here a second time: whoever becomes root in a guest can remove the guest's own filter.
 */
import { isIPv6 } from "node:net";
import { file, unit } from "../host/entries.ts";
import type { ConnectState, Contribution } from "../host/state.ts";
import { isPrivate, linkLocalOf, macOf, written } from "../inventory/addresses.ts";
import { guestsOf } from "../inventory/capacity.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { calledAt, overVSwitch, sourcesOf } from "../inventory/underlay.ts";
import type { Flow } from "../plan/flows.ts";

/** Proxmox VE's installer makes it with the outside interface in it. */
export const OUTSIDE_BRIDGE = "vmbr0";
export const GUEST_BRIDGE = "vmbr1";

/** The interface of a Proxmox host on its vSwitch: the VLAN on the outside bridge, which has the network card's own MAC address. */
export const vSwitchInterface = ({ vSwitch }: Host): string => `${OUTSIDE_BRIDGE}.${vSwitch}`;

/** What one guest declares of its traffic. */
export interface GuestTraffic {
  readonly guest: Host;
  readonly connects: readonly ConnectState[];
  /** Ports that are open to the world. */
  readonly world: readonly { readonly protocol: "tcp" | "udp"; readonly port: number }[];
  /** Flows of the underlay whose other end is this guest. */
  readonly incoming: readonly Flow[];
}

/** Proxmox VE's names for a guest's first interface on the host: of a container, of a virtual machine. */
function interfacesOf({ origin }: Host): string {
  const number = origin.kind === "guest" ? origin.vmid : "";
  return `{ "veth${number}i0", "tap${number}i0" }`;
}

/** The MAC address of a guest's interface. It is known beforehand, and so is the address that the guest has on its link. */
export const guestMac = ({ mesh }: Host): string => macOf(mesh);

const isBeside = (a: Host, b: Host): boolean => a.failureDomain === b.failureDomain;

/** Where one connection of a guest leads beyond its Proxmox host; undefined where it does not leave. */
function destinationOf(inventory: Inventory, guest: Host, { to }: ConnectState): string | undefined {
  if (to.kind === "internet") return "";
  if (to.kind === "address") return `ip daddr ${to.address} `;
  if (to.kind === "host") return undefined;
  const other = hostOf(inventory, to.host);
  const address = isBeside(guest, other) ? undefined : calledAt(guest, other);
  return address === undefined ? undefined : `ip daddr ${address} `;
}

/**
 * Whatever leads to one host goes by IPv4, to one address by the protocol of that; only what may go anywhere goes by both.
 */
function outward(inventory: Inventory, { guest, connects }: GuestTraffic): string[] {
  return connects.flatMap((connect) => {
    const { to } = connect;
    const rest = `${connect.protocol} dport ${connect.port} accept comment "${guest.id}: ${connect.service}"`;
    if (to.kind === "address" && isIPv6(to.address))
      return guest.address6 === undefined
        ? []
        : [`ip6 saddr ${guest.address6} ip6 daddr ${to.address} ${rest}`];
    const destination = destinationOf(inventory, guest, connect);
    return [
      ...(destination === undefined ? [] : [`ip saddr ${guest.address} ${destination}${rest}`]),
      ...(guest.address6 !== undefined && to.kind === "internet"
        ? [`ip6 saddr ${guest.address6} ${rest}`]
        : []),
    ];
  });
}

/** The ways to a guest that others can call: its IPv6 address, and one that is not private; nobody beyond its host calls that. */
function calledBy({ address, address6 }: Host): string[] {
  const all = [
    ...(isPrivate(address) ? [] : [`ip daddr ${address}`]),
    ...(address6 === undefined ? [] : [`ip6 daddr ${address6}`]),
  ];
  return all.map((to) => `oifname "${GUEST_BRIDGE}" ${to}`);
}

/** Ways in to a guest: its ports that are open to the world, and what hosts that can call it from beyond its own have declared. */
function inward(inventory: Inventory, { guest, world, incoming }: GuestTraffic): string[] {
  const to = `oifname "${GUEST_BRIDGE}" ip daddr ${guest.address}`;
  return [
    ...calledBy(guest).flatMap((way) =>
      world.map(({ protocol, port }) => `${way} ${protocol} dport ${port} accept comment "${guest.id}"`),
    ),
    ...incoming
      .map((flow) => ({ flow, sender: hostOf(inventory, flow.from) }))
      .filter(({ sender }) => !isBeside(guest, sender) && calledAt(sender, guest) !== undefined)
      .map(({ flow, sender }) => {
        const from = overVSwitch(sender, guest) ? `iifname "${vSwitchInterface(guest)}" ` : "";
        return `${from}${to} ip saddr { ${sourcesOf(inventory, sender, guest).join(", ")} } ${flow.protocol} dport ${flow.port} accept comment "${guest.id}: ${flow.service}"`;
      }),
  ];
}

/** Where nothing is translated: among the guests, and on the way to those behind the same vSwitch. */
const inside = (host: Host): string =>
  host.vSwitch === undefined ? `"${GUEST_BRIDGE}"` : `{ "${GUEST_BRIDGE}", "${vSwitchInterface(host)}" }`;

const unique = (rules: readonly string[]): string[] => [...new Set(rules)].sort();
const lines = (rules: readonly string[], indent: string): string =>
  rules.map((rule) => `${indent}${rule}\n`).join("");

/** Rules of the host's forward chain and a chain for what leaves under its own address, for its table `inet farm`. */
export function routerChains(inventory: Inventory, host: Host, guests: readonly GuestTraffic[]): string {
  const ways = guests.flatMap((traffic) => [
    ...outward(inventory, traffic).map(
      (rule) => `iifname "${GUEST_BRIDGE}" oifname != "${GUEST_BRIDGE}" ${rule}`,
    ),
    ...inward(inventory, traffic),
    // The host routes between guests in two networks, and some kernels show it what passes a bridge.
    ...between(inventory, traffic).map(
      (rule) => `iifname "${GUEST_BRIDGE}" oifname "${GUEST_BRIDGE}" ${rule}`,
    ),
  ]);
  const network = host.guestNetwork && written(host.guestNetwork);
  const out = network
    ? [`iifname "${GUEST_BRIDGE}" oifname != ${inside(host)} ip saddr ${network} masquerade`]
    : [];
  return `
  counter refused_through { }

  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
${lines(unique(ways), "    ")}    limit rate 1/second burst 5 packets log prefix "farm refused through: "
    counter name refused_through reject with icmpx admin-prohibited
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${lines(out, "    ")}  }
`;
}

/** A flow between two guests of one host, there and back: frames that pass a bridge are looked at one by one. */
function between(inventory: Inventory, { guest, incoming }: GuestTraffic): string[] {
  return incoming.flatMap(({ from, protocol, port }) => {
    const sender = hostOf(inventory, from);
    if (!isBeside(guest, sender) || sender.origin.kind !== "guest") return [];
    const answers = protocol === "tcp" ? " tcp flags & (syn | ack) != syn" : "";
    return [
      `ip saddr ${sender.address} ip daddr ${guest.address} ${protocol} dport ${port} accept`,
      `ip saddr ${guest.address} ip daddr ${sender.address} ${protocol} sport ${port}${answers} accept`,
    ];
  });
}

/**
 * What a guest may not send, in IPv6: under another address than its own and that of its link (a look whether somebody
 * has it already, from `::`, is not needed: nobody can), as a router, and as the neighbour that another one is.
 */
function notAs6(guest: Host, address6: string): string[] {
  const own = `{ ${address6}, ${linkLocalOf(guestMac(guest))} }`;
  return [
    `ip6 saddr != ${own} drop`,
    "icmpv6 type { nd-router-advert, nd-redirect } drop",
    `icmpv6 type nd-neighbor-advert icmpv6 taddr != ${own} drop`,
  ];
}

/**
 * What a guest may not send: under another address than its own, of each kind. Its MAC address is not asked for: guests of
 * a farm that is there have others until their turn to be changed comes.
 */
function notAs(guest: Host): string[] {
  const { address, address6 } = guest;
  return [
    `ether type != { arp, ip${address6 === undefined ? "" : ", ip6"} } drop`,
    `arp saddr ip != ${address} drop`,
    `ip saddr != ${address} drop`,
    ...(address6 === undefined ? [] : notAs6(guest, address6)),
  ];
}

/**
 * The table by which guests of one host reach each other as declared, each under its own address alone. Between themselves
 * they use IPv4, so nothing of IPv6 is passed on: each finds its host as its neighbour, and no other guest.
 */
export function bridgeTable(inventory: Inventory, guests: readonly GuestTraffic[]): string {
  const own = guests.flatMap(({ guest }) =>
    notAs(guest).map((rule) => `iifname ${interfacesOf(guest)} ${rule}`),
  );
  const flows = unique(guests.flatMap((traffic) => between(inventory, traffic)));
  return `
table bridge farm
delete table bridge farm
table bridge farm {
  chain prerouting {
    type filter hook prerouting priority filter; policy accept;
${lines(own, "    ")}  }

  chain forward {
    type filter hook forward priority filter; policy drop;
    ether type arp accept
${lines(flows, "    ")}  }
}
`;
}

const FOLDER = "/etc/systemd/network";
const NETDEV = `${FOLDER}/60-farm-guests.netdev`;
const NETWORK = `${FOLDER}/60-farm-guests.network`;
const SETTINGS = "/etc/systemd/networkd.conf.d/60-farm.conf";

/**
 * Guests with an address that is routed to the host (an additional IPv4) have a route of their own. Everything is set as
 * soon as the first guest is on the bridge: until then it has no carrier. Neighbours in IPv6 need an address of the link.
 */
function network(inventory: Inventory, { id, guestNetwork, guestNetwork6 }: Host): string {
  const routed = guestsOf(inventory, id).filter(({ address }) => !isPrivate(address));
  const own = [guestNetwork, guestNetwork6].filter((each) => each !== undefined);
  const routes = routed.map(({ address }) => `\n[Route]\nDestination=${address}/32\nScope=link\n`);
  return `[Match]
Name=${GUEST_BRIDGE}

[Link]
RequiredForOnline=no

[Network]
${own.map((each) => `Address=${written(each)}\n`).join("")}LinkLocalAddressing=${guestNetwork6 ? "ipv6" : "no"}
IPv6AcceptRA=no
ConfigureWithoutCarrier=no
${routes.join("")}`;
}

/** The bridge, and the host as its router. Proxmox VE's ifupdown2 keeps all other interfaces: networkd has this one alone. */
export function guestNetwork(inventory: Inventory, host: Host): Contribution {
  return {
    role: "guest network",
    directories: [{ path: "/etc/systemd/networkd.conf.d", owner: "root:root", mode: "0755" }],
    files: [
      file(NETDEV, `[NetDev]\nName=${GUEST_BRIDGE}\nKind=bridge\n\n[Bridge]\nSTP=no\nForwardDelaySec=0\n`),
      file(NETWORK, network(inventory, host)),
      // Routes and rules that others have set, such as ifupdown2, are none of networkd's business.
      file(SETTINGS, "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"),
    ],
    sysctls: [
      { key: "net.ipv4.ip_forward", value: "1" },
      ...(host.guestNetwork6 ? [{ key: "net.ipv6.conf.all.forwarding", value: "1" }] : []),
    ],
    units: [
      unit("systemd-networkd.service", { reloadOn: [NETDEV, NETWORK], restartOn: [SETTINGS] }),
      // It would wait for interfaces that networkd does not have here.
      unit("systemd-networkd-wait-online.service", { state: "masked", enabled: false }),
    ],
    probes: [
      {
        name: "guests' bridge has no outside interface",
        command: `for port in /sys/class/net/${GUEST_BRIDGE}/brif/*; do case \${port##*/} in '*' | veth* | tap* | fwpr*) ;; *) echo "\${port##*/} is part of ${GUEST_BRIDGE}"; exit 1 ;; esac; done; test -e /sys/class/net/${GUEST_BRIDGE}/bridge || { echo "there is no bridge ${GUEST_BRIDGE}"; exit 1; }`,
        within: 10,
      },
    ],
  };
}
