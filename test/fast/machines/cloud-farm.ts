/** The lab with two droplets and two servers of Hetzner Cloud, of which one each was there before. */
import type { Inventory } from "../../../src/inventory/schema.ts";
import { labInventory, PRICE } from "../farms.ts";

type Change = NonNullable<Parameters<typeof labInventory>[0]>;

export const CLOUD_HOSTS = ["cloud1", "cloud2", "drop1", "drop2"];

/** `drop1` and `cloud1` are to be made; `drop2` has number 42, `cloud2` 43. `cloud1` is an edge host. */
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
        origin: { ...droplet, image: "debian-12-x64", backups: false },
        mesh: "10.80.0.62",
        ...size,
      },
      { id: "cloud1", site: "hel1", origin: server, mesh: "10.80.0.63", ...size },
      { id: "cloud2", site: "hel1", origin: server, mesh: "10.80.0.64", ...size },
    );
    farm.edge!.hosts.push("cloud1");
    Object.assign(settings.addresses as object, {
      drop1: "203.0.113.61",
      drop2: "203.0.113.62",
      cloud1: "203.0.113.63",
      cloud2: "203.0.113.64",
    });
    settings.imports = { drop2: "42", cloud2: "43" };
    change(farm, settings);
  });
}
