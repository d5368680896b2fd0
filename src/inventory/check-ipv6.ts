/** What must hold of IPv6 addresses. Nothing translates them: what a host has is what the world sees. */
import { isIn, isPrivate, isUniqueLocal, written } from "./addresses.ts";
import { guestsOf } from "./capacity.ts";
import { doubles } from "./doubles.ts";
import { isHypervisor } from "./machines.ts";
import type { Host, Inventory, StackConfig } from "./schema.ts";

function checkNames({ hosts }: Inventory, config: StackConfig): string[] {
  const known = new Set(hosts.map(({ id }) => id));
  const hypervisors = new Set(hosts.filter(({ origin }) => isHypervisor(origin)).map(({ id }) => id));
  return [
    ...Object.keys(config.addresses6)
      .filter((name) => !known.has(name))
      .map((name) => `farms:addresses6 has an address for "${name}", which is no host; remove it`),
    ...Object.keys(config.guestNetworks6)
      .filter((name) => !hypervisors.has(name))
      .map((name) => `farms:guestNetworks6 names "${name}", which is no Proxmox host; remove the name`),
  ];
}

function checkDoubles({ hosts }: Inventory): string[] {
  const all = hosts.flatMap(({ id, address6, guestNetwork6 }) => [
    ...(address6 ? [{ address: address6, owner: `host ${id}` }] : []),
    ...(guestNetwork6 ? [{ address: guestNetwork6.address, owner: `the network of guests of ${id}` }] : []),
  ]);
  return doubles(
    all,
    ({ address }) => address,
    ({ owner }) => owner,
  ).map(([address, owners]) => `${owners.join(" and ")} have one address, ${address}; give each its own`);
}

/** Two hosts can't both have a network routed to them. */
function checkNetworks({ hosts }: Inventory): string[] {
  const networks = hosts.flatMap(({ id, guestNetwork6 }) =>
    guestNetwork6 ? [{ id, ...guestNetwork6 }] : [],
  );
  return networks.flatMap((network, index) =>
    networks
      .slice(index + 1)
      .filter(({ address }) => isIn(address, network))
      .map(
        ({ id }) =>
          `farms:guestNetworks6 gives ${network.id} and ${id} one network; a provider routes each of them its own`,
      ),
  );
}

/** A guest's address is routed to its Proxmox host, which is its way out. */
function checkGuest({ id, address6 }: Host, { id: parent, guestNetwork6 }: Host): string[] {
  if (address6 === undefined) return [];
  if (guestNetwork6 === undefined)
    return [
      `guest ${id} has the IPv6 address ${address6}, and ${parent} no network for it; write the address of ${parent} in the network that is routed to it: pulumi config set --path 'farms:guestNetworks6.${parent}' 2001:db8:0:1::1/64`,
    ];
  return isIn(address6, guestNetwork6)
    ? []
    : [
        `guest ${id} has ${address6}, which is not in the IPv6 network of guests of ${parent}, ${written(guestNetwork6)}; give it one from there`,
      ];
}

/** Who reaches the world by a public IPv4 address would send from a private IPv6 one what nobody answers. */
function checkKind(where: string, address: string | undefined, outside: Host): string[] {
  if (address === undefined || !isUniqueLocal(address) || isPrivate(outside.address)) return [];
  return [
    `${where} is ${address}, which nobody routes (RFC 4193), and IPv6 is not translated; write one of those that the provider gave ${outside.id}, or none`,
  ];
}

function checkHypervisor(inventory: Inventory, host: Host): string[] {
  const { id, address6, guestNetwork6 } = host;
  const noWayOut = guestNetwork6 !== undefined && address6 === undefined;
  return [
    ...(noWayOut
      ? [
          `Proxmox host ${id} has an IPv6 network for guests and no IPv6 address itself, so no way out; write one: pulumi config set --path 'farms:addresses6.${id}' 2001:db8::2`,
        ]
      : []),
    ...checkKind(`the IPv6 network of guests of ${id}`, guestNetwork6?.address, host),
    ...guestsOf(inventory, id).flatMap((guest) => checkGuest(guest, host)),
  ];
}

/** What is wrong with IPv6 addresses and networks, as sentences for people. */
export function checkIpv6(inventory: Inventory, config: StackConfig): string[] {
  const { hosts } = inventory;
  return [
    ...checkNames(inventory, config),
    ...checkDoubles(inventory),
    ...checkNetworks(inventory),
    ...hosts
      .filter(({ origin }) => origin.kind !== "guest")
      .flatMap((host) => checkKind(`the IPv6 address of ${host.id}`, host.address6, host)),
    ...hosts.filter(({ origin }) => isHypervisor(origin)).flatMap((host) => checkHypervisor(inventory, host)),
  ];
}
