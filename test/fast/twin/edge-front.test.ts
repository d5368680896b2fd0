/** The users' side of the stand-in edge, with connectors that answer, end or keep silent. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { performServerHandshake, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createConnection, createServer as createNet, type Socket } from "node:net";
import test, { type TestContext } from "node:test";
import type { TLSSocket } from "node:tls";
import { tunnelToken } from "../../../src/dns/cloudflare/secret.ts";
import { Connections } from "../../../src/twin/edge/connections.ts";
import { type Registered, registerBy } from "../../../src/twin/edge/connector/client.ts";
import { front } from "../../../src/twin/edge/front.ts";

const identity = {
  ...{ account: "a".repeat(32), secret: Buffer.alloc(32, 1).toString("base64") },
  tunnelId: "a1cb100f-57e9-41ca-8f26-9e7c26e4630a",
};
const UPGRADE = "cf-cloudflared-proxy-connection-upgrade";
const NAME = "wiki.example.net";

type Answer = (stream: ServerHttp2Stream, socket: Socket) => void;

/** An edge with a way in for users, and for connectors one at each of two locations. */
async function edgeOf(t: TestContext) {
  const told: unknown[] = [];
  const connections = new Connections(() => {});
  const map = { ingress: [{ service: "http_status:404" }] };
  connections.declare({ token: tunnelToken(identity), map, names: new Set([NAME]) });
  const ports = new Map<string, number>();
  for (const location of ["one01", "two01"]) {
    const server = createNet((socket) => connections.accept(socket as TLSSocket, location));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports.set(location, (server.address() as AddressInfo).port);
    t.after(() => server.close());
  }
  const users = createServer(front(connections, "one01", (name) => name === NAME));
  await new Promise<void>((resolve) => users.listen(0, "127.0.0.1", resolve));
  t.after(() => users.close());

  const connector = (location: string, answer: Answer, own = identity): Promise<Registered> =>
    new Promise((resolve, reject) => {
      const socket = createConnection(ports.get(location) ?? 0, "127.0.0.1");
      t.after(() => socket.destroy());
      const session = performServerHandshake(socket);
      session.on("error", () => {});
      session.on("stream", (stream, heads) => {
        stream.on("error", () => {});
        if (heads[UPGRADE] === "control-stream") {
          stream.respond();
          registerBy(stream, { ...own, index: 0, connector: crypto.randomUUID() }).then(resolve, reject);
        } else if (heads[UPGRADE] === "update-configuration") {
          stream.on("data", (part) => told.push(JSON.parse(String(part))));
          stream.respond();
          stream.end();
        } else answer(stream, socket);
      });
    });

  const ask = (
    method = "GET",
    name = NAME,
  ): Promise<{ status: number | undefined; text: string; cookies: string[] }> =>
    new Promise((resolve, reject) => {
      const { port } = users.address() as AddressInfo;
      const asked = request(
        { host: "127.0.0.1", port, method, headers: { host: name }, agent: false },
        (answer) => {
          let text = "";
          answer.on("data", (part) => {
            text += part;
          });
          answer.on("end", () =>
            resolve({ status: answer.statusCode, text, cookies: answer.headers["set-cookie"] ?? [] }),
          );
          answer.on("error", reject);
        },
      );
      asked.on("error", reject);
      asked.end(method === "POST" ? "x=1" : undefined);
    });
  return { connections, connector, ask, told, ports };
}

const head = (name: string, value: string): string =>
  [name, value].map((part) => Buffer.from(part).toString("base64").replace(/=+$/, "")).join(":");

const says =
  (text: string): Answer =>
  (stream) => {
    const heads = [head("Set-Cookie", "a=1"), head("Set-Cookie", "b=2"), head("Connection", "close")];
    stream.respond({ ":status": 201, "cf-cloudflared-response-headers": heads.join(";") });
    stream.end(text);
  };

const ends: Answer = (_, socket) => socket.destroy();

test("the connector at the place where a user comes in is asked, with the application's own heads in its answer", async (t) => {
  const { connector, ask, told } = await edgeOf(t);
  await connector("two01", says("far"));
  assert.deepEqual(await ask(), { status: 201, text: "far", cookies: ["a=1", "b=2"] });
  const near = await connector("one01", says("near"));
  assert.equal((await ask()).text, "near");
  assert.equal((await ask("POST")).text, "near");
  // One that is about to end gets no more.
  await near.leave();
  assert.equal((await ask()).text, "far");
  assert.deepEqual(told[0], { version: 1, config: { ingress: [{ service: "http_status:404" }] } });
});

test("a connector that ends in the middle: a read is asked of another, a write is not", async (t) => {
  const { connector, ask } = await edgeOf(t);
  await connector("two01", says("far"));
  await connector("one01", ends);
  assert.equal((await ask("POST")).status, 502);
  await connector("one01", ends);
  assert.equal((await ask()).text, "far");
});

test("a connector that keeps silent is given up after 2 s, and its reads are asked of another", async (t) => {
  const { connections, connector, ask, ports } = await edgeOf(t);
  await connector("two01", says("far"));
  // Between the two somebody who lets nothing more pass, as a machine that is gone.
  const between: Socket[] = [];
  const edge = ports.get("one01") ?? 0;
  const relay = createNet((here) => {
    const there = createConnection(edge, "127.0.0.1");
    between.push(here, there);
    here.pipe(there).pipe(here);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    relay.close();
    for (const socket of between) socket.destroy();
  });
  ports.set("one01", (relay.address() as AddressInfo).port);
  await connector("one01", () => assert.fail("nothing comes through"));
  for (const socket of between) socket.unpipe().pause();
  const began = performance.now();
  assert.equal((await ask()).text, "far");
  const seconds = (performance.now() - began) / 1000;
  assert(seconds > 1 && seconds < 10, `${seconds} s`);
  assert.equal(connections.all().length, 1);
});

test("refused: a name that leads to no tunnel, all names without a connector, a connector with another secret", async (t) => {
  const { connector, ask } = await edgeOf(t);
  assert.deepEqual([(await ask()).status, (await ask("GET", "other.example.net")).status], [530, 409]);
  const other = { ...identity, secret: Buffer.alloc(32, 2).toString("base64") };
  await assert.rejects(connector("one01", says("stranger"), other), /no such tunnel, or another secret/);
  assert.equal((await ask()).status, 530);
});

test("a map that changes is told to all who are connected, and one that does not is not", async (t) => {
  const { connections, connector, ask, told } = await edgeOf(t);
  await connector("one01", says("near"));
  await ask();
  const declare = (service: string) =>
    connections.declare({
      token: tunnelToken(identity),
      map: { ingress: [{ service }] },
      names: new Set([NAME]),
    });
  declare("http_status:404");
  await ask();
  declare("http_status:410");
  await ask();
  assert.deepEqual(told, [
    { version: 1, config: { ingress: [{ service: "http_status:404" }] } },
    { version: 2, config: { ingress: [{ service: "http_status:410" }] } },
  ]);
});
