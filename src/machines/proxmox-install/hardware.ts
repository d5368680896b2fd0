/** Whether a server is made of what is declared: asked before anything is written to its disks. */
import { BlockList } from "node:net";
import type { Hardware } from "../../inventory/hardware.ts";
import type { Host } from "../../inventory/schema.ts";
import { type Disk, type PciDevice, type Survey, uplinkOf } from "./survey.ts";

/** Part by which a disk's size may differ from the declared: makers' sizes of one class differ by less than this. */
const SIZE_TOLERANCE = 0.01;
/** Part of the declared memory that the kernel must be able to use; the board and the kernel itself keep some per cent. */
const MEMORY_SHARE = 0.95;
/** Drivers of controllers on the board that may call themselves RAID controllers and yet show each disk as it is. */
const PLAIN_DRIVERS = ["ahci", "isci", "nvme", "vmd"];

const inTerabytes = (bytes: number): string => `${(bytes / 1e12).toFixed(2)} TB`;
const inGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

const isRaidController = (device: PciDevice): boolean =>
  /RAID bus controller/i.test(device.class) && !PLAIN_DRIVERS.includes(device.driver);

const has = (device: PciDevice | undefined, model: string): boolean =>
  device?.model.toLowerCase().includes(model.toLowerCase()) ?? false;

/** The name under /dev/disk/by-id that a person knows a disk by: with its model and serial number, if it has such a one. */
const nameOf = ({ ids, name }: Disk): string => ids.find((id) => !id.startsWith("wwn-")) ?? ids[0] ?? name;

const controllerOf = (survey: Survey, disk: Disk): PciDevice | undefined =>
  survey.pci.find(({ slot }) => slot === disk.controller);

/**
 * A controller such as the LSI 9260-4i can't hand a disk through: the system sees virtual drives, ZFS neither the disks' errors nor
 * their health, and a mirror over them is none of ours.
 */
function behindController(survey: Survey, disk: Disk): string[] {
  const controller = controllerOf(survey, disk);
  if (controller === undefined || !isRaidController(controller)) return [];
  return [
    `disk ${nameOf(disk)} is behind the RAID controller (${controller.model}, driver ${controller.driver || "none"}), which shows ZFS virtual drives and not the disks; let Hetzner connect both disks to the ports of the board`,
  ];
}

function disksAreOther(survey: Survey, host: Host, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const disk = survey.disks.find(({ ids }) => ids.includes(name));
    if (disk === undefined) {
      const there = survey.disks.map(nameOf).join(", ");
      return [`there is no disk ${name}; there is: ${there || "none"}`];
    }
    const apart = Math.abs(disk.size - host.disk) / host.disk;
    return [
      ...(apart > SIZE_TOLERANCE
        ? [`disk ${name} has ${inTerabytes(disk.size)}, declared are ${inTerabytes(host.disk)}`]
        : []),
      ...behindController(survey, disk),
    ];
  });
}

/** Without names it is said what to write, if there are two disks of that size, and what is in the way otherwise. */
function disksAreUnknown(survey: Survey, host: Host): string[] {
  const fitting = survey.disks.filter(({ size }) => Math.abs(size - host.disk) / host.disk <= SIZE_TOLERANCE);
  const names = fitting.map((disk) => JSON.stringify(nameOf(disk))).join(", ");
  return [
    fitting.length === 2
      ? `the names of its disks are not declared; if these are they, write in hardware: disks: [${names}]`
      : `declared are two disks of ${inTerabytes(host.disk)}, there are ${fitting.length} of that size${names && `: ${names}`}`,
    ...fitting.flatMap((disk) => behindController(survey, disk)),
  ];
}

function networkIsOther(survey: Survey, host: Host, { nic }: Hardware): string[] {
  const uplink = uplinkOf(survey);
  const device = survey.pci.find(({ slot }) => slot === uplink?.slot);
  const address = survey.addresses.find(({ ip }) => ip === host.address);
  if (uplink === undefined || survey.route === undefined)
    return ["it has no IPv4 way to the world over a network card of its own"];
  const net = new BlockList();
  if (address) net.addSubnet(address.ip, address.prefix);
  return [
    ...(has(device, nic)
      ? []
      : [`network card ${uplink.name} is ${device?.model ?? "unknown"}, declared is ${nic}`]),
    ...(address === undefined ? [`it does not have the declared address ${host.address}`] : []),
    // Proxmox's installer writes the gateway as one of the network's.
    ...(address && !net.check(survey.route.gateway)
      ? [
          `its gateway ${survey.route.gateway} is outside of ${address.ip}/${address.prefix}, which the installer can't set up`,
        ]
      : []),
  ];
}

function controllersAreOther(survey: Survey, { raidController }: Hardware): string[] {
  const found = survey.pci.filter(isRaidController);
  const undeclared = found.filter((device) => raidController === undefined || !has(device, raidController));
  return [
    ...undeclared.map((device) => `it has a RAID controller that is not declared: ${device.model}`),
    ...(raidController !== undefined && !found.some((device) => has(device, raidController))
      ? [`there is no RAID controller ${raidController}, which is declared`]
      : []),
  ];
}

/** What differs between the declared hardware of a host and what it reports, as sentences for people; empty when it is the same. */
export function differences(host: Host, hardware: Hardware, survey: Survey): string[] {
  return [
    ...(hardware.disks ? disksAreOther(survey, host, hardware.disks) : disksAreUnknown(survey, host)),
    ...networkIsOther(survey, host, hardware),
    ...controllersAreOther(survey, hardware),
    ...(survey.memory < host.memory * MEMORY_SHARE
      ? [`it has ${inGigabytes(survey.memory)} of memory, declared are ${inGigabytes(host.memory)}`]
      : []),
    ...(survey.uefi
      ? ["it boots by UEFI; the installation is made for BIOS: switch its firmware to legacy boot (CSM)"]
      : []),
    ...(survey.kvm
      ? []
      : ["it has no /dev/kvm, in which the installer runs: switch on virtualization (VT-x) in its firmware"]),
  ];
}

/** What a server reports, as lines for people to write down. */
export function reportLines(survey: Survey): string[] {
  const uplink = uplinkOf(survey);
  const card = survey.pci.find(({ slot }) => slot === uplink?.slot);
  return [
    ...survey.disks.map((disk) => {
      const behind = controllerOf(survey, disk);
      const on = behind ? `, on ${behind.model} (${behind.driver || "no driver"})` : "";
      return `disk ${nameOf(disk)}: ${inTerabytes(disk.size)}, ${disk.model || "no model"}, serial number ${disk.serial || "none"}${on}`;
    }),
    `network card ${uplink?.name ?? "none"}: ${card?.model ?? "unknown"}, driver ${card?.driver || "none"}, MAC address ${uplink?.mac ?? "none"}`,
    ...survey.pci
      .filter(isRaidController)
      .map((device) => `RAID controller: ${device.model}, driver ${device.driver || "none"}`),
    `memory: ${inGigabytes(survey.memory)}; it boots by ${survey.uefi ? "UEFI" : "BIOS"}; virtualization: ${survey.kvm ? "yes" : "no"}`,
  ];
}
