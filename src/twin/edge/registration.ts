/**
 * The edge's end of the conversation by which a connector registers a connection: Cap'n Proto's RPC (rpc.capnp of its own sources)
 * with the interface RegistrationServer (tunnelrpc/proto/tunnelrpc.capnp of cloudflared's). Numbers are places in those structs.
 */
import type { Duplex } from "node:stream";
import { encode, fields, Messages, type Reader, type Struct, text, type Value } from "./capnp.ts";

/** What a connector shows when it registers. */
export interface Registration {
  readonly account: string;
  /** As a UUID. */
  readonly tunnelId: string;
  /** Base64. */
  readonly secret: string;
  /** Which of the connector's own connections it is. */
  readonly index: number;
  /** By which a connector is known: of each run of its own, hexadecimal. */
  readonly connector: string;
  readonly version: string;
}

/** What registers or refuses a connection, and hears that it is to get no more requests. */
export interface Registrar {
  /** The reason of a refusal; undefined where the connection is registered. */
  register(registration: Registration): string | undefined;
  unregister(): void;
  /** Where the connection came in, for the connector's log. */
  readonly location: string;
}

const BOOTSTRAP = 8;
const CALL = 2;
const RETURN = 3;
const UNIMPLEMENTED = 0;
/** Messages that want no answer: abort, finish, release. */
const SILENT = new Set([1, 4, 6]);
const METHODS = { register: 0, unregister: 1 };

const uuid = (bytes: Buffer): string =>
  bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

const message = (which: number, body: Value): Buffer =>
  encode({ data: fields(8, (data) => data.writeUInt16LE(which, 0)), pointers: [body] });

/** The answer to a question: `content`, and the one capability that it may name. */
function answer(question: number, content: Value, capability: readonly Struct[] = []): Buffer {
  const payload: Struct = { data: fields(0), pointers: [content, { list: capability }] };
  const data = fields(16, (bytes) => bytes.writeUInt32LE(question, 0));
  return message(RETURN, { struct: { data, pointers: [{ struct: payload }] } });
}

/** Our end of the conversation as a capability: hosted by us, number 0. */
const OURSELVES: Struct = { data: fields(8, (data) => data.writeUInt16LE(1, 0)), pointers: [] };

function read(call: Reader): Registration {
  const params = call.struct(1).struct(0);
  const auth = params.struct(0);
  const client = params.struct(2).struct(0);
  return {
    account: auth.text(0),
    secret: auth.bytes(1).toString("base64"),
    tunnelId: uuid(params.bytes(1)),
    index: params.u8(0),
    connector: client.bytes(0).toString("hex"),
    version: client.text(2),
  };
}

const REFUSED = 0;
const REGISTERED = 1;

/** Of a refusal: the reason, and that the connector may come again, which it does by itself after a while. */
function response(problem: string | undefined, location: string): Struct {
  const refusal: Struct = {
    data: fields(16, (data) => data.writeUInt8(1, 8)),
    pointers: [text(problem ?? "")],
  };
  const details: Struct = {
    // The map comes from us and not from a file of the connector's.
    data: fields(8, (data) => data.writeUInt8(1, 0)),
    pointers: [{ bytes: Buffer.alloc(16) }, text(location)],
  };
  return {
    data: fields(8, (data) => data.writeUInt16LE(problem === undefined ? REGISTERED : REFUSED, 0)),
    pointers: [{ struct: problem === undefined ? details : refusal }],
  };
}

function answerCall(call: Reader, registrar: Registrar): Buffer {
  const question = call.u32(0);
  const method = call.u16(4);
  const nothing: Struct = { data: fields(0), pointers: [] };
  if (method === METHODS.unregister) {
    registrar.unregister();
    return answer(question, { struct: nothing });
  }
  const problem =
    method === METHODS.register ? registrar.register(read(call)) : `the stand-in knows no method ${method}`;
  const result = response(problem, registrar.location);
  return answer(question, { struct: { data: fields(0), pointers: [{ struct: result }] } });
}

/** Answers a connector on its control stream for as long as that is open; what can't be understood ends it. */
export function serveRegistration(stream: Duplex, registrar: Registrar): void {
  const messages = new Messages();
  const react = (root: Reader): void => {
    const which = root.u16(0);
    const body = root.struct(0);
    if (which === BOOTSTRAP) stream.write(answer(body.u32(0), { capability: 0 }, [OURSELVES]));
    else if (which === CALL) stream.write(answerCall(body, registrar));
    else if (!SILENT.has(which) && which !== UNIMPLEMENTED)
      throw new Error(`the stand-in knows no message ${which}`);
  };
  stream.on("data", (part: Buffer) => {
    try {
      for (const root of messages.take(part)) react(root);
    } catch (error) {
      stream.destroy(error as Error);
    }
  });
}
