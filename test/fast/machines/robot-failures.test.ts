import assert from "node:assert/strict";
import test from "node:test";
import { Robot } from "../../../src/machines/robot/robot.ts";
import { ServiceError } from "../../../src/machines/web-service.ts";
import { failure, idleClock, loopback, type Reply } from "./loopback.ts";
import { BASIC, CREDENTIALS, RECORDED, setUp } from "./robot-service.ts";

const refused = (status: number, error: object): Reply => ({ status, body: { error: { status, ...error } } });

test("none is no failure where none may be", async (t) => {
  const { robot } = await setUp(t, {
    "GET /server": [refused(404, { code: "SERVER_NOT_FOUND", message: "No server found" })],
    "GET /key": [refused(404, { code: "NOT_FOUND", message: "No keys found" })],
    "GET /rdns/192.0.2.1": [refused(404, { code: "RDNS_NOT_FOUND", message: "no entry yet" })],
    "GET /rdns/192.0.2.2": [refused(404, { code: "IP_NOT_FOUND", message: "The IP address was not found" })],
    "GET /ip/192.0.2.1/mac": [refused(404, { code: "MAC_NOT_FOUND", message: "none" })],
  });
  assert.deepEqual(await robot.servers.list(), []);
  assert.deepEqual(await robot.keys.list(), []);
  assert.equal(await robot.reverseDns.get("192.0.2.1"), undefined);
  assert.equal(await robot.addresses.mac("192.0.2.1"), undefined);
  assert.match((await failure(robot.reverseDns.get("192.0.2.2"))).message, /IP_NOT_FOUND/);
});

test("what Robot refuses is said in its words", async (t) => {
  const { robot } = await setUp(t, {
    "GET /boot/321": [{ status: 404, body: RECORDED.refused }],
    "POST /vswitch": [{ status: 400, body: RECORDED["invalid input"] }],
    "POST /vswitch/4321/server": [
      refused(409, { code: "VSWITCH_IN_PROCESS", message: "an update is running" }),
    ],
    "GET /vswitch": [{ status: 502, body: "<html>Bad gateway</html>" }],
    "GET /key": [{ status: 503, body: "" }],
    "GET /server": [{ body: "<html>" }],
  });
  const boot = await failure(robot.servers.boot(321));
  assert(boot instanceof ServiceError);
  assert.deepEqual([boot.status, boot.code], [404, "BOOT_NOT_AVAILABLE"]);
  assert.equal(
    boot.message,
    "Hetzner Robot: GET /boot/321: refused with 404: BOOT_NOT_AVAILABLE: No boot configuration available for this server",
  );
  assert.match(
    (await failure(robot.vSwitches.create("", 0))).message,
    /INVALID_INPUT.*missing: minute, hour/,
  );
  assert.match((await failure(robot.vSwitches.addServers(4321, [1]))).message, /409: VSWITCH_IN_PROCESS/);
  assert.match((await failure(robot.vSwitches.list())).message, /GET \/vswitch: refused with 502$/);
  assert.match((await failure(robot.keys.list())).message, /refused with 503: it is being maintained/);
  assert.match((await failure(robot.servers.list())).message, /GET \/server .*it is no JSON/);
});

test("after a refused log-in nothing more is sent", async (t) => {
  const { robot, service } = await setUp(t, { "GET /server/321": [{ status: 401, body: "" }] });
  const errors = await Promise.all(
    [robot.servers.get(321), robot.servers.list(), robot.vSwitches.list()].map(failure),
  );
  for (const error of errors) assert.match(error.remedy ?? "", /after 3 wrong log-ins/);
  assert.match((await failure(robot.rescue.activate(321, []))).message, /does not know the user/);
  assert.deepEqual(service.asked(), ["GET /server/321"]);
});

test("too many requests: the end says when to try again", async (t) => {
  for (const [limit, field] of [
    ["500", "max_request"],
    ["50", "max_requests"],
  ] as const) {
    const { error } = RECORDED["too many requests"] as { error: object };
    const { max_request: _, ...rest } = error as { max_request: number };
    const body = { error: { ...rest, [field]: Number(limit) } };
    const { robot, service } = await setUp(t, { "GET /vswitch": [{ status: 403, body }] });
    const { message, remedy } = await failure(robot.vSwitches.list());
    assert.match(message, new RegExp(`RATE_LIMIT_EXCEEDED.*: ${limit} requests in 3600 s`));
    const [, when = ""] = /try again after (\S+Z),/.exec(remedy ?? "") ?? [];
    assert(Math.abs(Date.parse(when) - Date.now() - 3_600_000) < 60_000, remedy);
    assert.equal(service.seen.length, 1);
  }
});

