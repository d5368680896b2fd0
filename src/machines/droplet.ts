import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";
import type { Host } from "../inventory/schema.ts";
import { digitalOceanRules, openPorts, tagsOf } from "./cloud-firewall.ts";
import { type CloudMachineArgs, FIRST_BOOT, isOurs } from "./shared.ts";
import { hostConfig, userData } from "./user-data.ts";

/**
 * Of a droplet that was there also whatever would make it anew, switch it off (size) or ask for a change inside it (ipv6), its
 * name, by which its address is named back, and its tags, by which firewalls and load balancers of others find it. The engine
 * imports it as it is and then updates what differs of the rest.
 */
const OF_IMPORTED = [
  ...FIRST_BOOT,
  ...["name", "region", "size", "vpcUuid", "sshKeys", "monitoring", "dropletAgent", "ipv6", "tags"],
];

/** Weekly, as it is paid for; the provider's own choice would be daily. Sunday's first window, in UTC. */
const BACKUPS = { backups: true, backupPolicy: { plan: "weekly", weekday: "SUN", hour: 0 } };

/**
 * What a droplet sends by itself has its reserved address only if it goes by the gateway of its anchor address; peers know
 * it by no other (docs.digitalocean.com, "How to Send Outbound Traffic Over a Reserved IP"). The provider's metadata tell it.
 */
const BY_RESERVED_ADDRESS = `gateway=$(python3 -c 'import urllib.request as r; print(r.urlopen("http://169.254.169.254/metadata/v1/interfaces/public/0/anchor_ipv4/gateway", timeout=10).read().decode())') && ip route replace default via "$gateway"`;

/**
 * A DigitalOcean droplet with a firewall. One that is made gets the host's address, a reserved one of the account in the droplet's region;
 * one that is imported (`farms:imports`, where its number stays for good) keeps the address that it has. All are
 * protected: the engine refuses to delete or replace them until somebody says `pulumi state unprotect`. Without a preview it
 * begins with what hangs on a droplet, whose own protection would come too late for its address and firewall.
 */
export class Droplet extends pulumi.ComponentResource {
  /** What has to be there before the host can be reached. */
  readonly machine: pulumi.Resource;
  /** The droplet's name at the provider, as a project takes it. */
  readonly dropletUrn: pulumi.Output<string>;

  constructor(name: string, args: CloudMachineArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:machines:Droplet", name, {}, options);
    const { host, plan, inventory } = args;
    const number = inventory.imports[host.id];
    const droplet = number === undefined ? this.#made(name, args) : this.#imported(name, args, number);
    const dropletId = droplet.id.apply(Number);
    if (isOurs(args))
      new digitalocean.Firewall(
        `${name}-firewall`,
        {
          name: `${inventory.stack}-${host.id}`,
          dropletIds: [dropletId],
          ...digitalOceanRules(openPorts(plan)),
        },
        { parent: this, protect: true },
      );
    this.machine =
      number === undefined
        ? new digitalocean.ReservedIpAssignment(
            `${name}-address`,
            { ipAddress: host.address, dropletId },
            { parent: this, protect: true },
          )
        : droplet;
    this.dropletUrn = droplet.dropletUrn;
    this.registerOutputs({ address: host.address });
  }

  #made(name: string, args: CloudMachineArgs): digitalocean.Droplet {
    const { host, inventory, keys, shared } = args;
    const made = {
      ...declared(args),
      vpcUuid: shared.vpc(originOf(host).region).id,
      userData: pulumi.secret(userData(hostConfig(host, inventory, keys, BY_RESERVED_ADDRESS))),
    };
    return new digitalocean.Droplet(`${name}-droplet`, made, {
      parent: this,
      protect: true,
      ignoreChanges: FIRST_BOOT,
    });
  }

  #imported(name: string, args: CloudMachineArgs, number: string): digitalocean.Droplet {
    return new digitalocean.Droplet(`${name}-droplet`, declared(args), {
      parent: this,
      protect: true,
      import: number,
      ignoreChanges: OF_IMPORTED,
    });
  }
}

function originOf({ id, origin }: Host) {
  if (origin.kind !== "droplet") throw new Error(`${id} is no droplet`);
  return origin;
}

function declared({ host, inventory }: CloudMachineArgs): digitalocean.DropletArgs {
  const { region, size, image, backups } = originOf(host);
  return {
    name: host.id,
    region,
    size,
    image,
    ...(backups ? BACKUPS : { backups: false }),
    monitoring: true,
    ipv6: true,
    tags: tagsOf(inventory, host),
  };
}
