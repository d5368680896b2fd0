/** What must hold of the networks in which guests stand on their Proxmox hosts. */
import { type InterfaceAddress, isIn, isPrivate, written } from "./addresses.ts";
import { guestsOf } from "./capacity.ts";
import { isHypervisor } from "./machines.ts";
import type { Host, Inventory, StackConfig } from "./schema.ts";

function checkGuest(guest: Host, parent: string, network: InterfaceAddress): string[] {
  const { id, address } = guest;
  if (address === network.address)
    return [
      `guest ${id} and the network of guests of ${parent} have one address, ${address}; give each its own`,
    ];
  if (isPrivate(address) && !isIn(address, network))
    return [
      `guest ${id} has the private address ${address}, which is not in the network of guests of ${parent}, ${written(network)}; give it one from there`,
    ];
  return [];
}

function checkNetwork(inventory: Inventory, { id, guestNetwork }: Host): string[] {
  const guests = guestsOf(inventory, id);
  if (guests.length === 0) return [];
  if (guestNetwork === undefined)
    return [
      `Proxmox host ${id} has guests and no network for them; write its own address there: pulumi config set --path 'farms:guestNetworks.${id}' 10.90.0.1/24`,
    ];
  if (!isPrivate(guestNetwork.address))
    return [
      `the network of guests of ${id} is ${written(guestNetwork)}, which is not private; write one such as 10.90.0.1/24`,
    ];
  return guests.flatMap((guest) => checkGuest(guest, id, guestNetwork));
}

/** What is wrong with the networks of guests, as sentences for people. */
export function checkGuestNetworks(inventory: Inventory, config: StackConfig): string[] {
  const hypervisors = inventory.hosts.filter(({ origin }) => isHypervisor(origin));
  const known = new Set(hypervisors.map(({ id }) => id));
  return [
    ...Object.keys(config.guestNetworks)
      .filter((name) => !known.has(name))
      .map((name) => `farms:guestNetworks names "${name}", which is no Proxmox host; remove the name`),
    ...hypervisors.flatMap((host) => checkNetwork(inventory, host)),
  ];
}
