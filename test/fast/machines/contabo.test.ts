import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { Contabo } from "../../../src/machines/contabo/contabo.ts";
import { ServiceError } from "../../../src/machines/web-service.ts";
import { CREDENTIALS, RECORDED, setUp } from "./contabo-service.ts";
import { failure, type Loopback, type Reply } from "./loopback.ts";

const TOKEN_PATH = "/auth/realms/contabo/protocol/openid-connect/token";
const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const INSTANCE = "/v1/compute/instances/100";
const SNAPSHOT = `${INSTANCE}/snapshots/snap1628603855`;
const PAGE = "?page=1&size=100";
const USER_DATA = "#cloud-config\nwrite_files: [{ content: t0p-s3cret }]";

type Asked = readonly [request: string, body?: unknown];

async function sends<T>(
  t: TestContext,
  call: (contabo: Contabo) => Promise<T>,
  ...asked: Asked[]
): Promise<T> {
  const { contabo, service } = await setUp(t);
  const result = await call(contabo);
  assert.deepEqual(
    service.seen.map(({ method, path, body }) => [`${method} ${path}`, body ? JSON.parse(body) : undefined]),
    asked.map(([request, body]) => [request, body]),
  );
  for (const { headers, body } of service.seen) {
    assert.equal(headers.authorization, "Bearer token-1");
    assert.match(String(headers["x-request-id"]), UUID4);
    assert.equal(headers["content-type"], body ? "application/json" : undefined);
  }
  assert.equal(new Set(service.seen.map(({ headers }) => headers["x-request-id"])).size, asked.length);
  return result;
}

test("a log-in sends the four credentials as a form", async (t) => {
  const { contabo, logIns } = await setUp(t);
  await contabo.images.list();
  const [{ method, path, body, headers }] = logIns.seen as [Loopback["seen"][0]];
  assert.deepEqual([method, path], ["POST", TOKEN_PATH]);
  assert.equal(headers["content-type"], "application/x-www-form-urlencoded");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "password",
    client_id: CREDENTIALS.clientId,
    client_secret: CREDENTIALS.clientSecret,
    username: CREDENTIALS.user,
    password: CREDENTIALS.password,
  });
});

test("instances and images: list, one", async (t) => {
  const list = await sends(t, (c) => c.instances.list(), [`GET /v1/compute/instances${PAGE}`]);
  assert.deepEqual(
    list.map(({ name, ipConfig }) => [name, ipConfig.v4.ip]),
    [["vmd12345", "192.168.0.1"]],
  );
  assert.equal((await sends(t, (c) => c.instances.get(100), [`GET ${INSTANCE}`])).status, "running");
  const images = await sends(t, (c) => c.images.list(), [`GET /v1/compute/images${PAGE}`]);
  assert.equal(images[0]?.version, "20.04.2");
});

test("all pages of a list are asked for", async (t) => {
  const answer = RECORDED["GET /v1/secrets"] as { data: object[]; _pagination: object };
  const page = (secretId: number) => ({
    body: {
      data: [{ ...answer.data[0], secretId }],
      _pagination: { ...answer._pagination, totalPages: 3, page: secretId },
    },
  });
  const pages = [1, 2, 3].map((n) => [`GET /v1/secrets?page=${n}&size=100`, [page(n)]] as [string, Reply[]]);
  const { contabo, service } = await setUp(t, Object.fromEntries(pages));
  assert.deepEqual(
    (await contabo.secrets.list()).map(({ secretId }) => secretId),
    [1, 2, 3],
  );
  assert.equal(service.seen.length, 3);
});

test("a reinstallation is confirmed by either name", async (t) => {
  const wanted = { imageId: "3f184ab8-a600-4e7c-8c9b-3413e21a3752", sshKeys: [123, 125] };
  const more = { ...wanted, userData: USER_DATA, defaultUser: "root" } as const;
  await sends(
    t,
    (c) => c.instances.reinstall(100, more, "VPS"),
    [`GET ${INSTANCE}`],
    [`PUT ${INSTANCE}`, more],
  );
  await sends(
    t,
    (c) => c.instances.reinstall(100, wanted, "vmd12345"),
    [`GET ${INSTANCE}`],
    [`PUT ${INSTANCE}`, wanted],
  );
});

