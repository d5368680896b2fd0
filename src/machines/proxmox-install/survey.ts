/** What a server says that it is made of: the command that asks it, which changes nothing, and its answer read. */
import { z } from "zod";
import { FarmError } from "../../shell/errors.ts";

/**
 * Asks the rescue system or whatever else runs there. `lspci -D -vmm -k` is its form for programs, with the slots that sysfs has
 * in its paths. The last section shows that the answer is whole.
 */
export const SURVEY = `section() { printf '== %s\\n' "$1"; }
section disks; lsblk --json --bytes --nodeps --output NAME,SIZE,SERIAL,MODEL,TYPE
section ids; for link in /dev/disk/by-id/*; do [ -e "$link" ] && echo "\${link##*/} $(basename "$(readlink -f "$link")")"; done
section paths; for device in /sys/block/*/device; do [ -e "$device" ] && echo "$(basename "\${device%/device}") $(readlink -f "$device")"; done
section pci; lspci -D -vmm -k
section nics; for device in /sys/class/net/*/device; do
  [ -e "$device" ] || continue
  nic=\${device%/device}
  echo "$(basename "$nic") $(basename "$(readlink -f "$device")") $(cat "$nic/address") $(basename "$(readlink "$nic/master")")"
done
section routes; ip -j -4 route show default
section addresses; ip -j -4 address
section memory; sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo
section firmware; if [ -d /sys/firmware/efi ]; then echo UEFI; else echo BIOS; fi
section kvm; if [ -e /dev/kvm ]; then echo yes; else echo no; fi
section end
`;

export interface Disk {
  /** What the kernel calls it now. */
  readonly name: string;
  /** Its names under /dev/disk/by-id. */
  readonly ids: readonly string[];
  /** Bytes. */
  readonly size: number;
  readonly model: string;
  readonly serial: string;
  /** Slot of the controller that it hangs on; "" where it hangs on no PCI device. */
  readonly controller: string;
}

export interface PciDevice {
  readonly slot: string;
  readonly class: string;
  /** Maker and model, of the chip and of the card. */
  readonly model: string;
  readonly driver: string;
}

export interface Nic {
  readonly name: string;
  readonly slot: string;
  readonly mac: string;
  /** The bridge that it is a port of. */
  readonly master: string;
}

export interface Survey {
  readonly disks: readonly Disk[];
  readonly pci: readonly PciDevice[];
  readonly nics: readonly Nic[];
  /** The IPv4 default route. */
  readonly route: { readonly device: string; readonly gateway: string } | undefined;
  readonly addresses: readonly { readonly device: string; readonly ip: string; readonly prefix: number }[];
  /** Bytes that the kernel can use: somewhat less than there is. */
  readonly memory: number;
  readonly uefi: boolean;
  readonly kvm: boolean;
}

const blockDevices = z.object({
  blockdevices: z.array(
    z.object({
      name: z.string(),
      // Numbers are texts in older versions of lsblk.
      size: z.coerce.number(),
      serial: z.string().nullable(),
      model: z.string().nullable(),
      type: z.string(),
    }),
  ),
});
const routes = z.array(z.object({ gateway: z.string().optional(), dev: z.string() }));
const addresses = z.array(
  z.object({
    ifname: z.string(),
    addr_info: z.array(z.object({ local: z.string(), prefixlen: z.int() })),
  }),
);

const PCI_SLOT = /[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]/g;

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line.trim() !== "");
const pairsOf = (text: string): [string, string][] =>
  linesOf(text).map((line) => {
    const [first = "", ...rest] = line.split(" ");
    return [first, rest.join(" ")];
  });

/** Texts by the section that they stand in. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^== (.+)\n/m).slice(1);
  return new Map(
    parts.flatMap((name, index) => (index % 2 === 0 ? [[name, parts[index + 1] ?? ""] as const] : [])),
  );
}

function disksOf(section: (name: string) => string): Disk[] {
  const ids = pairsOf(section("ids"));
  const paths = new Map(pairsOf(section("paths")));
  return (
    blockDevices
      .parse(JSON.parse(section("disks")))
      .blockdevices.filter(({ type, size }) => type === "disk" && size > 0)
      .map(({ name, size, serial, model }) => ({
        name,
        size,
        serial: serial?.trim() ?? "",
        model: model?.trim() ?? "",
        ids: ids.filter(([, device]) => device === name).map(([id]) => id),
        controller: paths.get(name)?.match(PCI_SLOT)?.at(-1) ?? "",
      }))
      // A RAM disk or one from the network is no disk of the server.
      .filter(({ controller, ids }) => controller !== "" || ids.length > 0)
  );
}

function pciOf(text: string): PciDevice[] {
  return text
    .split(/\n\s*\n/)
    .map((record) => new Map(linesOf(record).map((line) => line.split(/:\t/, 2) as [string, string])))
    .filter((fields) => fields.has("Slot"))
    .map((fields) => ({
      slot: fields.get("Slot") ?? "",
      class: fields.get("Class") ?? "",
      model: ["Vendor", "Device", "SDevice"].flatMap((name) => fields.get(name) || []).join(" "),
      driver: fields.get("Driver") ?? "",
    }));
}

function routeOf(text: string): Survey["route"] {
  const route = routes.parse(JSON.parse(text)).find(({ gateway }) => gateway !== undefined);
  return route && { device: route.dev, gateway: route.gateway ?? "" };
}

function read(section: (name: string) => string): Survey {
  return {
    disks: disksOf(section),
    pci: pciOf(section("pci")),
    nics: linesOf(section("nics")).map((line) => {
      const [name = "", slot = "", mac = "", master = ""] = line.split(" ");
      return { name, slot, mac, master };
    }),
    route: routeOf(section("routes") || "[]"),
    addresses: addresses
      .parse(JSON.parse(section("addresses")))
      .flatMap(({ ifname, addr_info }) =>
        addr_info.map(({ local, prefixlen }) => ({ device: ifname, ip: local, prefix: prefixlen })),
      ),
    memory: Number(section("memory")) * 1024,
    uefi: section("firmware").trim() === "UEFI",
    kvm: section("kvm").trim() === "yes",
  };
}

/** Reads what SURVEY has printed. Throws a FarmError when it is cut off or has another form. */
export function readSurvey(text: string): Survey {
  const sections = sectionsOf(text);
  try {
    if (!sections.has("end")) throw new Error("it is cut off");
    return read((name) => sections.get(name) ?? "");
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new FarmError(
      `what the server says of its hardware can't be read: ${why}`,
      "log in there and see that `lsblk --json`, `lspci -D -vmm -k` and `ip -j address` answer",
    );
  }
}

/** The network card that traffic to the world leaves by; undefined when it is none of the PCI bus, or there is no way. */
export function uplinkOf({ nics, route }: Survey): Nic | undefined {
  return nics.find(
    ({ name, master }) => name === route?.device || (master !== "" && master === route?.device),
  );
}
