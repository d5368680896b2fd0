/** DigitalOcean (docs.digitalocean.com/reference/api): what its Pulumi provider asks for the kinds of things that we declare. */
import { randomUUID } from "node:crypto";
import { type Body, Collection, type Routes, refuse, StandIn } from "./stand-in.ts";

const CREATED = "2026-11-26T00:00:00Z";
/** The number of the account's default project. */
const DEFAULT = "11111111-2222-4333-8444-555555555555";

const inProject = (urn: string): Body => ({ urn, assigned_at: CREATED, status: "ok" });

export interface DigitalOcean {
  readonly api: StandIn;
  readonly droplets: Collection;
  readonly firewalls: Collection;
  /** Reserved addresses, by the address. */
  readonly addresses: Collection;
  readonly projects: Collection;
  readonly vpcs: Collection;
}

/** A droplet as the API tells of it, from what it is asked for to make one. */
function dropletOf(id: number, asked: Body): Body {
  const features = ["backups", "ipv6", "monitoring"].filter((feature) => asked[feature]);
  return {
    id,
    name: asked.name,
    memory: 2048,
    vcpus: 1,
    disk: 50,
    locked: false,
    status: "active",
    created_at: CREATED,
    features: [...features, "droplet_agent", "private_networking"],
    ...{ backup_ids: [], snapshot_ids: [], volume_ids: [], kernel: null, next_backup_window: null },
    image: {
      id: 1,
      slug: asked.image,
      name: asked.image,
      distribution: "Debian",
      public: true,
      regions: ["nyc1"],
    },
    size: {
      slug: asked.size,
      memory: 2048,
      vcpus: 1,
      disk: 50,
      price_monthly: 12,
      price_hourly: 0.01786,
      regions: ["nyc1"],
    },
    size_slug: asked.size,
    networks: {
      v4: [
        {
          ip_address: `198.51.100.${id % 256}`,
          netmask: "255.255.255.0",
          gateway: "198.51.100.1",
          type: "public",
        },
        { ip_address: `10.116.0.${id % 256}`, netmask: "255.255.240.0", gateway: "<nil>", type: "private" },
      ],
      v6: asked.ipv6
        ? [{ ip_address: `2001:db8::${id % 256}`, netmask: 64, gateway: "2001:db8::1", type: "public" }]
        : [],
    },
    region: { slug: asked.region, name: asked.region, sizes: [], features: [], available: true },
    tags: asked.tags ?? [],
    vpc_uuid: asked.vpc_uuid ?? "aaaaaaaa-2222-4333-8444-555555555555",
  };
}

/**
 * Begins one with the reserved addresses given and these droplets, each with its number and what it was once asked for. Actions are done at once, and told so when they are asked about.
 */
export async function digitalOcean(
  reserved: readonly string[],
  present: readonly (readonly [number, Body])[],
): Promise<DigitalOcean> {
  let count = 9000;
  const droplets = new Collection(present.map(([id, asked]) => dropletOf(id, asked)));
  const addresses = new Collection(
    reserved.map((ip) => ({ id: ip, ip, droplet: null, locked: false, region: { slug: "nyc1" } })),
  );
  const projects = new Collection([{ id: DEFAULT, name: "default", is_default: true, urns: [] }]);
  const [firewalls, vpcs, actions] = [new Collection(), new Collection(), new Collection()];

  const begun = (type: string): Body => ({
    action: {
      ...actions.add({ id: ++count, type, status: "completed", started_at: CREATED, completed_at: CREATED }),
      ...{ status: "in-progress", completed_at: null },
    },
  });
  const dropletActions: Record<string, (droplet: Body) => void> = {
    enable_backups: (droplet) => droplet.features.push("backups"),
    change_backup_policy: () => {},
  };

  const routes: Routes = {
    ...droplets.routes("/v2/droplets", "droplet", "droplets"),
    "POST /v2/droplets": ({ body }) => ({
      droplet: { ...droplets.add(dropletOf(++count, body)), status: "new", networks: { v4: [], v6: [] } },
    }),
    "GET /v2/droplets/*/actions": () => ({ actions: actions.all() }),
    "POST /v2/droplets/*/actions": ({ body: { type } }, id) => {
      const act = dropletActions[type] ?? refuse(422, "unprocessable_entity", `no action ${type}`);
      act(droplets.get(id));
      return begun(type);
    },
    "GET /v2/actions/*": (_, id) => ({ action: actions.get(id) }),
    "GET /v2/reserved_ips/*": (_, ip) => ({ reserved_ip: addresses.get(ip) }),
    "POST /v2/reserved_ips/*/actions": ({ body: { type, droplet_id } }, ip) => {
      addresses.get(ip).droplet = type === "assign" ? droplets.get(droplet_id) : null;
      return begun(type);
    },
    "GET /v2/reserved_ips/[^/]+/actions/*": (_, id) => ({ action: actions.get(id) }),

    ...firewalls.routes("/v2/firewalls", "firewall", "firewalls"),
    "POST /v2/firewalls": ({ body }) => {
      const own = { id: randomUUID(), status: "succeeded", created_at: CREATED, pending_changes: [] };
      return { firewall: firewalls.add({ ...body, ...own }) };
    },
    ...vpcs.routes("/v2/vpcs", "vpc", "vpcs"),
    "POST /v2/vpcs": ({ body }) => {
      const id = randomUUID();
      const own = { id, urn: `do:vpc:${id}`, ip_range: "10.116.0.0/20", default: false, created_at: CREATED };
      return { vpc: vpcs.add({ description: "", ...body, ...own }) };
    },
    "GET /v2/projects/default": () => ({ project: projects.get(DEFAULT) }),
    ...projects.routes("/v2/projects", "project", "projects"),
    "POST /v2/projects": ({ body }) => {
      const own = { id: randomUUID(), owner_id: 1, owner_uuid: DEFAULT, is_default: false, urns: [] };
      return { project: projects.add({ ...body, ...own, created_at: CREATED, updated_at: CREATED }) };
    },
    "GET /v2/projects/*/resources": (_, id) => ({ resources: projects.get(id).urns.map(inProject) }),
    "POST /v2/projects/*/resources": ({ body: { resources } }, id) => {
      for (const project of projects.all())
        project.urns = project.urns.filter((urn: string) => !resources.includes(urn));
      projects.get(id).urns.push(...resources);
      return { resources: resources.map(inProject) };
    },
  };
  return { api: await StandIn.start(routes), droplets, firewalls, addresses, projects, vpcs };
}
