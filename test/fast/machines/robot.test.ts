import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { FirewallSettings } from "../../../src/machines/robot/firewall.ts";
import type { Robot } from "../../../src/machines/robot/robot.ts";
import { failure } from "./loopback.ts";
import { BASIC, RECORDED, setUp } from "./robot-service.ts";

const FINGERPRINT = "15:28:b0:03:95:f0:77:b3:10:56:15:6b:77:22:a5:bb";
const NET = "2a01:4f8:fff1::";
const SETTINGS: FirewallSettings = {
  status: "active",
  filter_ipv6: false,
  whitelist_hos: true,
  rules: {
    input: [{ name: "rule 1 (v4)", ip_version: "ipv4", src_ip: "1.1.1.1", dst_port: "80", action: "accept" }],
    output: [{ name: "Allow all", ip_version: null, action: "accept" }],
  },
};

type Asked = readonly [request: string, body?: string];

async function sends(t: TestContext, call: (robot: Robot) => Promise<unknown>, ...asked: Asked[]) {
  const { robot, service } = await setUp(t);
  const result = await call(robot);
  assert.deepEqual(
    service.seen.map(({ method, path, body }) => [`${method} ${path}`, decodeURIComponent(body)]),
    asked.map(([request, body = ""]) => [request, body]),
  );
  for (const { headers, body } of service.seen) {
    assert.equal(headers.authorization, `Basic ${BASIC}`);
    assert.equal(headers["content-type"], body ? "application/x-www-form-urlencoded" : undefined);
  }
  return result;
}

test("servers: list, one, reset options, boot", async (t) => {
  const list = await sends(t, (robot) => robot.servers.list(), ["GET /server"]);
  assert.deepEqual(
    (list as { server_name: string }[]).map((each) => each.server_name),
    ["server1", "server2"],
  );
  const one = await sends(t, (robot) => robot.servers.get(321), ["GET /server/321"]);
  assert.equal((one as { product: string }).product, "EQ 8");
  const options = await sends(t, (robot) => robot.servers.resetOptions(321), ["GET /reset/321"]);
  assert.deepEqual((options as { type: string[] }).type, ["sw", "hw", "man"]);
  const boot = await sends(t, (robot) => robot.servers.boot(321), ["GET /boot/321"]);
  assert.deepEqual((boot as { rescue: object }).rescue, { active: false });
});

test("a reset looks the name up first", async (t) => {
  await sends(
    t,
    (robot) => robot.servers.reset(321, "hw", "server1"),
    ["GET /server/321"],
    ["POST /reset/321", "type=hw"],
  );
});

test("rescue: state, activation with keys, deactivation, last; keys: list, add", async (t) => {
  await sends(t, (robot) => robot.rescue.get(321), ["GET /boot/321/rescue"]);
  const rescue = await sends(t, (robot) => robot.rescue.activate(321, [FINGERPRINT, "a:b"]), [
    "POST /boot/321/rescue",
    `os=linux&authorized_key[]=${FINGERPRINT}&authorized_key[]=a:b`,
  ]);
  assert.equal((rescue as { password: string }).password, "jEt0dtUvomlyOwRr");
  await sends(t, (robot) => robot.rescue.deactivate(321), ["DELETE /boot/321/rescue"]);
  await sends(t, (robot) => robot.rescue.last(321), ["GET /boot/321/rescue/last"]);
  const keys = await sends(t, (robot) => robot.keys.list(), ["GET /key"]);
  assert.equal((keys as { fingerprint: string }[])[1]?.fingerprint, FINGERPRINT);
  await sends(t, (robot) => robot.keys.add("NewKey", "ssh-rsa AAAAB3NzaC1yc+"), [
    "POST /key",
    "name=NewKey&data=ssh-rsa+AAAAB3NzaC1yc+",
  ]);
});

test("addresses: names, MAC addresses, failover", async (t) => {
  const [ip, additional] = ["123.123.123.123", "124.124.124.124"];
  const server = ["GET /server/321"] as const;
  assert.equal(await sends(t, (robot) => robot.reverseDns.get(ip), [`GET /rdns/${ip}`]), "testen.de");
  await sends(t, (robot) => robot.reverseDns.set(ip, "testen.de"), [`POST /rdns/${ip}`, "ptr=testen.de"]);
  await sends(t, (robot) => robot.reverseDns.delete(ip), [`DELETE /rdns/${ip}`]);
  const [address, mac] = [[`GET /ip/${additional}`], `/ip/${additional}/mac`] as const;
  assert.equal(
    await sends(t, (robot) => robot.addresses.mac(additional), [`GET ${mac}`]),
    "00:21:85:62:3e:9c",
  );
  const generate = (robot: Robot) => robot.addresses.generateMac(additional, "server1");
  assert.equal(await sends(t, generate, [...address], server, [`PUT ${mac}`]), "00:21:85:62:3e:9c");
  const remove = (robot: Robot) => robot.addresses.deleteMac(additional, "server1");
  await sends(t, remove, [...address], server, [`DELETE ${mac}`]);
  await sends(t, (robot) => robot.failover.get(NET), [`GET /failover/${NET}`]);
  const route = (robot: Robot) => robot.failover.route(NET, "2a01:4f8:0:5176::", "server1");
  await sends(t, route, [`GET /failover/${NET}`], server, [
    `POST /failover/${NET}`,
    "active_server_ip=2a01:4f8:0:5176::",
  ]);
  const unroute = (robot: Robot) => robot.failover.unroute(NET, "server1");
  await sends(t, unroute, [`GET /failover/${NET}`], server, [`DELETE /failover/${NET}`]);
});

