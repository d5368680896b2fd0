/** What both clouds were asked for by the first run of a farm. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { hostConfig, userData } from "../../../src/machines/user-data.ts";
import { type Clouds, keys, made, named } from "./both-clouds.ts";
import type { Body } from "./stand-in.ts";
import type { Trial } from "./trial.ts";

/** "in tcp 22", sorted. */
const rules = (all: readonly Body[]): string[] =>
  all
    .map(({ direction, protocol, port, ports }) =>
      [direction, protocol, port ?? ports].filter(Boolean).join(" "),
    )
    .sort();

const idsOf = (things: readonly Body[]): number[] => things.map(({ id }) => id);

/** Tests it, when that run is done and before another. */
export async function asked(t: TestContext, { clouds }: Trial<Clouds>, inventory: Inventory): Promise<void> {
  const { ocean, hetzner, taken } = clouds;

  await t.test("DigitalOcean: droplets with a network, an address, a firewall and a project", () => {
    const droplets = made(ocean.api, "/v2/droplets");
    assert.deepEqual(droplets.map(({ name }) => name).sort(), ["drop1", "drop3"]);
    const { user_data, tags, ...drop1 } = named(droplets, "drop1");
    assert.deepEqual(drop1, {
      ...{ name: "drop1", region: "nyc1", size: "s-1vcpu-2gb", image: "debian-13-x64", ssh_keys: null },
      ...{ backups: true, backup_policy: { plan: "weekly", weekday: "SUN", hour: 0 } },
      ...{ ipv6: true, monitoring: true, private_networking: false },
      vpc_uuid: ocean.vpcs.named("lab-nyc1").id,
    });
    assert.deepEqual(tags.sort(), ["environment:experimental", "farm:lab", "host:drop1"]);
    assert.match(user_data, /^#cloud-config\n.*anchor_ipv4\/gateway/s);
    assert(user_data.includes(keys.sshHostKey("drop1").privateKey.split("\n")[1]));

    const { id } = ocean.droplets.named("drop1");
    assert.equal(ocean.addresses.get("203.0.113.61").droplet.id, id);
    const firewall = ocean.firewalls.named("lab-drop1");
    assert.deepEqual(firewall.droplet_ids, [id]);
    assert.deepEqual(rules(firewall.inbound_rules), ["icmp", "tcp 22", "udp 51820"]);
    assert.deepEqual(rules(firewall.outbound_rules), ["icmp", "tcp 1-65535", "udp 1-65535"]);
    const { environment, urns } = ocean.projects.named("farms-lab");
    const numbers = [42, id, ocean.droplets.named("drop3").id];
    assert.equal(environment, "Development");
    assert.deepEqual(urns.toSorted(), numbers.map((number) => `do:droplet:${number}`).sort());
  });

  await t.test("Hetzner Cloud: servers with their address, spread, firewall and protection", () => {
    const { user_data, ...cloud1 } = named(made(hetzner.api, "/servers"), "cloud1");
    assert.deepEqual(cloud1, {
      ...{ name: "cloud1", location: "hel1", server_type: "cx23", image: 2 },
      labels: { farm: "lab", environment: "experimental", host: "cloud1" },
      public_net: { enable_ipv4: true, enable_ipv6: true, ipv4: 763 },
      placement_group: hetzner.placementGroups.named("lab-hel1").id,
    });
    const host = inventory.hosts.find(({ id }) => id === "cloud1")!;
    assert.equal(user_data, userData(hostConfig(host, inventory, keys)));
    const { protection, public_net } = hetzner.servers.named("cloud1");
    assert.deepEqual(protection, { delete: true, rebuild: true });
    const firewall = hetzner.firewalls.named("lab-cloud1");
    assert.deepEqual(idsOf(public_net.firewalls), [firewall.id]);
    const opened = ["in icmp", "in tcp 22", "in tcp 443", "in tcp 80", "in udp 51820"];
    assert.deepEqual(rules(firewall.rules), opened);
  });

  await t.test("a training: a server a student in a network of its own, behind one firewall", () => {
    const servers = ["linux-1", "linux-2", "linux-3"].map((name) => hetzner.servers.named(name));
    const network = hetzner.networks.named("lab-training-linux").id;
    assert.deepEqual(
      servers.map(({ private_net }) => private_net.map((net: Body) => [net.ip, net.network])),
      ["10.70.0.11", "10.70.0.12", "10.70.0.13"].map((ip) => [[ip, network]]),
    );
    const firewall = hetzner.firewalls.named("lab-training-linux").id;
    const { firewalls, user_data } = named(made(hetzner.api, "/servers"), "linux-2");
    assert.deepEqual(firewalls, [{ firewall }]);
    assert(user_data.includes(keys.sshHostKey("training/linux/linux-2").publicKey));
    const { placement_group, protection } = servers[0]!;
    assert.deepEqual([placement_group.name, protection.delete], ["lab-training-linux-1", false]);
  });

  await t.test("what was there is imported: not made, and what others have put around it stays", () => {
    const backups = "POST /v2/droplets/42/actions";
    assert.deepEqual(
      taken().filter((line) => /droplets\/42|servers\/43|v2\/tags/.test(line)),
      [backups, backups, "POST /servers/43/actions/change_protection"],
    );
    const { name, tags, features } = ocean.droplets.get(42);
    assert.deepEqual([name, tags, features.includes("backups")], ["opplet", ["web"], true]);
    const server = hetzner.servers.get(43);
    assert.deepEqual([server.name, server.labels, server.backup_window], ["opplet", { web: "1" }, "22-02"]);
    assert.deepEqual(idsOf(server.public_net.firewalls), [77]);
    assert.equal(server.private_net[0].network, 88);
  });
}
