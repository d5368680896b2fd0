/** What machines at cloud providers have in common, and what those of one stack share there. */
import * as digitalocean from "@pulumi/digitalocean";
import * as hcloud from "@pulumi/hcloud";
import type * as pulumi from "@pulumi/pulumi";
import type { Host, Inventory } from "../inventory/schema.ts";
import type { Keys } from "../plan/keys.ts";
import type { HostPlan } from "../plan/plan.ts";
import { labelsOf } from "./cloud-firewall.ts";

/** What a machine at a cloud provider is made from. */
export interface CloudMachineArgs {
  readonly host: Host;
  readonly plan: HostPlan;
  readonly inventory: Inventory;
  readonly keys: Keys;
  readonly shared: SharedAtProviders;
}

/**
 * User data and image are for the first boot alone: the farm brings the machine up to date from then on, and a new
 * administrator must not be a reason to make it anew. Whoever rebuilds a machine takes it out of the engine's state first
 * (`pulumi state delete`): a replacement by the engine would be made from the old ones.
 */
export const FIRST_BOOT = ["image", "userData"];

/**
 * Whether the farm decides which ports are open. A machine that was there (`farms:imports`) goes on as it was until it is
 * taken over (`farms:adopt`, where its name stays): a firewall would close what it serves and nobody has declared.
 */
export const isOurs = ({ host, inventory }: CloudMachineArgs): boolean =>
  !(host.id in inventory.imports) || inventory.adopt.includes(host.id);

/** Makes a thing once for each name. */
function once<Thing>(make: (name: string) => Thing): (name: string) => Thing {
  const made = new Map<string, Thing>();
  return (name) => {
    const thing = made.get(name) ?? make(name);
    made.set(name, thing);
    return thing;
  };
}

/** What the machines of a stack share. Each thing is made when the first machine needs it. */
export class SharedAtProviders {
  /**
   * DigitalOcean's private network of a region. The farm's traffic goes through its mesh; a network of its own keeps
   * droplets out of the account's default one, where every other droplet of the account is.
   */
  readonly vpc: (region: string) => digitalocean.Vpc;
  /** Hetzner Cloud's promise for a location that no two of our servers run on one machine of theirs. */
  readonly spread: (location: string) => hcloud.PlacementGroup;
  readonly #inventory: Inventory;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
    const named = (place: string): string => `${inventory.stack}-${place}`;
    this.vpc = once((region) => new digitalocean.Vpc(`vpc-${region}`, { name: named(region), region }));
    this.spread = once((location) => {
      const args = { name: named(location), type: "spread", labels: labelsOf(inventory) };
      return new hcloud.PlacementGroup(`spread-${location}`, args);
    });
  }

  /** DigitalOcean's project of the stack, with all its droplets (by their URNs there). */
  project(droplets: readonly pulumi.Output<string>[]): void {
    const { stack, environment, title } = this.#inventory;
    const project = new digitalocean.Project("project", {
      name: `farms-${stack}`,
      description: title.en,
      environment: environment === "production" ? "Production" : "Development",
    });
    new digitalocean.ProjectResources("project-droplets", { project: project.id, resources: [...droplets] });
  }
}