test("snapshots: list, creation, rollback, deletion", async (t) => {
  const list = await sends(t, (c) => c.snapshots.list(100), [`GET ${INSTANCE}/snapshots${PAGE}`]);
  assert.equal(list[0]?.snapshotId, "snap1628603855");
  const body = { name: "Snapshot-Server" };
  await sends(t, (c) => c.snapshots.create(100, body.name), [`POST ${INSTANCE}/snapshots`, body]);
  const rollback = (c: Contabo) => c.snapshots.rollback(100, "snap1628603855", "VPS");
  await sends(t, rollback, [`GET ${INSTANCE}`], [`POST ${SNAPSHOT}/rollback`, {}]);
  const remove = (c: Contabo) => c.snapshots.delete(100, "snap1628603855", "VPS");
  await sends(t, remove, [`GET ${INSTANCE}`], [`DELETE ${SNAPSHOT}`]);
});

test("secrets: list, creation, deletion; no value comes out", async (t) => {
  const list = await sends(t, (c) => c.secrets.list(), [`GET /v1/secrets${PAGE}`]);
  assert.deepEqual(list, [{ secretId: 12345, name: "Password Secret", type: "password" }]);
  const body = { name: "farm", value: "ssh-ed25519 AAAA", type: "ssh" };
  await sends(t, (c) => c.secrets.createSshKey("farm", body.value), ["POST /v1/secrets", body]);
  const remove = (c: Contabo) => c.secrets.delete(12345, "Password Secret");
  await sends(t, remove, ["GET /v1/secrets/12345"], ["DELETE /v1/secrets/12345"]);
});

