import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Host } from "../inventory/schema.ts";
import { FarmError } from "../shell/errors.ts";
import { hetznerRules, labelsOf, openPorts } from "./cloud-firewall.ts";
import { type CloudMachineArgs, FIRST_BOOT, isOurs } from "./shared.ts";
import { hostConfig, userData } from "./user-data.ts";

/** As of a droplet (droplet.ts); labels are its tags. Its provider's backups are nothing that we declare, so they stay as they are. */
const OF_IMPORTED = [
  ...FIRST_BOOT,
  ...["name", "location", "serverType", "sshKeys", "publicNets", "placementGroupId", "backups", "labels"],
];

/** What Hetzner Cloud tells of a primary address. */
export type PrimaryAddress = Pick<hcloud.GetPrimaryIpResult, "id" | "autoDelete">;

/** The number of a host's primary address. Throws a FarmError when the address would go with the server. */
export function numberOfAddress({ id, address }: Host, found: PrimaryAddress): number {
  if (found.id === undefined) throw new FarmError(`Hetzner Cloud has no number for the address ${address}`);
  if (found.autoDelete)
    throw new FarmError(
      `the primary address ${address} of host ${id} would be deleted together with its server`,
      `hcloud primary-ip update ${found.id} --auto-delete=false`,
    );
  return found.id;
}

/**
 * The primary address that a host has in configuration. Nobody can choose an address, so it is bought before it is declared,
 * and stays when the server goes: the program only looks it up, which fails when the project has no such address.
 */
const primaryAddress = (host: Host): pulumi.Output<number> =>
  hcloud.getPrimaryIpOutput({ ipAddress: host.address }).apply((found) => numberOfAddress(host, found));

/**
 * A Hetzner Cloud server with a firewall. One that is made gets the host's address, a primary one of the project in the server's
 * location; one that is imported (`farms:imports`, where its number stays for good) keeps the address that it has. All are
 * protected as a droplet is, and servers by the provider too.
 *
 * There is no private network: traffic between hosts goes through the mesh, which is encrypted and reaches over all
 * providers, and Hetzner Cloud's firewalls do not filter what comes by a private network.
 */
export class HcloudServer extends pulumi.ComponentResource {
  /** What has to be there before the host can be reached. */
  readonly machine: pulumi.Resource;

  constructor(name: string, args: CloudMachineArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:machines:HcloudServer", name, {}, options);
    const { host, plan, inventory } = args;
    const number = inventory.imports[host.id];
    const server = number === undefined ? this.#made(name, args) : this.#imported(name, args, number);
    if (isOurs(args))
      new hcloud.Firewall(
        `${name}-firewall`,
        {
          name: `${inventory.stack}-${host.id}`,
          labels: hostLabels(args),
          rules: hetznerRules(openPorts(plan)),
          // Not by the server's own list, which would take away those that it has from others.
          applyTos: [{ server: server.id.apply(Number) }],
        },
        { parent: this, protect: true },
      );
    this.machine = server;
    this.registerOutputs({ address: host.address });
  }

  #made(name: string, args: CloudMachineArgs): hcloud.Server {
    const { host, inventory, keys, shared } = args;
    const made = {
      ...declared(args),
      placementGroupId: shared.spread(originOf(host).location).id.apply(Number),
      publicNets: [{ ipv4: primaryAddress(host), ipv4Enabled: true, ipv6Enabled: true }],
      userData: pulumi.secret(userData(hostConfig(host, inventory, keys))),
    };
    return new hcloud.Server(`${name}-server`, made, {
      parent: this,
      protect: true,
      ignoreChanges: FIRST_BOOT,
    });
  }

  #imported(name: string, args: CloudMachineArgs, number: string): hcloud.Server {
    return new hcloud.Server(`${name}-server`, declared(args), {
      parent: this,
      protect: true,
      import: number,
      ignoreChanges: OF_IMPORTED,
    });
  }
}

function originOf({ id, origin }: Host) {
  if (origin.kind !== "hcloud") throw new Error(`${id} is no server of Hetzner Cloud`);
  return origin;
}

const hostLabels = ({ host, inventory }: CloudMachineArgs): Record<string, string> => ({
  ...labelsOf(inventory),
  host: host.id,
});

function declared(args: CloudMachineArgs): hcloud.ServerArgs {
  const { location, type, image } = originOf(args.host);
  return {
    name: args.host.id,
    serverType: type,
    location,
    image,
    labels: hostLabels(args),
    // The provider takes the two together only.
    deleteProtection: true,
    rebuildProtection: true,
  };
}
