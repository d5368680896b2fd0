import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../host/connection.ts";
import { isPrivate, written } from "../inventory/addresses.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";
import { GUEST_BRIDGE } from "../roles/guest-network.ts";
import { GUEST_PROGRAM } from "../roles/hypervisor.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export interface ProxmoxGuestArgs {
  readonly host: Host;
  readonly inventory: Inventory;
  readonly keys: Keys;
  /** Connection to the Proxmox host. */
  readonly connection: Connection<pulumi.Output<string>>;
}

/** A guest with a private address is in the network of guests; any other address is its own, and routed to it. */
function networkOf({ id, address }: Host, { guestNetwork }: Host) {
  if (guestNetwork === undefined) throw new Error(`${id} stands in no network`);
  const prefixLength = isPrivate(address) ? guestNetwork.prefixLength : 32;
  return {
    bridge: GUEST_BRIDGE,
    address: written({ address, prefixLength }),
    gateway: guestNetwork.address,
  };
}

/** The guest as it is declared, as one readable line of options. */
function options({ host, inventory }: ProxmoxGuestArgs): string {
  if (host.origin.kind !== "guest") throw new Error(`${host.id} is no guest`);
  const wanted = {
    vmid: host.origin.vmid,
    hostname: host.id,
    ...networkOf(host, hostOf(inventory, host.origin.parent)),
    cores: host.origin.cores,
    memory: Math.round(host.memory / MIB),
    disk: Math.round(host.disk / GIB),
    ...(host.machine > 1 ? { generation: host.machine } : {}),
  };
  return Object.entries(wanted)
    .map(([key, value]) => `--${key} ${value}`)
    .join(" ");
}

/** An LXC container on a Proxmox host, made, changed in place and removed by Proxmox's own `pct`. */
export class ProxmoxGuest extends pulumi.ComponentResource {
  /** The running container, which knows its SSH host key and the administrators' keys. */
  readonly machine: pulumi.Resource;

  constructor(name: string, args: ProxmoxGuestArgs, resourceOptions?: pulumi.ComponentResourceOptions) {
    super("farms:machines:ProxmoxGuest", name, {}, resourceOptions);
    const ensure = `${GUEST_PROGRAM} ensure ${options(args)}`;
    const origin = args.host.origin;
    const firstContact = {
      hostKey: args.keys.sshHostKey(args.host.id),
      authorizedKeys: args.inventory.administrators.flatMap((a) => a.keys),
    };
    this.machine = new remote.Command(
      `${name}-guest`,
      {
        connection: args.connection,
        create: ensure,
        update: ensure,
        delete: `${GUEST_PROGRAM} remove --vmid ${origin.kind === "guest" ? origin.vmid : ""}`,
        stdin: pulumi.secret(JSON.stringify(firstContact)),
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      { parent: this },
    );
    this.registerOutputs({ address: args.host.address });
  }
}
