/** `farm vswitch` against a Robot on this machine that does what it is told, some looks later. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Robot } from "../../../src/machines/robot/robot.ts";
import { vSwitchText } from "../../../src/operate/vswitch.ts";
import { labInventory } from "../farms.ts";
import { failure, idleClock, loopback, type Reply } from "../machines/loopback.ts";
import { CREDENTIALS, RECORDED } from "../machines/robot-service.ts";
import { host } from "../refusal.ts";

const inventory = labInventory((farm, settings) => {
  Object.assign(host(farm, "zhelezo1").origin, { vSwitch: 4000 });
  settings.vSwitchAddresses = { zhelezo1: "10.99.0.1/24" };
});

interface Member {
  server_number: number;
  server_ip: string;
  status: string;
}

interface Setting {
  present?: { name: string; vlan: number; cancelled?: boolean };
  members?: Member[];
  /** What becomes of a server that is added. */
  ends?: "ready" | "failed" | "in process";
}

/** Robot with the lab's server, and perhaps a vSwitch. A change is in process for three looks. */
async function standIn(t: TestContext, { present, members = [], ends = "ready" }: Setting) {
  const state = { present, members, looks: 0 };
  const whole = () => ({
    ...{ id: 7, cancelled: false, ...state.present },
    ...{ server: state.members, subnet: [], cloud_network: [] },
  });
  const server = {
    ...(RECORDED["GET /server/321"] as { server: object }).server,
    ...{ server_ip: "192.0.2.1", server_name: "zhelezo1" },
  };
  const answers: Record<string, (body: URLSearchParams) => Reply> = {
    "GET /server": () => ({ body: [{ server }] }),
    "GET /vswitch": () => ({ body: state.present ? [whole()] : [] }),
    "GET /vswitch/7": () => {
      state.looks += 1;
      if (state.looks > 3) for (const member of state.members) member.status = ends;
      return { body: whole() };
    },
    "POST /vswitch": (body) => {
      state.present = { name: body.get("name") ?? "", vlan: Number(body.get("vlan")) };
      return { body: whole() };
    },
    "POST /vswitch/7/server": (body) => {
      state.looks = 0;
      const added = body.getAll("server[]").map(Number);
      const fresh = added.map((server_number) => ({ server_number, server_ip: "", status: "in process" }));
      state.members = [...state.members, ...fresh];
      return { status: 201 };
    },
  };
  const service = await loopback(t, ({ method, path, body }) => {
    const answer = answers[`${method} ${path}`];
    assert(answer, `${method} ${path}`);
    return answer(new URLSearchParams(body));
  });
  const clock = idleClock();
  const robot = new Robot(CREDENTIALS, { url: service.url, clock, timeLimit: 5 });
  const told = () =>
    service.seen.filter(({ method }) => method !== "GET").map(({ path, body }) => `${path} ${body}`);
  return { site: { robot, clock }, clock, told };
}

test("looking changes nothing and says what is left", async (t) => {
  const { site, told } = await standIn(t, {});
  assert.deepEqual(await vSwitchText(site, inventory, false), {
    text: "vSwitch farms-4000, VLAN 4000: has to be made\n  zhelezo1, server 321: has to join\n",
    left: true,
  });
  assert.deepEqual(told(), []);
});

test("it is made, joined and waited for, and then nothing is left", async (t) => {
  const { site, clock, told } = await standIn(t, {});
  const done = {
    text: "vSwitch farms-4000, VLAN 4000: number 7\n  zhelezo1, server 321: is joined\n",
    left: false,
  };
  assert.deepEqual(await vSwitchText(site, inventory, true), done);
  const calls = ["/vswitch name=farms-4000&vlan=4000", "/vswitch/7/server server[]=321"];
  assert.deepEqual(told().map(decodeURIComponent), calls);
  assert.deepEqual(clock.slept, [10, 10, 10]);
  assert.deepEqual(await vSwitchText(site, inventory, true), done);
  assert.deepEqual(told().length, 2);
});

test("another server stays, and a join that was begun is waited for", async (t) => {
  const members = [
    { server_number: 421, server_ip: "192.0.2.9", status: "ready" },
    { server_number: 321, server_ip: "192.0.2.1", status: "in process" },
  ];
  const { site, told } = await standIn(t, { present: { name: "farms-4000", vlan: 4000 }, members });
  assert.equal((await vSwitchText(site, inventory, true)).left, false);
  assert.deepEqual(told(), []);
});

const failures: [string, Setting, RegExp][] = [
  ["a join that fails", { ends: "failed" }, /Robot says that server 321 could not join vSwitch farms-4000/],
  [
    "a join without an end",
    { ends: "in process" },
    /Robot has not joined 321 to vSwitch farms-4000 within 600 s/,
  ],
  [
    "a vSwitch of that name with another VLAN",
    { present: { name: "farms-4000", vlan: 4001 } },
    /Robot's vSwitch farms-4000 has VLAN 4001, and not 4000/,
  ],
];
for (const [name, setting, message] of failures)
  test(`refused: ${name}`, async (t) => {
    const { site } = await standIn(t, setting);
    assert.match((await failure(vSwitchText(site, inventory, true))).message, message);
  });

test("one that is cancelled does not count, and one of another name is another's", async (t) => {
  for (const present of [
    { name: "farms-4000", vlan: 4000, cancelled: true },
    { name: "theirs", vlan: 4000 },
  ]) {
    const { site } = await standIn(t, { present });
    assert.match((await vSwitchText(site, inventory, false)).text, /has to be made/);
  }
});