test("a run keeps the documented limits itself", async (t) => {
  const { robot, service, clock } = await setUp(t);
  const generate = () => robot.addresses.generateMac("124.124.124.124", "server1");
  for (let i = 0; i < 10; i++) await generate();
  const before = service.asked().filter((each) => each.startsWith("PUT")).length;
  const error = await failure(generate());
  assert.match(error.message, /PUT \/ip\/\{\}\/mac: not sent: it takes 10 of these an hour/);
  assert.match(error.remedy ?? "", /try again after \d{4}-/);
  assert.equal(service.asked().filter((each) => each.startsWith("PUT")).length, before);
  await robot.addresses.deleteMac("124.124.124.124", "server1");
  await clock.sleep(3601);
  await generate();
});

test("an answer of another form names the field", async (t) => {
  const list = structuredClone(RECORDED["GET /server"]) as { server: Record<string, unknown> }[];
  delete list[1]!.server.server_name;
  const { robot } = await setUp(t, { "GET /server": [{ body: list }] });
  const { message, remedy } = await failure(robot.servers.list());
  assert.match(
    message,
    /GET \/server has another answer than expected: \[1\]\.server\.server_name: .*string/,
  );
  assert.match(remedy ?? "", /documentation of Hetzner Robot/);
});

test("only what asks is sent again, and not for ever", async (t) => {
  const later = { status: 503, headers: { "retry-after": "7" }, body: "" };
  const { robot, service, clock } = await setUp(t, {
    "GET /server/321": [{ silent: "cut" }, later, { body: RECORDED["GET /server/321"] }],
    "GET /vswitch": [{ silent: "cut" }],
    "GET /key": [{ ...later, headers: { "retry-after": "3600" } }],
    "POST /key": [{ silent: "cut" }],
    "POST /vswitch": [later],
  });
  await robot.servers.get(321);
  assert.deepEqual(clock.slept, [1, 7]);
  assert.match((await failure(robot.vSwitches.list())).message, /no connection \(\w+\)$/);
  assert.match((await failure(robot.keys.list())).remedy ?? "", /in 3600 s/);
  assert.match((await failure(robot.keys.add("a", "b"))).message, /not known whether it was carried out/);
  assert.match((await failure(robot.vSwitches.create("a", 4000))).remedy ?? "", /in 7 s/);
  const count = (request: string) => service.asked().filter((each) => each === request).length;
  assert.deepEqual(
    ["GET /server/321", "GET /vswitch", "GET /key", "POST /key", "POST /vswitch"].map(count),
    [3, 3, 1, 1, 1],
  );
});

test("who does not answer in time is not waited for", async (t) => {
  const service = await loopback(t, () => ({ silent: "open" }));
  const robot = new Robot(CREDENTIALS, { url: service.url, clock: idleClock(), timeLimit: 0.2 });
  assert.match((await failure(robot.servers.list())).message, /no answer in 0.2 s/);
  assert.equal(service.seen.length, 1);
});

test("credentials are in no error, and go nowhere else", async (t) => {
  const echo = `user #ws+farm, password s3cr3t-pässword, header Basic ${BASIC}`;
  const { robot, service } = await setUp(t, {
    "GET /server": [refused(500, { code: "ECHO", message: echo })],
    "GET /vswitch": [{ status: 302, headers: { location: "/elsewhere" }, body: echo }],
    "GET /key": [{ body: { echo } }],
  });
  const calls = [robot.servers.list(), robot.vSwitches.list(), robot.keys.list()];
  const errors = await Promise.all(calls.map(failure));
  assert.match(errors[0]!.message, /500: ECHO: user …, password …, header Basic …/);
  for (const error of errors) {
    const all = `${error.stack} ${error.remedy} ${JSON.stringify(error)}`;
    for (const secret of [CREDENTIALS.user, CREDENTIALS.password, BASIC]) assert(!all.includes(secret), all);
  }
  assert(!service.asked().includes("GET /elsewhere"));
  const plain = { url: "http://robot.example", clock: idleClock(), timeLimit: 5 };
  assert.throws(() => new Robot(CREDENTIALS, plain), /http:\/\/robot\.example is not encrypted/);
});
