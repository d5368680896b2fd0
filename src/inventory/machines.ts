/** Where a host comes from, what it is made of, and what it costs. */
import { z } from "zod";
import { hardwareSchema } from "./hardware.ts";
import { id, ipv4, price, size, title } from "./words.ts";

const cores = z.int().min(1);
/** Names that a provider has for its sizes, places and images. */
export const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]*$/, "write the provider's own name for it, in small letters");

const WHICH_VLAN = "write the number of a vSwitch's VLAN, from 4000 to 4091";

/** A physical server that we rent whole. It exists before the program runs. */
const dedicated = z.strictObject({
  kind: z.literal("dedicated"),
  /** What runs guests on it; without it there are none. */
  hypervisor: z.enum(["proxmox"]).optional(),
  /** Threads that its processor runs at once: what guests share. */
  cores: cores.default(1),
  /** What it is made of, for its installation. */
  hardware: hardwareSchema.optional(),
  /**
   * Number of the VLAN of the vSwitch that it is on: Hetzner's private network between servers. Hosts with one number are on
   * one. The range is Hetzner's (docs.hetzner.com/robot/dedicated-server/network/vswitch).
   */
  vSwitch: z.int().min(4000, WHICH_VLAN).max(4091, WHICH_VLAN).optional(),
});

/** How many snapshots of each kind are kept; the oldest goes when the next is made. */
const snapshots = z.strictObject({
  /** Of the last hours. */
  hourly: z.int().min(0).default(24),
  /** Of the last days. */
  daily: z.int().min(0).default(30),
  /** Of the last months. */
  monthly: z.int().min(0).default(3),
});

/** Files of a container that have a volume of their own, with a size of its own. They outlive what else is on its disk. */
const mount = z.strictObject({
  /** The directory in the container. */
  path: z
    .string()
    .regex(/^(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/, "write the full path of a directory such as /srv/files"),
  /** Its quota; it may grow. */
  size,
  /** How many of its ZFS snapshots are kept. */
  snapshots: snapshots.prefault({}),
});

/** A container or a virtual machine on one of our Proxmox hosts. */
const guest = z.strictObject({
  kind: z.literal("guest"),
  /** A container (LXC) shares the kernel of its Proxmox host, and is the rule; a VM has its own. */
  type: z.enum(["lxc", "vm"]).default("lxc"),
  /** The Proxmox host on which it is. */
  parent: id,
  /** Its number there. */
  vmid: z.int().min(100).max(999_999_999),
  /** Threads that it may use at once. */
  cores: cores.default(1),
  /** After a boot of its Proxmox host guests start by this number, and those without one last. */
  startOrder: z.int().min(0).optional(),
  /** Files of a container that have a volume of their own, and outlive what else is on its disk. */
  mounts: z.array(mount).default([]),
});

/** A virtual server for which there is no Pulumi package (Contabo). It exists before the program runs. */
const vps = z.strictObject({
  kind: z.literal("vps"),
  /** What Contabo calls its size, such as VPS S. */
  product: z.string().min(1),
  /** What Contabo calls its place: EU, US-central, SIN. */
  region: z.string().min(1),
  /** What Contabo calls the system that is installed on it. */
  image: slug.default("debian-13"),
});

const existing = {
  /** Whether it is at the provider already: it is then taken over by its number (`farms:imports`), and never made. */
  exists: z.boolean().default(false),
};

/** A DigitalOcean droplet. */
const droplet = z.strictObject({
  kind: z.literal("droplet"),
  /** DigitalOcean's name for its place. */
  region: slug,
  /** DigitalOcean's name for its size. */
  size: slug,
  /** DigitalOcean's name for the system that it is made with. */
  image: slug.default("debian-13-x64"),
  ...existing,
  /** The provider's weekly backups, a fifth of the price more. */
  backups: z.boolean().default(true),
});

/** A Hetzner Cloud server. */
const hcloud = z.strictObject({
  kind: z.literal("hcloud"),
  /** Hetzner Cloud's name for its place. */
  location: slug,
  /** Hetzner Cloud's name for its size. */
  type: slug,
  /** Hetzner Cloud's name for the system that it is made with. */
  image: slug.default("debian-13"),
  ...existing,
});

export const originSchema = z.discriminatedUnion("kind", [dedicated, guest, vps, droplet, hcloud]);

type Origin = z.output<typeof originSchema>;
/** As it is written in stacks/, or with its defaults. */
type DeclaredOrigin = z.input<typeof originSchema> | Origin;
export type Mount = z.output<typeof mount>;

/** Whether guests can stand on a host of this origin. */
export const isHypervisor = (origin: Origin): boolean =>
  origin.kind === "dedicated" && origin.hypervisor !== undefined;

/** The vSwitch that a server is on, by the number of its VLAN. */
export const vSwitchOf = (origin: Origin): number | undefined =>
  origin.kind === "dedicated" ? origin.vSwitch : undefined;

export const isVm = (origin: Origin): boolean => origin.kind === "guest" && origin.type === "vm";

/** The mounts of a guest; none of what is no guest. */
export const mountsOf = (origin: Origin): readonly Mount[] => (origin.kind === "guest" ? origin.mounts : []);

/** Whether it is at a cloud provider already, to be taken over and never made. */
export const existsAtProvider = (origin: DeclaredOrigin): boolean =>
  "exists" in origin && origin.exists === true;

/** Whether somebody else has made it: it then had a life before the farm, and a host key of its own. */
export const isMadeElsewhere = (origin: DeclaredOrigin): boolean =>
  origin.kind === "vps" || origin.kind === "dedicated" || existsAtProvider(origin);

export const hostSchema = z.strictObject({
  id,
  title: title.optional(),
  /** The place where it is. */
  site: id,
  /** Where it comes from. */
  origin: originSchema,
  /** Address in the WireGuard mesh. */
  mesh: ipv4,
  /** What it has; of a guest, what it may use. */
  memory: size,
  /** What can be written to: of mirrored disks, one. */
  disk: size,
  /** Of the machine; a guest is in the price of its Proxmox host. */
  price: price.optional(),
});
