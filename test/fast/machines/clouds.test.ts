/** Machines at cloud providers, as their providers are asked for them. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { numberOfAddress } from "../../../src/machines/hcloud-server.ts";
import { hostConfig, userData } from "../../../src/machines/user-data.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import type { ShownKeys } from "../../../src/shell/former-run.ts";
import { registerHosts } from "../../../src/shell/hosts.ts";
import { planOf, prodInventory } from "../farms.ts";
import { refusal } from "../refusal.ts";
import { CLOUD_HOSTS, cloudInventory } from "./cloud-farm.ts";
import { type Run, run, secret } from "./made.ts";

const DROPLET = "digitalocean:index/droplet:Droplet";
const ADDRESS = "digitalocean:index/reservedIpAssignment:ReservedIpAssignment";
const FIREWALL = "digitalocean:index/firewall:Firewall";
const SERVER = "hcloud:index/server:Server";
const HCLOUD_FIREWALL = "hcloud:index/firewall:Firewall";
const COMMAND = "command:remote:Command";

const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
const inventory = cloudInventory();

/** Hetzner Cloud's answer for a primary address. */
const primary = (args: { token: string; inputs: { ipAddress: string } }) => {
  assert.deepEqual(args, { ...args, token: "hcloud:index/getPrimaryIp:getPrimaryIp" });
  return { id: 700 + Number(args.inputs.ipAddress.split(".")[3]), autoDelete: false };
};

const register = (of: Inventory, reachable: readonly string[] = [], hostKeys: ShownKeys = {}): Promise<Run> =>
  run(() => {
    registerHosts(planOf(of), keys, undefined, { applied: {}, hostKeys, reachable: new Set(reachable) });
    return {};
  }, primary);

const made = await register(inventory);
const hostOf = (id: string) => inventory.hosts.find((h) => h.id === id)!;
/** The number that a provider gave to what was made. */
const numberOf = (of: Run, type: string, name: string): number => 1001 + of.all.indexOf(of.of(type, name));
const labels = { farm: "lab", environment: "experimental" };

test("a droplet that is made", () => {
  const { inputs, options } = made.of(DROPLET, "drop1-droplet");
  const { userData: given, ...rest } = inputs;
  assert.deepEqual(rest, {
    name: "drop1",
    region: "nyc1",
    size: "s-1vcpu-2gb",
    image: "debian-13-x64",
    backups: true,
    backupPolicy: { plan: "weekly", weekday: "SUN", hour: 0 },
    monitoring: true,
    ipv6: true,
    tags: ["farm:lab", "environment:experimental", "host:drop1"],
    vpcUuid: `${numberOf(made, "digitalocean:index/vpc:Vpc", "vpc-nyc1")}`,
  });
  assert(secret(given).startsWith(userData(hostConfig(hostOf("drop1"), inventory, keys)).slice(0, 60)));
  assert.match(secret(given), /anchor_ipv4\/gateway/);
  assert.deepEqual(
    [options.protect, options.import, options.ignoreChanges],
    [true, undefined, ["image", "userData"]],
  );
});

test("a droplet that is made gets the reserved address that it has in configuration, and waits for it", () => {
  const dropletId = numberOf(made, DROPLET, "drop1-droplet");
  const { inputs, options, done } = made.of(ADDRESS, "drop1-address");
  assert.equal(options.protect, true);
  assert.deepEqual(inputs, { ipAddress: "203.0.113.61", dropletId });
  assert(made.of(COMMAND, "drop1-agent").begun > done);
});

test("a droplet that was there is imported, never made anew, and keeps its address", () => {
  const { inputs, options } = made.of(DROPLET, "drop2-droplet");
  assert.deepEqual([options.import, options.protect], ["42", true]);
  for (const property of "image userData region vpcUuid sshKeys monitoring size ipv6 tags".split(" "))
    assert(options.ignoreChanges?.includes(property), property);
  assert.deepEqual([inputs.backups, inputs.backupPolicy], [false, undefined]);
  // A private key that it never gets has no place in the engine's state.
  assert.equal(inputs.userData, undefined);
  assert(!made.all.some(({ name }) => name === "drop2-address"));
});

const inbound = (protocol: string, port?: string) => ({
  protocol,
  ...(port ? { portRange: port } : {}),
  sourceAddresses: ["0.0.0.0/0", "::/0"],
});

