/** Zhelezo 1 as its rescue system would tell of it: the forms are those of lsblk 2.38, lspci 3.9 and ip, the figures made up. */
import { hostOf } from "../../../src/inventory/load.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import type { Candidate } from "../../../src/operate/install/installation.ts";
import { labInventory } from "../farms.ts";

export const DISKS: [string, string] = ["ata-ST3000DM001-1CH166_W1F10001", "ata-ST3000DM001-1CH166_W1F10002"];
export const ADDRESS = "10.90.0.10";
export const MAC = "c8:60:00:aa:bb:cc";

/** What differs from a server that is as it should be. */
export interface Change {
  disks?: { name: string; size: number; serial: string; id: string }[];
  controller?: { class: string; device: string; card: string; driver: string };
  nic?: string;
  gateway?: string;
  address?: string;
  prefix?: number;
  /** The bridge that has the address instead of the card. */
  bridge?: string;
  kilobytes?: number;
  firmware?: string;
  kvm?: string;
}

const twoDisks = DISKS.map((id, index) => ({
  name: `sd${"ab"[index]}`,
  size: 3_000_592_982_016,
  serial: id.slice(-8),
  id,
}));
const ahci = {
  class: "SATA controller",
  device: "C600/X79 series chipset 6-Port SATA AHCI Controller",
  card: "",
  driver: "ahci",
};

export function surveyText(change: Change = {}): string {
  const disks = change.disks ?? twoDisks;
  const controller = change.controller ?? ahci;
  const device = change.bridge ?? "eth0";
  const blockdevices = [
    ...disks.map(({ name, size, serial }) => ({
      name,
      size,
      serial,
      model: "ST3000DM001-1CH166",
      type: "disk",
    })),
    { name: "loop0", size: 4096, serial: null, model: null, type: "loop" },
  ];
  return `== disks
${JSON.stringify({ blockdevices }, null, 3)}
== ids
${disks.map(({ id, name }) => `${id} ${name}\nwwn-0x5000c500${name} ${name}\n${id}-part1 ${name}1`).join("\n")}
== paths
${disks.map(({ name }, index) => `${name} /sys/devices/pci0000:00/0000:00:1f.2/ata${index + 1}/host${index}/target0:0:0/0:0:0:0`).join("\n")}
== pci
Slot:\t0000:00:1f.2
Class:\t${controller.class}
Vendor:\tIntel Corporation
Device:\t${controller.device}
SDevice:\t${controller.card}
Driver:\t${controller.driver}
Module:\t${controller.driver}

Slot:\t0000:00:19.0
Class:\tEthernet controller
Vendor:\tIntel Corporation
Device:\t${change.nic ?? "82579LM Gigabit Network Connection (Lewisville)"}
Driver:\te1000e
Module:\te1000e

== nics
eth0 0000:00:19.0 ${MAC} ${change.bridge ?? ""}
== routes
${JSON.stringify([{ dst: "default", gateway: change.gateway ?? "10.90.0.1", dev: device, flags: [] }])}
== addresses
${JSON.stringify([
  { ifname: "lo", addr_info: [{ family: "inet", local: "127.0.0.1", prefixlen: 8 }] },
  {
    ifname: device,
    addr_info: [{ family: "inet", local: change.address ?? ADDRESS, prefixlen: change.prefix ?? 26 }],
  },
])}
== memory
${change.kilobytes ?? 65_700_000}
== firmware
${change.firmware ?? "BIOS"}
== kvm
${change.kvm ?? "yes"}
== end
`;
}

/** The lab whose Zhelezo 1 has this address and these disks, or none that are known. */
export function lab(disks: [string, string] | "unknown" = DISKS): Inventory {
  return labInventory((farm, settings) => {
    Object.assign(settings.addresses as object, { zhelezo1: ADDRESS });
    const host = farm.hosts.find(({ id }) => id === "zhelezo1")!;
    if (host.origin.kind === "dedicated")
      host.origin.hardware = { nic: "82579LM", ...(disks === "unknown" ? {} : { disks }) };
  });
}

export function zhelezo(inventory: Inventory): Candidate {
  const host = hostOf(inventory, "zhelezo1");
  return { host, hardware: { nic: "82579LM", disks: DISKS } };
}
