/** The lab with three droplets and three servers of Hetzner Cloud, of which one each exists already. */

import { edgeHosts } from "../../../src/inventory/domains.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { labInventory, PRICE } from "../farms.ts";

type Change = NonNullable<Parameters<typeof labInventory>[0]>;

export const CLOUD_HOSTS = ["cloud1", "cloud2", "cloud3", "drop1", "drop2", "drop3"];

/** Those with 1 and 3 are to be made; `drop2` has number 42, `cloud2` 43. `cloud1` is an edge host. */
export function cloudInventory(change: Change = () => {}): Inventory {
  return labInventory((farm, settings) => {
    farm.sites.push(
      { id: "nyc1", title: { en: "New York", ru: "Нью-Йорк" }, provider: "digitalocean", country: "US" },
      { id: "hel1", title: { en: "Helsinki", ru: "Хельсинки" }, provider: "hetzner", country: "FI" },
    );
    const size = { memory: "2 GB", disk: "50 GB", price: PRICE };
    const droplet = { kind: "droplet" as const, region: "nyc1", size: "s-1vcpu-2gb" };
    const server = { kind: "hcloud" as const, location: "hel1", type: "cx23" };
    farm.hosts.push(
      { id: "drop1", site: "nyc1", origin: droplet, mesh: "10.80.0.61", ...size },
      {
        id: "drop2",
        site: "nyc1",
        origin: { ...droplet, image: "debian-12-x64", exists: true, backups: false },
        mesh: "10.80.0.62",
        ...size,
      },
      { id: "cloud1", site: "hel1", origin: server, mesh: "10.80.0.63", ...size },
      { id: "cloud2", site: "hel1", origin: { ...server, exists: true }, mesh: "10.80.0.64", ...size },
      { id: "drop3", site: "nyc1", origin: droplet, mesh: "10.80.0.65", ...size },
      { id: "cloud3", site: "hel1", origin: server, mesh: "10.80.0.66", ...size },
    );
    farm.edge = { kind: "hosts", hosts: [...edgeHosts(farm), "cloud1"] };
    Object.assign(settings.addresses as object, {
      drop1: "203.0.113.61",
      drop2: "203.0.113.62",
      cloud1: "203.0.113.63",
      cloud2: "203.0.113.64",
      drop3: "203.0.113.65",
      cloud3: "203.0.113.66",
    });
    settings.imports = { drop2: "42", cloud2: "43" };
    change(farm, settings);
  });
}
