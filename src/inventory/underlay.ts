/**
 * How hosts find each other outside the mesh: guests with private addresses are hidden behind their Proxmox host, but for those
 * of another one that is on the same vSwitch.
 */
import { isPrivate } from "./addresses.ts";
import { hostOf } from "./load.ts";
import type { Host, Inventory } from "./schema.ts";

const isPrivateGuest = ({ origin, address }: Host): boolean => origin.kind === "guest" && isPrivate(address);

/**
 * Whether packets between two hosts go over a vSwitch: those between guests with private addresses alone. Whoever has another
 * address would be answered by another way.
 */
export const overVSwitch = (a: Host, b: Host): boolean =>
  a.vSwitch !== undefined &&
  a.vSwitch === b.vSwitch &&
  a.failureDomain !== b.failureDomain &&
  isPrivateGuest(a) &&
  isPrivateGuest(b);

/** Whether `from` can't call `to`: a guest with a private address, seen from beyond its Proxmox host. */
const isHidden = (from: Host, to: Host): boolean =>
  isPrivateGuest(to) && to.failureDomain !== from.failureDomain && !overVSwitch(from, to);

/** Address at which `from` calls `to`; undefined where it has to wait until it is called. */
export const calledAt = (from: Host, to: Host): string | undefined =>
  isHidden(from, to) ? undefined : to.address;

/** Whether `from` has to keep its way to `to` open, since nobody can call it back. */
export const keepsOpen = (from: Host, to: Host): boolean => isHidden(to, from);

/**
 * Addresses from which packets of `sender` come to `receiver`: its own, and that of its Proxmox host where this may have
 * put its own in place of it.
 */
export function sourcesOf(inventory: Inventory, sender: Host, receiver: Host): string[] {
  return isHidden(receiver, sender)
    ? [sender.address, hostOf(inventory, sender.failureDomain).address]
    : [sender.address];
}

/** Two hosts that have declared traffic and are hidden from each other have no way to meet. */
export const cannotMeet = (a: Host, b: Host): boolean => isHidden(a, b) && isHidden(b, a);