test("vSwitches: list, one, creation, members, cancellation", async (t) => {
  const one = ["GET /vswitch/4321"] as const;
  await sends(t, (robot) => robot.vSwitches.list(), ["GET /vswitch"]);
  await sends(t, (robot) => robot.vSwitches.get(4321), one);
  await sends(t, (robot) => robot.vSwitches.create("my vSwitch", 4000), [
    "POST /vswitch",
    "name=my+vSwitch&vlan=4000",
  ]);
  const members = "server[]=321&server[]=421";
  await sends(t, (robot) => robot.vSwitches.addServers(4321, [321, 421]), [
    "POST /vswitch/4321/server",
    members,
  ]);
  const remove = (robot: Robot) => robot.vSwitches.removeServers(4321, [321, 421], "my vSwitch");
  await sends(t, remove, one, ["DELETE /vswitch/4321/server", members]);
  const cancel = (robot: Robot) => robot.vSwitches.cancel(4321, "2018-06-30", "my vSwitch");
  await sends(t, cancel, one, ["DELETE /vswitch/4321", "cancellation_date=2018-06-30"]);
});

test("a firewall's rules are read whichever way they come", async (t) => {
  const { robot } = await setUp(t, {
    "GET /firewall/321": [{ body: RECORDED["GET /firewall/321"] }, { body: RECORDED["firewall cleared"] }],
  });
  const { rules } = await robot.firewalls.get(321);
  assert.deepEqual([rules.input[0]?.src_ip, rules.output[0]?.name], ["1.1.1.1", "Allow all"]);
  assert.deepEqual((await robot.firewalls.get(321)).rules, { input: [], output: [] });
});

test("a firewall is set, and waited for", async (t) => {
  const [active, busy] = [{ body: RECORDED["GET /firewall/321"] }, { body: RECORDED["POST /firewall/321"] }];
  const { robot, service, clock } = await setUp(t, { "GET /firewall/321": [active, busy, busy, active] });
  assert.equal((await robot.firewalls.apply(321, SETTINGS, "server1")).status, "active");
  assert.deepEqual(service.asked(), [
    "GET /server/321",
    "GET /firewall/321",
    "POST /firewall/321",
    ...Array(3).fill("GET /firewall/321"),
  ]);
  assert.deepEqual(clock.slept, [10, 10]);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(service.seen[2]?.body)), {
    status: "active",
    filter_ipv6: "false",
    whitelist_hos: "true",
    "rules[input][0][name]": "rule 1 (v4)",
    "rules[input][0][ip_version]": "ipv4",
    "rules[input][0][src_ip]": "1.1.1.1",
    "rules[input][0][dst_port]": "80",
    "rules[input][0][action]": "accept",
    "rules[output][0][name]": "Allow all",
    "rules[output][0][action]": "accept",
  });
});

test("a firewall that is never ready ends the wait with a message", async (t) => {
  const { robot, service, clock } = await setUp(t, {
    "GET /firewall/321": [{ body: RECORDED["POST /firewall/321"] }],
  });
  const error = await failure(robot.firewalls.apply(321, SETTINGS, "server1"));
  assert.match(error.message, /firewall of server 321 is still in process after 180 s/);
  assert.equal(clock.now(), 180_000);
  assert(!service.asked().includes("POST /firewall/321"));
});

test("a firewall that became something else is no success", async (t) => {
  const { robot } = await setUp(t);
  const error = await failure(robot.firewalls.apply(321, { ...SETTINGS, status: "disabled" }, "server1"));
  assert.match(error.message, /is active, not disabled/);
});

test("with a wrong confirmation nothing is sent but questions", async (t) => {
  const { robot, service } = await setUp(t);
  const calls = [
    robot.servers.reset(321, "hw", "server2"),
    robot.servers.reset(321, "hw", "321"),
    robot.servers.reset(321, "hw", ""),
    robot.addresses.generateMac("124.124.124.124", "server2"),
    robot.addresses.deleteMac("124.124.124.124", "124.124.124.124"),
    robot.failover.route(NET, "2a01:4f8:0:5176::", "server2"),
    robot.failover.unroute(NET, NET),
    robot.vSwitches.removeServers(4321, [321], "4321"),
    robot.vSwitches.cancel(4321, "now", "my vswitch"),
    robot.firewalls.apply(321, SETTINGS, "Server1"),
  ];
  for (const error of await Promise.all(calls.map(failure))) {
    assert.match(error.message, /not confirmed, nothing was sent/);
    assert.equal(error.exitCode, 2);
  }
  assert.deepEqual(
    service.seen.filter(({ method }) => method !== "GET"),
    [],
  );
});

test("a server without a name is confirmed by its number, not by nothing", async (t) => {
  const { server } = RECORDED["GET /server/321"] as { server: object };
  const nameless = { body: { server: { ...server, server_name: "" } } };
  const { robot, service } = await setUp(t, { "GET /server/321": [nameless] });
  const error = await failure(robot.servers.reset(321, "hw", ""));
  assert.match(error.remedy ?? "", /"321"/);
  await robot.servers.reset(321, "hw", "321");
  assert.equal(service.asked().at(-1), "POST /reset/321");
});
