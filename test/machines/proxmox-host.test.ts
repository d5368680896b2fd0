/** A Proxmox host: router and packet filter of its guests, each a network namespace on its bridge; its own settings. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AGENT, agentText, INSTALL_AGENT, secretsFor } from "../../src/host/agent.ts";
import type { HostPlan } from "../../src/plan/plan.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import type { Lock } from "../../src/twin/machines/lock.ts";
import { boot } from "../../src/twin/machines/machine.ts";
import { address6Of, BRIDGE, inNamespace, runInNamespace } from "../../src/twin/machines/network.ts";
import { must, waitUntil } from "../../src/twin/machines/run.ts";
import { withoutRoot } from "./lab-farm.ts";
import { closeStack, openStack } from "./own-stack.ts";
import {
  call,
  callFromOutside,
  db1,
  db2,
  db3,
  FAR,
  FAR_GUESTS,
  GATEWAY,
  GATEWAY6,
  GUESTS,
  type Guest,
  HOST,
  ipv6Of,
  keys,
  mirror,
  OUTSIDE,
  OUTSIDE6,
  planned,
  plugIn,
  RANGE,
  STACK,
  SUBNET,
  sh,
} from "./proxmox-guests.ts";
import { proxmoxSettings } from "./proxmox-settings.ts";

describe("a Proxmox host", { skip: withoutRoot }, () => {
  const mirrors: ReturnType<typeof mirror>[] = [];
  let lock: Lock | undefined;
  let folder = "";
  let plan: HostPlan;

  /** Makes the host what it is to be; returns the changes. */
  async function apply(): Promise<string[]> {
    const { code, stdout, stderr } = await inMachine(STACK, HOST.id, [AGENT, "apply"], {
      input: plan.bundle,
      limit: 300,
    });
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(stdout).changes;
  }

  before(async () => {
    lock = await openStack(STACK, RANGE, "the test of a Proxmox host");
    folder = mkdtempSync(join(tmpdir(), "farm-proxmox-host-"));
    await must("make a key", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    const publicKey = readFileSync(join(folder, "key.pub"), "utf8").trim();
    const hostKey = keys.sshHostKey(HOST.id);
    const { id: name, address, address6 } = HOST;
    const machine = { name, address, address6, prefixLength: 24, diskBytes: 3 * 2 ** 30 };
    await boot(STACK, { ...machine, hostKey, authorizedKeys: [publicKey], fresh: true });
    await sh(INSTALL_AGENT, agentText);
    plan = planned(publicKey);
    await sh(`${AGENT} secrets`, secretsFor(plan, keys));
    assert.notEqual((await apply()).length, 0);
    await must("find the routed address", [
      ...inNamespace(STACK, ["ip", "route", "add", `${db3.address}/32`, "via", HOST.address]),
    ]);
    await must("find the routed network", [
      ...inNamespace(STACK, [
        ...["ip", "route", "add", `${address6Of(RANGE, SUBNET, 0)}/64`, "via", HOST.address6],
      ]),
    ]);
    for (const port of [53, 8080]) mirrors.push(mirror(inNamespace(STACK, []), "TCP", port));
    mirrors.push(mirror(inNamespace(STACK, []), "UDP6", 123), mirror(inNamespace(STACK, []), "TCP6", 8081));
  });

  after(async () => {
    for (const each of mirrors) each.kill();
    if (lock === undefined) return;
    await closeStack(STACK, lock);
    rmSync(folder, { recursive: true });
  });

  test("the bridge takes its address with its first guest, and has no outside interface", async () => {
    assert.equal(await sh("ip -4 -brief address show vmbr1 | awk '{print $3}'"), "");
    await sh(
      `apt-get -qqy install --no-install-recommends socat >/dev/null\n${GUESTS.map(plugIn).join("\n")}`,
    );
    const address = () => sh("ip -4 -brief address show vmbr1 | awk '{print $3}'");
    await waitUntil(
      async () => (await address()) === `${GATEWAY}/24`,
      10,
      () => "vmbr1 has no address",
    );
    await waitUntil(
      async () => (await sh("ip -6 -brief address show vmbr1 -tentative")).includes(` ${GATEWAY6}/64 `),
      10,
      () => "vmbr1 has no IPv6 address",
    );
    // Until nobody has objected to its address, a guest neither calls by it nor is found.
    const untested = GUESTS.map(({ id }) => `ip -n ${id} -6 address show tentative`).join("\n");
    await waitUntil(
      async () => (await sh(untested)) === "",
      10,
      () => "a guest's IPv6 address is not tested yet",
    );
    assert.equal(
      await sh("ls /sys/class/net/vmbr1/brif"),
      GUESTS.map(({ vmid }) => `veth${vmid}i0`).join("\n"),
    );
  });

  test("what a guest declares passes: under its host's address where its own is private, else under its own", async () => {
    assert.equal(await call(db1, "TCP", OUTSIDE, 53), HOST.address);
    assert.equal(await call(db3, "TCP", OUTSIDE, 53), db3.address);
  });

  test("anything else is refused at once, on the host, and counted", async () => {
    const refused = () =>
      sh("nft list counter inet farm refused_through | awk '/packets/ {print $2}'").then(Number);
    const before = await refused();
    for (const guest of [db1, db3]) assert.match(await call(guest, "TCP", OUTSIDE, 8080), /No route to host/);
    assert.equal((await refused()) - before, 2);
  });

  test("IPv6: what a guest declares passes under its own address, in and out, and nothing else does", async () => {
    assert.equal(await call(db3, "UDP6", OUTSIDE6, 123), ipv6Of(db3));
    assert.match(await call(db3, "TCP6", OUTSIDE6, 8081), /Permission denied/);
    assert.match(await call(db1, "UDP6", OUTSIDE6, 123), /unreachable/);
    await sh(`for port in 80 22; do
systemd-run -q nsenter --net=/run/netns/${db3.id} socat -U TCP6-LISTEN:$port,fork 'SYSTEM:echo $SOCAT_PEERADDR'; done`);
    await waitUntil(
      async () => (await call(db3, "TCP6", "::1", 22)) === "::1",
      10,
      () => "db3 does not listen",
    );
    assert.equal(await callFromOutside("TCP6", ipv6Of(db3), 80), OUTSIDE6);
    assert.match(await callFromOutside("TCP6", ipv6Of(db3), 22), /Permission denied/);
    assert.match(await callFromOutside("TCP6", ipv6Of(db2), 80), /Permission denied/);
  });

  test("guests of one host reach each other as declared, and no further", async () => {
    const inside = ["nsenter", `--net=/run/netns/${db2.id}`];
    await sh(`systemd-run -q ${inside.join(" ")} socat -U UDP-LISTEN:51820,fork 'SYSTEM:echo $SOCAT_PEERADDR'
systemd-run -q ${inside.join(" ")} socat -U TCP-LISTEN:3306,fork 'SYSTEM:echo $SOCAT_PEERADDR'`);
    await waitUntil(
      async () => (await call(db2, "TCP", db2.address, 3306)) === db2.address,
      10,
      () => "db2 does not listen",
    );
    assert.equal(await call(db1, "UDP", db2.address, 51_820), db1.address);
    assert.match(await call(db1, "TCP", db2.address, 3306), /timed out|in progress/);
  });

  test("a guest is heard under its own address alone", async () => {
    const foreign = "10.91.7.99";
    await sh(`ip -n ${db1.id} address add ${foreign}/24 dev eth0`);
    const from = (address: string) =>
      inMachine(STACK, HOST.id, [
        ...["ip", "netns", "exec", db1.id, "ping", "-c", "1", "-W", "1", "-I", address, GATEWAY],
      ]);
    assert.equal((await from(db1.address)).code, 0);
    assert.notEqual((await from(foreign)).code, 0);
  });

  test("IPv6: a guest is heard under its own address alone, and is no neighbour by another's", async () => {
    const foreign = address6Of(RANGE, SUBNET, 99);
    const ping = (guest: Guest, address: string) =>
      inMachine(STACK, HOST.id, [
        ...["ip", "netns", "exec", guest.id, "ping", "-c", "1", "-W", "1", "-I", address, GATEWAY6],
      ]);
    const has = (guest: Guest, address: string) =>
      sh(`ip -n ${guest.id} address add ${address}/64 dev eth0 nodad`);
    await has(db3, foreign);
    assert.equal((await ping(db3, ipv6Of(db3))).code, 0);
    assert.notEqual((await ping(db3, foreign)).code, 0);
    await has(db1, foreign);
    assert.notEqual((await ping(db1, foreign)).code, 0, "db1 has no IPv6");
    await sh(`ip -n ${db3.id} address del ${foreign}/64 dev eth0`);

    // db2 says that it is db3, and db3 is off.
    const taken = ipv6Of(db3);
    await has(db2, taken);
    await sh(`systemd-run -q nsenter --net=/run/netns/${db2.id} socat -U TCP6-LISTEN:80,fork 'SYSTEM:echo db2'
ip link set veth${db3.vmid}i0 down; ip -6 neigh flush dev vmbr1`);
    assert.doesNotMatch(await callFromOutside("TCP6", taken, 80), /db2|:/);
    await sh(`ip -n ${db2.id} address del ${taken}/64 dev eth0; ip link set veth${db3.vmid}i0 up`);
    await waitUntil(
      async () => (await callFromOutside("TCP6", taken, 80)) === OUTSIDE6,
      15,
      () => "db3 is not back",
    );
  });

  test("nobody outside calls a guest, or sees its MAC address", async () => {
    await must("know a way", inNamespace(STACK, ["ip", "route", "add", "10.91.7.0/24", "via", HOST.address]));
    for (const address of [db2, db3].flatMap((guest) => [guest.address, ipv6Of(guest)])) {
      const { stdout, code } = await runInNamespace(STACK, [
        ...["timeout", "2", "bash", "-c", `</dev/tcp/${address}/3306`],
      ]);
      assert.notEqual(code, 0, stdout);
    }
    const seen = await must("see", inNamespace(STACK, ["bridge", "fdb", "show", "br", BRIDGE]));
    for (const { id } of GUESTS) {
      const mac = await sh(`ip -n ${id} -brief link show eth0 | awk '{print $3}'`);
      assert.match(mac, /^(\w\w:){5}\w\w$/);
      assert.doesNotMatch(seen, new RegExp(mac, "i"));
    }
  });

  test("guests behind one vSwitch reach each other as declared, each under its own address, and no further", async () => {
    // This kernel has no VLANs: a link of that name has its address and its routes, as the file for ifupdown2 says.
    const far = { id: "far", address: FAR_GUESTS[0]?.address ?? "" };
    await sh(`ip netns add far
ip link add vmbr0.4000 type veth peer name eth0 netns far
ip address add ${HOST.vSwitch}/24 dev vmbr0.4000 && ip link set vmbr0.4000 up
ip -n far address add ${FAR.vSwitch}/24 dev eth0 && ip -n far address add ${far.address}/32 dev lo
ip -n far link set lo up && ip -n far link set eth0 up
ip -n far route add default via ${HOST.vSwitch} src ${far.address}
sed -n 's/^\tpost-up //p' /etc/network/interfaces.d/60-farm | sh -eux
for place in far ${db1.id}; do for listen in UDP-LISTEN:51820 TCP-LISTEN:3306; do
systemd-run -q nsenter --net=/run/netns/$place socat -U $listen,fork 'SYSTEM:echo $SOCAT_PEERADDR'; done; done`);
    for (const [from, to] of [
      [db1, far],
      [far, db1],
    ] as const) {
      await waitUntil(
        async () => (await call(to, "TCP", to.address, 3306)) === to.address,
        10,
        () => `${to.id} does not listen`,
      );
      assert.equal(await call(from, "UDP", to.address, 51_820), from.address);
      assert.match(await call(from, "TCP", to.address, 3306), /No route to host/);
    }
    await sh("ip link del vmbr0.4000");
  });

  test("applied again, with guests at work, changes nothing", async () => {
    assert.deepEqual(await apply(), []);
    assert.equal(await call(db1, "TCP", OUTSIDE, 53), HOST.address);
  });

  proxmoxSettings(sh);
});
