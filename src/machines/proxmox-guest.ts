import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../host/connection.ts";
import { isPrivate, written } from "../inventory/addresses.ts";
import { dataHostsOf } from "../inventory/clusters.ts";
import { hostOf, ownMachine } from "../inventory/load.ts";
import { isVm, mountsOf } from "../inventory/machines.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";
import { GUEST_BRIDGE, guestMac } from "../roles/guest-network.ts";
import { GUEST_PROGRAM } from "../roles/hypervisor.ts";
import { administratorKeys, hostConfig, userData } from "./user-data.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export interface ProxmoxGuestArgs {
  readonly host: Host;
  readonly inventory: Inventory;
  readonly keys: Keys;
  /** Connection to the Proxmox host. */
  readonly connection: Connection<pulumi.Output<string>>;
}

/** The part of IPv6, of a guest that has an address in the network that is routed to its Proxmox host. */
function network6Of({ address6 }: Host, { guestNetwork6 }: Host) {
  if (address6 === undefined || guestNetwork6 === undefined) return {};
  const { prefixLength, address: gateway6 } = guestNetwork6;
  return { address6: written({ address: address6, prefixLength }), gateway6 };
}

/** A guest with a private address is in the network of guests; any other address is its own, and routed to it. */
function networkOf(guest: Host, parent: Host) {
  const { id, address } = guest;
  const { guestNetwork } = parent;
  if (guestNetwork === undefined) throw new Error(`${id} stands in no network`);
  const prefixLength = isPrivate(address) ? guestNetwork.prefixLength : 32;
  return {
    bridge: GUEST_BRIDGE,
    mac: guestMac(guest),
    address: written({ address, prefixLength }),
    gateway: guestNetwork.address,
    ...network6Of(guest, parent),
  };
}

const inGib = (bytes: number): number => Math.max(1, Math.round(bytes / GIB));

/** The guest as it is declared, as one readable line of options of guest.py. Throws for a host that is no guest. */
export function guestOptions(host: Host, inventory: Inventory): string {
  const { origin } = host;
  if (origin.kind !== "guest") throw new Error(`${host.id} is no guest`);
  const own = ownMachine(inventory.generations, host.id);
  const parent = hostOf(inventory, origin.parent);
  const wanted = {
    vmid: origin.vmid,
    hostname: host.id,
    ...networkOf(host, parent),
    cores: origin.cores,
    memory: Math.round(host.memory / MIB),
    disk: inGib(host.disk),
    ...(own > 1 ? { generation: own } : {}),
    ...(origin.type === "vm" ? { type: origin.type } : {}),
    ...(origin.startOrder === undefined ? {} : { "start-order": origin.startOrder }),
  };
  const mounts = origin.mounts.map(({ path, size }) => ["mount", `${path}=${inGib(size)}`] as const);
  const written = [...Object.entries(wanted), ...mounts].map(([key, value]) => `--${key} ${value}`);
  // A remark alone, by which the engine sees that what it did is gone.
  const remark = parent.machine > 1 ? [`# on machine ${parent.machine} of ${parent.id}`] : [];
  return [...written, ...remark].join(" ");
}

/** What guest.py reads so that the first connection is pinned: a container is given its key, a VM's cloud-init brings it. */
function firstContact({ host, inventory, keys }: ProxmoxGuestArgs): object {
  const hostKey = keys.sshHostKey(host.id);
  return isVm(host.origin)
    ? { publicKey: hostKey.publicKey, userData: userData(hostConfig(host, inventory, keys)) }
    : { hostKey, authorizedKeys: administratorKeys(inventory) };
}

/** Whether something would be gone with its disk that is not made anew from the program. */
const holdsData = ({ host, inventory }: ProxmoxGuestArgs): boolean =>
  inventory.clusters.some((cluster) => dataHostsOf(cluster).includes(host.id)) ||
  mountsOf(host.origin).length > 0;

/**
 * A container or VM on a Proxmox host, made, changed in place and removed by Proxmox's own `pct` or `qm`. One that holds data is
 * protected: the engine refuses to delete it until it has left its clusters, or somebody says `pulumi state unprotect`.
 */
export class ProxmoxGuest extends pulumi.ComponentResource {
  /** The running guest, which knows its SSH host key and the administrators' keys. */
  readonly machine: pulumi.Resource;

  constructor(name: string, args: ProxmoxGuestArgs, resourceOptions?: pulumi.ComponentResourceOptions) {
    super("farms:machines:ProxmoxGuest", name, {}, resourceOptions);
    const ensure = `${GUEST_PROGRAM} ensure ${guestOptions(args.host, args.inventory)}`;
    const origin = args.host.origin;
    this.machine = new remote.Command(
      `${name}-guest`,
      {
        connection: args.connection,
        create: ensure,
        update: ensure,
        delete: `${GUEST_PROGRAM} remove --vmid ${origin.kind === "guest" ? origin.vmid : ""}`,
        stdin: pulumi.secret(JSON.stringify(firstContact(args))),
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      { parent: this, protect: holdsData(args) },
    );
    this.registerOutputs({ address: args.host.address });
  }
}
