/**
 * What Proxmox's unattended installer is told: its answer file (pve.proxmox.com/wiki/Automated_Installation; the words with
 * dashes are of 8.4 and later, `interface-name-pinning` of 9.1 and later).
 */
import { arcLimit } from "../../inventory/capacity.ts";
import type { Host, Inventory } from "../../inventory/schema.ts";
import { administratorKeys } from "../user-data.ts";

/**
 * What the installer sees of the two disks. It runs in a virtual machine that has these two and no other, so it can't take a
 * wrong one.
 */
export const SEEN_DISKS = ["vda", "vdb"] as const;
/** How the network card is called, whatever its place on the bus makes the kernel think: Proxmox's own name for the first. */
export const NIC = "nic0";
/** Hetzner's resolvers (docs.hetzner.com/dns-console/dns/general/recursive-name-servers). */
const RESOLVER = "185.12.64.1";

/** What only the server itself, or chance, can tell. */
export interface AnswerFacts {
  /** Address with the length of its network's prefix. */
  readonly cidr: string;
  readonly gateway: string;
  /** Of the network card with that address: aa:bb:cc:dd:ee:ff. */
  readonly mac: string;
  /** Root's password as crypt(5) has it. */
  readonly passwordHash: string;
}

type Value = string | boolean | number | readonly string[];

/** A name in the range that is kept for private use (ICANN, 2024): what is public is declared elsewhere. */
export const nameOf = (host: Host, { stack }: Inventory): string => `${host.id}.${stack}.internal`;

/** MiB: Proxmox's installer takes whole ones. */
export const arcMebibytes = (host: Host): number => Math.floor(arcLimit(host.memory) / 2 ** 20);

/** A table of TOML. A JSON string is a TOML string too, but for the character U+007F, which none of ours has (toml.io, "String"). */
const table = (name: string, entries: Readonly<Record<string, Value>>): string =>
  [`[${name}]`, ...Object.entries(entries).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join(
    "\n",
  );

/**
 * The answer file of a host. It has the hash of a password: whoever passes it on keeps it a secret.
 *
 * The installer's network card is a virtual one with the real one's MAC address. It writes the card's name by that address
 * (a .link file of systemd), so the name holds on the real hardware as well: without it the server would come up with a
 * network for a card that it does not have.
 */
export function answerFile(host: Host, inventory: Inventory, facts: AnswerFacts): string {
  const site = inventory.sites.find((each) => each.id === host.site);
  const name = nameOf(host, inventory);
  return `${[
    table("global", {
      keyboard: "en-us",
      country: (site?.country ?? "DE").toLowerCase(),
      fqdn: name,
      mailto: `root@${name}`,
      timezone: "UTC",
      "root-password-hashed": facts.passwordHash,
      "root-ssh-keys": administratorKeys(inventory),
      // How its end is known: it powers off after a success alone.
      "reboot-mode": "power-off",
    }),
    table("network", {
      source: "from-answer",
      cidr: facts.cidr,
      gateway: facts.gateway,
      dns: inventory.nameservers[0] ?? RESOLVER,
      // udev writes the address without colons, behind "enx".
      "filter.ID_NET_NAME_MAC": `*${facts.mac.replaceAll(":", "")}`,
    }),
    table("network.interface-name-pinning", { enabled: true }),
    table("network.interface-name-pinning.mapping", { [JSON.stringify(facts.mac)]: NIC }),
    table("disk-setup", {
      filesystem: "zfs",
      "zfs.raid": "raid1",
      "zfs.compress": "on",
      "zfs.arc-max": arcMebibytes(host),
      "disk-list": SEEN_DISKS,
    }),
    // Before the network, so before anybody can meet the server with a key that it made for itself.
    table("first-boot", { source: "from-iso", ordering: "before-network" }),
  ].join("\n\n")}\n`;
}
