/** Hetzner Cloud (docs.hetzner.cloud): what its Pulumi provider asks for the kinds of things that we declare. */
import { type Body, Collection, type Routes, refuse, StandIn } from "./stand-in.ts";

const CREATED = "2026-11-26T00:00:00+00:00";
const PAGE = {
  meta: { pagination: { page: 1, per_page: 50, previous_page: null, next_page: null, last_page: 1 } },
};

const LOCATIONS = ["fsn1", "nbg1", "hel1"].map((name, index) => ({
  ...{ id: index + 1, name, description: name, country: "DE", city: name, network_zone: "eu-central" },
  ...{ latitude: 0, longitude: 0 },
}));
const TYPES = ["cx23", "cx33"].map((name, index) => ({
  id: 114 + index,
  name,
  description: name.toUpperCase(),
  category: "cost_optimized",
  architecture: "x86",
  cores: 2,
  memory: 4,
  disk: 40,
  storage_type: "local",
  cpu_type: "shared",
  prices: [],
  deprecation: null,
  locations: LOCATIONS.map(({ id, name: location }) => ({ id, name: location, deprecation: null })),
}));
/** The last is a snapshot, which has no name. */
const IMAGES = ["debian-12", "debian-13", null].map((name, index) => ({
  ...{ id: index + 1, name, type: name ? "system" : "snapshot", status: "available", architecture: "x86" },
  description: name ?? "a snapshot",
  os_flavor: "debian",
  os_version: "13",
  created: CREATED,
  disk_size: 5,
  ...{ image_size: null, labels: {}, protection: { delete: false }, deprecated: null, deleted: null },
  ...{ bound_to: null, created_from: null, rapid_deploy: false },
}));

export interface Hcloud {
  readonly api: StandIn;
  readonly servers: Collection;
  readonly firewalls: Collection;
  readonly networks: Collection;
  readonly placementGroups: Collection;
}

/** A primary address in hel1; 203.0.113.63 has the number 763. */
const primaryAddress = (ip: string): Body => ({
  id: 700 + Number(ip.split(".")[3]),
  ip,
  name: ip,
  type: "ipv4",
  assignee_id: null,
  assignee_type: "server",
  ...{ auto_delete: false, blocked: false, created: CREATED, dns_ptr: [], labels: {} },
  ...{ protection: { delete: false }, location: LOCATIONS[2], datacenter: null },
});

const attachedTo = (network: number, ip: string): Body => ({
  network,
  ip,
  alias_ips: [],
  mac_address: "86:00:00:00:00:01",
});

/**
 * Begins one with the primary addresses given and these servers, each with its number and what it was once asked for. Actions are
 * done at once, and told so when they are asked about.
 */