test("DigitalOcean lets in what the host's plan has open by its outside address, and everything out", () => {
  const { inputs, options } = made.of(FIREWALL, "drop1-firewall");
  assert.equal(options.protect, true);
  const all = { destinationAddresses: ["0.0.0.0/0", "::/0"] };
  assert.deepEqual(inputs, {
    name: "lab-drop1",
    dropletIds: [numberOf(made, DROPLET, "drop1-droplet")],
    inboundRules: [inbound("tcp", "22"), inbound("udp", "51820"), inbound("icmp")],
    outboundRules: [
      { protocol: "tcp", portRange: "1-65535", ...all },
      { protocol: "udp", portRange: "1-65535", ...all },
      { protocol: "icmp", ...all },
    ],
  });
});

test("a machine that was there has no firewall of ours until it is taken over", async () => {
  assert(!made.all.some(({ name }) => ["drop2-firewall", "cloud2-firewall"].includes(name)));
  const adopted = await register(
    cloudInventory((_, settings) => {
      settings.adopt = ["drop2", "cloud2"];
    }),
  );
  adopted.of(FIREWALL, "drop2-firewall");
  adopted.of(HCLOUD_FIREWALL, "cloud2-firewall");
});

test("all droplets are in the stack's project; a region's VPC is made once, and for those alone that are made", () => {
  const project = numberOf(made, "digitalocean:index/project:Project", "project");
  assert.deepEqual(
    made.of("digitalocean:index/projectResources:ProjectResources", "project-droplets").inputs,
    { project: `${project}`, resources: ["drop1", "drop2", "drop3"].map((id) => `do:droplet:${id}-droplet`) },
  );
  assert.deepEqual(
    made.all.filter(({ type }) => type.endsWith(":Vpc")).map(({ inputs }) => inputs),
    [{ name: "lab-nyc1", region: "nyc1" }],
  );
  assert.equal(
    made.of(DROPLET, "drop3-droplet").inputs.vpcUuid,
    made.of(DROPLET, "drop1-droplet").inputs.vpcUuid,
  );
});

test("a server of Hetzner Cloud that is made", () => {
  const { inputs, options } = made.of(SERVER, "cloud1-server");
  const { userData: given, ...rest } = inputs;
  assert.deepEqual(rest, {
    name: "cloud1",
    location: "hel1",
    serverType: "cx23",
    image: "debian-13",
    labels: { ...labels, host: "cloud1" },
    deleteProtection: true,
    rebuildProtection: true,
    placementGroupId: numberOf(made, "hcloud:index/placementGroup:PlacementGroup", "spread-hel1"),
    publicNets: [{ ipv4: 763, ipv4Enabled: true, ipv6Enabled: true }],
  });
  assert.equal(secret(given), userData(hostConfig(hostOf("cloud1"), inventory, keys)));
  assert.deepEqual(
    made.all.filter(({ type }) => type.endsWith(":PlacementGroup")).map((group) => group.inputs),
    [{ name: "lab-hel1", type: "spread", labels }],
  );
  assert.deepEqual(
    [options.protect, options.import, options.ignoreChanges],
    [true, undefined, ["image", "userData"]],
  );
  assert(made.of(COMMAND, "cloud1-agent").begun > made.of(SERVER, "cloud1-server").done);
});

test("a server that was there is imported, never made anew, and stays where and what it is", () => {
  const { inputs, options } = made.of(SERVER, "cloud2-server");
  assert.deepEqual([options.import, options.protect], ["43", true]);
  for (const property of "image userData location publicNets placementGroupId serverType labels".split(" "))
    assert(options.ignoreChanges?.includes(property), property);
  assert.deepEqual([inputs.userData, inputs.publicNets], [undefined, undefined]);
});

test("Hetzner Cloud lets in what the host's plan has open by its outside address", () => {
  const rule = (protocol: string, port?: string) => ({
    direction: "in",
    protocol,
    ...(port ? { port } : {}),
    sourceIps: ["0.0.0.0/0", "::/0"],
  });
  const { inputs, options } = made.of(HCLOUD_FIREWALL, "cloud1-firewall");
  assert.equal(options.protect, true);
  assert.deepEqual(inputs, {
    name: "lab-cloud1",
    labels: { ...labels, host: "cloud1" },
    rules: [rule("tcp", "22"), rule("tcp", "443"), rule("tcp", "80"), rule("udp", "51820"), rule("icmp")],
    applyTos: [{ server: numberOf(made, SERVER, "cloud1-server") }],
  });
});