test("with a wrong confirmation nothing is sent but questions", async (t) => {
  const { contabo, service } = await setUp(t);
  const wanted = { imageId: "3f184ab8-a600-4e7c-8c9b-3413e21a3752", sshKeys: [] };
  const calls = [
    contabo.instances.reinstall(100, wanted, "vps"),
    contabo.instances.reinstall(100, wanted, "100"),
    contabo.instances.reinstall(100, wanted, ""),
    contabo.snapshots.rollback(100, "snap1628603855", "snap1628603855"),
    contabo.snapshots.delete(100, "snap1628603855", "vmd1234"),
    contabo.secrets.delete(12345, "12345"),
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

test("an instance without a display name is not confirmed by nothing", async (t) => {
  const { data } = RECORDED[`GET ${INSTANCE}`] as { data: object[] };
  const body = { data: [{ ...data[0], displayName: "" }] };
  const { contabo, service } = await setUp(t, { [`GET ${INSTANCE}`]: [{ body }] });
  await failure(contabo.snapshots.delete(100, "snap1628603855", ""));
  assert.deepEqual(service.asked(), [`GET ${INSTANCE}`]);
});

test("a token is used until half a minute before its end, and shared", async (t) => {
  const { contabo, service, logIns, clock } = await setUp(t);
  await Promise.all([contabo.instances.get(100), contabo.images.list()]);
  await clock.sleep(269);
  await contabo.instances.get(100);
  assert.equal(logIns.seen.length, 1);
  await clock.sleep(2);
  await contabo.instances.get(100);
  assert.equal(logIns.seen.length, 2);
  assert.equal(service.seen.at(-1)?.headers.authorization, "Bearer token-2");
});

test("after a 401 there is a new token, once, also for what changes something", async (t) => {
  const no = { status: 401, body: { statusCode: 401, message: "Unauthorized" } };
  const { contabo, service, logIns } = await setUp(t, {
    "POST /v1/secrets": [no, { body: RECORDED["POST /v1/secrets"] }],
    [`GET ${INSTANCE}`]: [no],
  });
  await contabo.secrets.createSshKey("farm", "ssh-ed25519 AAAA");
  assert.deepEqual(
    service.seen.map(({ headers }) => headers.authorization),
    ["Bearer token-1", "Bearer token-2"],
  );
  assert.match((await failure(contabo.instances.get(100))).message, /refused with 401/);
  assert.equal(service.seen.length, 4);
  assert.equal(logIns.seen.length, 3);
});

test("a log-in that is refused is not tried again, and the next call asks anew", async (t) => {
  const { contabo, service, logIns } = await setUp(t, {
    token: [{ status: 401, body: RECORDED["token refused"] }],
  });
  const error = await failure(contabo.instances.list());
  assert.match(error.message, /Contabo's log-in: POST .*\/token: refused with 401: invalid_grant/);
  assert.match(error.remedy ?? "", /my\.contabo\.com\/api\/details/);
  assert.deepEqual([service.seen.length, logIns.seen.length], [0, 1]);
  await contabo.instances.list();
});

test("what Contabo refuses is said in its words, with the request's id", async (t) => {
  const { contabo, service } = await setUp(t, {
    [`POST ${INSTANCE}/snapshots`]: [{ status: 415, body: RECORDED.refused }],
    [`GET /v1/compute/images${PAGE}`]: [{ status: 400, body: { statusCode: 400, message: ["a", "b"] } }],
    [`GET /v1/secrets${PAGE}`]: [{ status: 429, body: "" }],
  });
  const error = await failure(contabo.snapshots.create(100, "a"));
  assert(error instanceof ServiceError);
  const id = service.seen[0]?.headers["x-request-id"];
  assert.equal(
    error.message,
    `Contabo: POST ${INSTANCE}/snapshots: refused with 415, request ${id}: Unsupported Media Type`,
  );
  assert.match((await failure(contabo.images.list())).message, /: a; b$/);
  assert.match((await failure(contabo.secrets.list())).remedy ?? "", /too many requests: try again later/);
});

test("an answer of another form names the field", async (t) => {
  const answer = structuredClone(RECORDED[`GET ${INSTANCE}`]) as { data: { ipConfig: { v4: object } }[] };
  answer.data[0]!.ipConfig.v4 = { ip: 1 };
  const { contabo } = await setUp(t, { [`GET ${INSTANCE}`]: [{ body: answer }] });
  assert.match(
    (await failure(contabo.instances.get(100))).message,
    /GET \/v1\/compute\/instances\/100 has another answer than expected: data\[0\]\.ipConfig\.v4\.ip: /,
  );
});

test("secrets are in no error, not even where the service repeats them", async (t) => {
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5";
  const message = (words: string) => ({ status: 400, body: { statusCode: 400, message: words } });
  const everything = Object.values(CREDENTIALS).join(" ");
  const { contabo } = await setUp(t, {
    token: [{ status: 400, body: { error: everything, error_description: everything } }],
    [`PUT ${INSTANCE}`]: [message("userData is wrong: write_files: [{ content: t0p-s3")],
    "POST /v1/secrets": [message(`value ${key.slice(0, 20)}… is no key`)],
    [`GET /v1/secrets${PAGE}`]: [message(`Bearer token-2 of ${everything}`)],
  });
  const errors = [
    await failure(contabo.images.list()),
    await failure(
      contabo.instances.reinstall(100, { imageId: "a", sshKeys: [], userData: USER_DATA }, "VPS"),
    ),
    await failure(contabo.secrets.createSshKey("farm", key)),
    await failure(contabo.secrets.list()),
  ];
  assert.match(errors[1]!.message, /refused with 400, request .*: what it said is left out/);
  const secrets = [...Object.values(CREDENTIALS), "token-2", "t0p-s3", "AAAAC3", "write_files"];
  for (const error of errors) {
    const all = `${error.stack} ${error.remedy} ${JSON.stringify(error)}`;
    for (const secret of secrets) assert(!all.includes(secret), `${secret}: ${all}`);
  }
});
