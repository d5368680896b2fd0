/** What must hold of hosts: where they are, what they stand on, what they cost. */
import { checkCapacity } from "./capacity.ts";
import { doubles } from "./doubles.ts";
import { existsAtProvider, isHypervisor, isVm, mountsOf } from "./machines.ts";
import type { Host, Inventory } from "./schema.ts";

function checkGuest(inventory: Inventory, guest: Host, parentId: string): string[] {
  const parent = inventory.hosts.find((h) => h.id === parentId);
  if (parent === undefined)
    return [`guest ${guest.id} runs on "${parentId}", which is no host; declare it or name another parent`];
  if (!isHypervisor(parent.origin))
    return [
      `guest ${guest.id} runs on ${parent.id}, which is no Proxmox host; give ${parent.id} hypervisor: "proxmox"`,
    ];
  if (parent.site !== guest.site)
    return [
      `guest ${guest.id} is at site ${guest.site}, its parent ${parent.id} at ${parent.site}; a guest is where its parent is`,
    ];
  return [];
}

function checkNumbers(guests: readonly Host[]): string[] {
  const vmid = (h: Host) => (h.origin.kind === "guest" ? `${h.origin.parent} ${h.origin.vmid}` : "");
  return doubles(guests, vmid, (h) => h.id).map(
    ([number, names]) =>
      `guests ${names.join(" and ")} have one number (${number.split(" ")[1]} on ${number.split(" ")[0]}); numbers are unique on a Proxmox host`,
  );
}

/** Mounts are a container's, and each has a place of its own: one below another would hide behind it or hide its files. */
function checkMounts({ id, origin }: Host): string[] {
  const paths = mountsOf(origin).map(({ path }) => path);
  if (isVm(origin) && paths.length > 0)
    return [
      `guest ${id} is a VM and has mounts; a VM has its disk alone: make that larger, or write type: "lxc"`,
    ];
  return paths.flatMap((path, index) =>
    paths
      .slice(index + 1)
      .filter((other) => `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`))
      .map((other) =>
        other === path
          ? `guest ${id} has two mounts at ${path}; give each its own path`
          : `guest ${id} has mounts at ${path} and ${other}, one in the other; give each its own path`,
      ),
  );
}

/** Each machine that we pay for has its price; one in dollars can be added up when the dollar has one too. */
function checkPrice({ dollar }: Inventory, { id, origin, price }: Host): string[] {
  if (origin.kind === "guest")
    return price ? [`guest ${id} has a price, but it is in that of ${origin.parent}; remove it`] : [];
  if (price === undefined)
    return [
      `host ${id} has no price; write what it costs a month: price: { monthly: "4.99 EUR", on: "2026-11-26", source: "invoice" }`,
    ];
  return price.monthly.currency === "USD" && dollar === undefined
    ? [
        `host ${id} is paid in dollars; write what one costs: dollar: { eur: 0.9, on: "2026-11-26", source: "…" }`,
      ]
    : [];
}

/** What exists at a provider has its number, or a second one would be made; what does not has none. */
function checkImports({ hosts, imports }: Inventory): string[] {
  const existing = new Set(hosts.filter((h) => existsAtProvider(h.origin)).map((h) => h.id));
  return [
    ...[...existing]
      .filter((id) => imports[id] === undefined)
      .map(
        (id) =>
          `host ${id} exists at its provider; write its number there: pulumi config set --path 'farms:imports.${id}' NUMBER`,
      ),
    ...Object.keys(imports)
      .filter((id) => !existing.has(id))
      .map(
        (id) =>
          `farms:imports names "${id}", which is not declared as a droplet or Hetzner Cloud server that exists; remove the name, or write exists: true`,
      ),
  ];
}

/** What is wrong with the hosts, as sentences for people. */
export function checkHosts(inventory: Inventory): string[] {
  const sites = new Set(inventory.sites.map((s) => s.id));
  const guests = inventory.hosts.filter((h) => h.origin.kind === "guest");
  return [
    ...inventory.hosts
      .filter((host) => !sites.has(host.site))
      .map((host) => `host ${host.id} is at site "${host.site}", which is not declared in sites`),
    ...guests.flatMap((host) =>
      host.origin.kind === "guest" ? checkGuest(inventory, host, host.origin.parent) : [],
    ),
    ...checkNumbers(guests),
    ...guests.flatMap(checkMounts),
    ...inventory.hosts.flatMap((host) => checkPrice(inventory, host)),
    ...checkImports(inventory),
    ...checkCapacity(inventory),
  ];
}