export async function hcloud(
  bought: readonly string[],
  present: readonly (readonly [number, Body])[],
): Promise<Hcloud> {
  let count = 5000;
  const [locations, types, images] = [
    new Collection(LOCATIONS),
    new Collection(TYPES),
    new Collection(IMAGES),
  ];
  const addresses = new Collection(bought.map(primaryAddress));
  const [servers, firewalls, networks] = [new Collection(), new Collection(), new Collection()];
  const [placementGroups, actions] = [new Collection(), new Collection()];

  const begin = (command: string): Body => ({
    ...actions.add({
      ...{ id: ++count, command, status: "success", progress: 100, started: CREATED, finished: CREATED },
      ...{ resources: [], error: null },
    }),
    ...{ status: "running", progress: 0, finished: null },
  });
  const serverOf = (id: number, asked: Body): Body => {
    const location = locations.named(asked.location);
    const ipv4 = asked.public_net?.ipv4;
    const image = images.all().find((one) => [one.id, one.name].includes(asked.image));
    return {
      id,
      name: asked.name,
      status: "running",
      created: CREATED,
      labels: asked.labels ?? {},
      location,
      image,
      public_net: {
        ipv4: {
          id: ipv4 ?? id,
          ip: ipv4 ? addresses.get(ipv4).ip : `198.51.100.${id % 256}`,
          blocked: false,
          dns_ptr: "",
        },
        ipv6: { id: id + 1, ip: `2001:db8:${id}::/64`, blocked: false, dns_ptr: [] },
        floating_ips: [],
        firewalls: (asked.firewalls ?? []).map(({ firewall }: Body) => ({ id: firewall, status: "applied" })),
      },
      private_net: (asked.networks ?? []).map((network: number) => attachedTo(network, `10.88.0.${id}`)),
      server_type: types.named(asked.server_type),
      datacenter: {
        id: location.id,
        name: `${location.name}-dc1`,
        description: "",
        location,
        server_types: {},
      },
      ...{ iso: null, rescue_enabled: false, locked: false, backup_window: asked.backup_window ?? null },
      ...{ volumes: [], load_balancers: [], protection: { delete: false, rebuild: false } },
      placement_group: asked.placement_group ? placementGroups.get(asked.placement_group) : null,
      ...{ primary_disk_size: 40, included_traffic: 0, ingoing_traffic: 0, outgoing_traffic: 0 },
    };
  };
  for (const [id, asked] of present) servers.add(serverOf(id, asked));

  const applied = (server: number, firewall: number): void => {
    servers.get(server).public_net.firewalls.push({ id: firewall, status: "applied" });
  };
  const firewallIn = (server: Body, firewall: string): boolean =>
    server.public_net.firewalls.some(({ id }: Body) => String(id) === firewall);
  const withResources = (firewall: Body): Body => ({
    ...firewall,
    applied_to: servers
      .all()
      .filter((server) => firewallIn(server, String(firewall.id)))
      .map(({ id }) => ({ type: "server", server: { id } })),
  });

  const routes: Routes = {
    "GET /actions": ({ query }) => ({ actions: query.getAll("id").map((id) => actions.get(id)), ...PAGE }),
    ...locations.routes("/locations", "location", "locations", PAGE),
    ...types.routes("/server_types", "server_type", "server_types", PAGE),
    ...images.routes("/images", "image", "images", PAGE),
    ...addresses.routes("/primary_ips", "primary_ip", "primary_ips", PAGE),

    ...servers.routes("/servers", "server", "servers", PAGE),
    "POST /servers": ({ body }) => {
      if (servers.all().some(({ name }) => name === body.name))
        refuse(409, "uniqueness_error", `server name ${body.name} is already used`);
      const server = servers.add(serverOf(++count, body));
      return {
        server,
        action: begin("create_server"),
        next_actions: [begin("start_server")],
        root_password: null,
      };
    },
    "DELETE /servers/*": (_, id) => {
      if (servers.get(id).protection.delete) refuse(423, "protected", "server deletion is protected");
      servers.remove(id);
      return { action: begin("delete_server") };
    },
    "POST /servers/*/actions/change_protection": ({ body }, id) => {
      servers.get(id).protection = body;
      return { action: begin("change_protection") };
    },
    "POST /servers/*/actions/poweroff": (_, id) => {
      servers.get(id).status = "off";
      return { action: begin("stop_server") };
    },
    // It starts the server again.
    "POST /servers/*/actions/change_type": ({ body }, id) => {
      if (servers.get(id).status !== "off") refuse(422, "server_not_stopped", "the server is not stopped");
      Object.assign(servers.get(id), { server_type: types.named(body.server_type), status: "running" });
      return { action: begin("change_server_type") };
    },
    "POST /servers/*/actions/attach_to_network": ({ body }, id) => {
      servers.get(id).private_net.push(attachedTo(body.network, body.ip));
      return { action: begin("attach_to_network") };
    },

    ...firewalls.routes("/firewalls", "firewall", "firewalls", PAGE),
    "GET /firewalls/*": (_, id) => ({ firewall: withResources(firewalls.get(id)) }),
    "POST /firewalls": ({ body: { apply_to, ...firewall } }) => {
      const made = firewalls.add({ ...firewall, id: ++count, created: CREATED });
      for (const { server } of apply_to ?? []) applied(server.id, made.id);
      return { firewall: withResources(made), actions: [begin("set_firewall_rules")] };
    },
    "POST /firewalls/*/actions/remove_from_resources": ({ body }, id) => {
      for (const { server } of body.remove_from) {
        const net = servers.get(server.id).public_net;
        net.firewalls = net.firewalls.filter((firewall: Body) => String(firewall.id) !== id);
      }
      return { actions: [begin("remove_firewall")] };
    },
    "DELETE /firewalls/*": (_, id) => {
      if (servers.all().some((server) => firewallIn(server, id)))
        refuse(409, "resource_in_use", `firewall ${id} is in use`);
      return firewalls.remove(id);
    },

    ...networks.routes("/networks", "network", "networks", PAGE),
    "POST /networks": ({ body }) => {
      const own = {
        id: ++count,
        created: CREATED,
        subnets: [],
        routes: [],
        servers: [],
        protection: { delete: false },
      };
      return { network: networks.add({ ...body, ...own, load_balancers: [] }) };
    },
    "POST /networks/*/actions/add_subnet": ({ body }, id) => {
      networks.get(id).subnets.push({ ...body, gateway: "10.70.0.1" });
      return { action: begin("add_subnet") };
    },
    "POST /networks/*/actions/delete_subnet": ({ body }, id) => {
      const network = networks.get(id);
      network.subnets = network.subnets.filter(({ ip_range }: Body) => ip_range !== body.ip_range);
      return { action: begin("delete_subnet") };
    },

    ...placementGroups.routes("/placement_groups", "placement_group", "placement_groups", PAGE),
    "POST /placement_groups": ({ body }) => ({
      placement_group: placementGroups.add({ ...body, id: ++count, servers: [], created: CREATED }),
      action: null,
    }),
  };
  return { api: await StandIn.start(routes), servers, firewalls, networks, placementGroups };
}
