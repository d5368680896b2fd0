/** What must hold of vSwitches, by which Proxmox hosts route their guests' networks to each other. */
import { isPrivate, networkOf, overlap, written } from "./addresses.ts";
import { isHypervisor, vSwitchOf } from "./machines.ts";
import type { Host, Inventory, StackConfig } from "./schema.ts";

/** Hosts that are on a vSwitch themselves. */
export const vSwitchMembers = ({ hosts }: Pick<Inventory, "hosts">): Host[] =>
  hosts.filter(({ origin }) => vSwitchOf(origin) !== undefined);

function checkMember({ id, origin, vSwitch, vSwitchAddress }: Host): string[] {
  if (!isHypervisor(origin))
    return [
      `host ${id} is on a vSwitch and is no Proxmox host; only guests' networks are routed there: remove vSwitch, or give it hypervisor: "proxmox"`,
    ];
  if (vSwitchAddress === undefined)
    return [
      `host ${id} is on vSwitch ${vSwitch} and has no address there; write one: pulumi config set --path 'farms:vSwitchAddresses.${id}' 10.99.0.1/24`,
    ];
  return isPrivate(vSwitchAddress.address)
    ? []
    : [
        `host ${id} has ${written(vSwitchAddress)} on vSwitch ${vSwitch}, which is not private; write one such as 10.99.0.1/24`,
      ];
}

/** Two items of a list at a time. */
const pairs = <T>(items: readonly T[]): [T, T][] =>
  items.flatMap((one, index) => items.slice(index + 1).map((other): [T, T] => [one, other]));

/** Members are neighbours: each has its own address in one network. */
function checkNeighbours(vlan: number, members: readonly Host[]): string[] {
  return pairs(members).flatMap(([one, other]) => {
    const [a, b] = [one.vSwitchAddress, other.vSwitchAddress];
    if (a === undefined || b === undefined) return [];
    if (networkOf(a) !== networkOf(b))
      return [
        `hosts ${one.id} and ${other.id} are on vSwitch ${vlan} with ${written(a)} and ${written(b)}; give them addresses of one network`,
      ];
    return a.address === b.address
      ? [
          `hosts ${one.id} and ${other.id} have one address on vSwitch ${vlan}, ${a.address}; give each its own`,
        ]
      : [];
  });
}

/** What is routed there: an address in two networks could not be found. */
function checkNetworks(vlan: number, members: readonly Host[]): string[] {
  const networks = [
    { name: `vSwitch ${vlan}`, network: members[0]?.vSwitchAddress },
    ...members.map(({ id, guestNetwork }) => ({ name: `the guests of ${id}`, network: guestNetwork })),
  ];
  return pairs(networks).flatMap(([one, other]) =>
    one.network && other.network && overlap(one.network, other.network)
      ? [
          `the networks of ${one.name}, ${written(one.network)}, and of ${other.name}, ${written(other.network)}, overlap, and are joined by vSwitch ${vlan}; give each a range of its own`,
        ]
      : [],
  );
}

/** What is wrong with vSwitches, as sentences for people. */
export function checkVSwitches(inventory: Inventory, config: StackConfig): string[] {
  const members = vSwitchMembers(inventory);
  const known = new Set(members.map(({ id }) => id));
  const joined = Map.groupBy(members, ({ vSwitch }) => vSwitch ?? 0);
  return [
    ...Object.keys(config.vSwitchAddresses)
      .filter((name) => !known.has(name))
      .map(
        (name) =>
          `farms:vSwitchAddresses names "${name}", which is not declared on a vSwitch; remove the name, or write vSwitch: 4000 in its origin`,
      ),
    ...members.flatMap(checkMember),
    ...[...joined].flatMap(([vlan, hosts]) => [
      ...checkNeighbours(vlan, hosts),
      ...checkNetworks(vlan, hosts),
    ]),
  ];
}
