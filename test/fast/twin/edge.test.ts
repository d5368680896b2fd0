/** The stand-in edge, against what Cloudflare's connector was heard to say (cloudflared 2026.8.2) and took for an answer. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, duplexPair } from "node:stream";
import test from "node:test";
import { tunnelToken } from "../../../src/dns/cloudflare/secret.ts";
import { encode, fields, Messages, text } from "../../../src/twin/edge/capnp.ts";
import { registerBy } from "../../../src/twin/edge/connector/client.ts";
import { readEdge } from "../../../src/twin/edge/declared.ts";
import { addressIn } from "../../../src/twin/edge/places.ts";
import { type Registration, serveRegistration } from "../../../src/twin/edge/registration.ts";
import { cloudId } from "../../../src/twin/engine/cloud-ids.ts";
import { ResourceState } from "../../../src/twin/engine/state.ts";

const HEARD = {
  bootstrap: [
    "000000000500000000000000010001000800000000000000000000000100010000000000000000000000000000000000",
  ].join(""),
  register: [
    "000000004400000000000000010001000200000000000000000000000300030001000000000000009754e87fec9516f7",
    "000000000000000008000000010001001800000000000200000000000000000000000000010000000000000001000100",
    "0000000000000000010000000700000000000000010000000400000001000300cd000000070000000000000000000000",
    "080000000000020031000000820000003400000001000200050000000a01000015000000020100006161616161616161",
    "616161616161616161616161616161616161616161616161000000000000000007070707070707070707070707070707",
    "07070707070707070707070707070707a1cb100f57e941ca8f269e7c26e4630a00000000000000000400000000000400",
    "75000000820000000d00000082000000110000002e000000590000004a0000005d000000620000004bf3b4347ae64198",
    "bec0ecbdb9258b1d11000000a2000000190000008a000000210000008200000025000000a20000002d0000009a000000",
    "737570706f72745f646174616772616d5f76320000000000737570706f72745f717569635f656f660000000000000000",
    "6d616e6167656d656e745f6c6f677300616c6c6f775f72656d6f74655f636f6e666967000000000073657269616c697a",
    "65645f68656164657273000000000000323032362e302e3000000000000000006c696e75785f616d6436340000000000",
    "00000000000000000000ffff7f0000010000000001000100",
  ].join(""),
  finish: "00000000040000000000000001000100040000000000000000000000010000000000000001000000",
  unregister: [
    "000000000e00000000000000010001000200000000000000000000000300030001000000010000009754e87fec9516f7",
    "000000000000000008000000010001000c00000000000200000000000000000000000000000000000000000000000000",
    "fcffffff0000000001000000070000000000000001000100",
  ].join(""),
  abort: [
    "000000000700000000000000010001000100000000000000000000000100010000000000000000000100000072000000",
    "7270633a2073687574646f776e000000",
  ].join(""),
};
const TAKEN = {
  bootstrap: [
    "000000000a00000000000000010001000300000000000000000000000200010000000000000000000000000000000000",
    "00000000000002000300000000000000010000000f00000004000000010000000100000000000000",
  ].join(""),
  registered: [
    "000000001200000000000000010001000300000000000000000000000200010001000000000000000000000000000000",
    "000000000000020004000000000001002500000007000000000000000100010001000000000000000000000001000200",
    "010000000000000005000000820000000900000032000000000000000000000000000000000000006f6e653031000000",
    "0000000000000000",
  ].join(""),
  refused: [
    "000000001100000000000000010001000300000000000000000000000200010001000000000000000000000000000000",
    "000000000000020004000000000001002100000007000000000000000100010000000000000000000000000002000100",
    "00000000000000000100000000000000010000007a0000006e6f2d737563682d74756e6e656c00000000000000000000",
  ].join(""),
  unregistered: [
    "000000000900000000000000010001000300000000000000000000000200010001000000000000000000000000000000",
    "0000000000000200040000000000000001000000070000000000000000000000",
  ].join(""),
};

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

/** What is answered to some messages, which come in parts of `size` bytes; and what was registered. */
function converse(heard: readonly string[], problem?: string, size = 1000) {
  const said: Buffer[] = [];
  const registered: Registration[] = [];
  let left = 0;
  let failure: Error | undefined;
  const stream = new Duplex({
    read() {},
    write(part, _, done) {
      said.push(part);
      done();
    },
  });
  stream.on("error", (error) => {
    failure = error;
  });
  serveRegistration(stream, {
    location: "one01",
    register: (registration) => {
      registered.push(registration);
      return problem;
    },
    unregister: () => {
      left += 1;
    },
  });
  const all = bytes(heard.join(""));
  for (let at = 0; at < all.length; at += size) stream.emit("data", all.subarray(at, at + size));
  return {
    said: said.map((part) => part.toString("hex")),
    registered,
    left: () => left,
    failure: () => failure,
  };
}