test("a primary address that would go with its server is refused", () => {
  assert.equal(numberOfAddress(hostOf("cloud1"), { id: 7, autoDelete: false }), 7);
  assert.throws(() => numberOfAddress(hostOf("cloud1"), { id: 7, autoDelete: true }), {
    message: "the primary address 203.0.113.63 of host cloud1 would be deleted together with its server",
    remedy: "hcloud primary-ip update 7 --auto-delete=false",
  });
});

test("what a machine was given for its first boot is told to its root alone", () => {
  const rulesOf = (id: string) =>
    hostPlan(planOf(inventory), id).state.files.find(({ path }) => path === "/etc/farm/firewall.nft")!
      .content;
  for (const id of CLOUD_HOSTS) {
    const rules = rulesOf(id).split("chain output")[1]!;
    const order = [
      "169.254.169.254 meta skuid 0",
      "169.254.169.254 counter",
      'tcp dport 80 accept comment "packages',
    ];
    const places = order.map((rule) => rules.indexOf(rule));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
    assert(places[0]! > 0, id);
  }
  assert.doesNotMatch(rulesOf("zhelezo1"), /169\.254/);
});

test("hosts in another order, or with another title, are the same resources", async () => {
  const again = await register(
    cloudInventory((farm) => {
      farm.hosts.reverse();
      for (const host of farm.hosts) host.title = { en: `New ${host.id}`, ru: `Новый ${host.id}` };
    }),
  );
  const names = (of: Run) => of.all.map(({ type, name, inputs }) => [type, name, inputs.name]).sort();
  assert.deepEqual(names(again), names(made));
});

test("machines that are there change in their waves, when every bundle has been found good", async () => {
  const all = inventory.hosts.map(({ id }) => id);
  const again = await register(inventory, all);
  const prepared = Math.max(...all.map((id) => again.of(COMMAND, `${id}-bundle`).done));
  for (const id of CLOUD_HOSTS) {
    const machine = again.of(
      ...((id.startsWith("drop") ? [DROPLET, `${id}-droplet`] : [SERVER, `${id}-server`]) as [
        string,
        string,
      ]),
    );
    assert(machine.begun > prepared, id);
    assert(again.of(COMMAND, `${id}-activate`).begun > machine.done, id);
  }
});

test("a machine whose SSH host key turns is there: it is not waited for", async () => {
  const again = await register(inventory, [], { cloud1: { generation: 2, before: 1 } });
  assert(again.of(SERVER, "cloud1-server").begun > again.of(COMMAND, "cloud1-bundle").done);
});

test("production: both droplets are taken over, none is made, and none gets a firewall before it is taken over", async () => {
  const prod = await run(() => {
    const prodKeys = deriveKeys(PREVIEW_MASTER_KEY, "prod", {});
    const none = new Set<string>();
    const known = { applied: {}, hostKeys: {}, reachable: none, before: none };
    registerHosts(planOf(prodInventory()), prodKeys, undefined, known);
    return {};
  });
  const clouds = prod.all.filter(({ type }) => /^(digitalocean|hcloud):/.test(type));
  assert.deepEqual(
    clouds.map(({ name, options }) => [name, options.protect === true, options.import !== undefined]).sort(),
    [
      ["do-nyc1-a-droplet", true, true],
      ["do-nyc1-b-droplet", true, true],
      ["project", false, false],
      ["project-droplets", false, false],
    ],
  );
});

test("refused: more servers in a location than can be kept on machines of their own", () => {
  assert.match(
    refusal((farm, settings) => {
      for (let n = 1; n <= 9; n++) {
        const size = { memory: "2 GB", disk: "20 GB", price: farm.hosts[0]!.price };
        const origin = { kind: "hcloud" as const, location: "hel1", type: "cx23" };
        farm.hosts.push({
          id: `more${n}`,
          site: "hel1",
          origin,
          mesh: `10.80.1.${n}`,
          ...size,
        } as (typeof farm.hosts)[0]);
        (settings.addresses as Record<string, string>)[`more${n}`] = `203.0.113.${100 + n}`;
      }
    }, cloudInventory),
    /11 hosts are servers of Hetzner Cloud in hel1; only 10 can be kept on machines of their own there/,
  );
});