test("a connector registers a connection and gives it up, however its words are cut", () => {
  const { bootstrap, register, finish, unregister, abort } = HEARD;
  for (const size of [1, 7, 1000]) {
    const { said, registered, left } = converse(
      [bootstrap, register, finish, unregister, abort],
      undefined,
      size,
    );
    assert.deepEqual(said, [TAKEN.bootstrap, TAKEN.registered, TAKEN.unregistered]);
    assert.deepEqual(registered, [
      {
        account: "a".repeat(32),
        secret: Buffer.alloc(32, 7).toString("base64"),
        tunnelId: "a1cb100f-57e9-41ca-8f26-9e7c26e4630a",
        index: 0,
        connector: "4bf3b4347ae64198bec0ecbdb9258b1d",
        version: "2026.0.0",
      },
    ]);
    assert.equal(left(), 1);
  }
});

test("a refusal says why", () => {
  const { said } = converse([HEARD.bootstrap, HEARD.register], "no-such-tunnel");
  assert.deepEqual(said, [TAKEN.bootstrap, TAKEN.refused]);
});

test("the stand-in for cloudflared holds the same conversation", async () => {
  const identity = {
    ...{ account: "b".repeat(32), secret: Buffer.alloc(32, 9).toString("base64"), index: 3 },
    ...{
      tunnelId: "a1cb100f-57e9-41ca-8f26-9e7c26e4630a",
      connector: "4bf3b434-7ae6-4198-bec0-ecbdb9258b1d",
    },
  };
  const talk = (problem: string | undefined) => {
    const [connector, edge] = duplexPair();
    const heard: unknown[] = [];
    serveRegistration(edge, {
      location: "two01",
      register: (registration) => {
        heard.push(registration);
        return problem;
      },
      unregister: () => heard.push("leaves"),
    });
    return { registered: registerBy(connector, identity), heard };
  };
  const { registered, heard } = talk(undefined);
  const { location, leave } = await registered;
  assert.equal(location, "two01");
  await leave();
  const connector = identity.connector.replaceAll("-", "");
  assert.deepEqual(heard, [{ ...identity, connector, version: "stand-in" }, "leaves"]);
  await assert.rejects(talk("no such tunnel").registered, /^Error: no such tunnel$/);
});

test("what can't be understood ends the conversation", async () => {
  const unknown = encode({ data: fields(8, (data) => data.writeUInt16LE(12, 0)), pointers: [] }).toString(
    "hex",
  );
  for (const heard of [unknown, "01000000".padEnd(48, "0")]) {
    const { failure } = converse([heard]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.match(
      failure()?.message ?? "",
      /^(the stand-in knows no message 12|a message of several segments)$/,
    );
  }
});

test("what is written is read again, and what is not there is empty", () => {
  const inner = {
    data: fields(4, (data) => data.writeUInt32LE(7, 0)),
    pointers: [text("käse"), { bytes: Buffer.from([1, 2, 3]) }],
  };
  const [root, ...more] = new Messages().take(
    encode({
      data: fields(10, (data) => data.writeUInt16LE(515, 8)),
      pointers: [{ struct: inner }, { list: [inner, inner] }],
    }),
  );
  assert(root && more.length === 0);
  assert.deepEqual([root.u16(8), root.u8(8), root.u8(9), root.u32(200)], [515, 3, 2, 0]);
  const read = root.struct(0);
  assert.deepEqual([read.u32(0), read.text(0), [...read.bytes(1)], read.text(9)], [7, "käse", [1, 2, 3], ""]);
  assert.equal(root.struct(5).u16(0), 0);
  assert.throws(() => root.bytes(0), /is of kind 0, not 1/);
});

test("the edge goes by the tunnel, the map and the records that the twin has written down", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "twin-edge-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const state = new ResourceState(folder);
  assert.equal(readEdge(folder), undefined);
  const put = (type: string, name: string, inputs: Record<string, unknown>) =>
    state.put({ type: `cloudflare:index/${type}`, name, inputs, outputs: inputs });
  const tunnel = "zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
  const tunnelId = cloudId(`cloudflare:index/${tunnel}`, "edge");
  assert.match(tunnelId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  put(tunnel, "edge", { accountId: "a".repeat(32), tunnelSecret: "c2VjcmV0" });
  const ingresses = [
    { hostname: "wiki.example.net", service: "http://127.0.0.1:8480" },
    { service: "http_status:404" },
  ];
  put("zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig", "edge-ingress", {
    config: { ingresses },
  });
  const record = (name: string, more: object) =>
    put("dnsRecord:DnsRecord", name, {
      name,
      type: "CNAME",
      proxied: true,
      content: `${tunnelId}.cfargotunnel.com`,
      ...more,
    });
  record("wiki.example.net", {});
  record("other.example.net", { content: "elsewhere.example.org" });
  record("bare.example.net", { proxied: false });
  const edge = readEdge(folder);
  assert.deepEqual([...(edge?.names ?? [])], ["wiki.example.net"]);
  assert.deepEqual(edge?.map, { ingress: ingresses });
  assert.equal(edge?.token, tunnelToken({ account: "a".repeat(32), tunnelId, secret: "c2VjcmV0" }));
});

test("the edge is at the lowest addresses of a twin's range", () => {
  assert.equal(addressIn("10.86.0.0/24", 2), "10.86.0.2");
});
