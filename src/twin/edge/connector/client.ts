/** The connector's end of the conversation that registration.ts answers, for the stand-in. */
import type { Duplex } from "node:stream";
import { encode, fields, Messages, type Reader, type Struct, text, type Value } from "../capnp.ts";

export interface Identity {
  readonly account: string;
  /** A UUID. */
  readonly tunnelId: string;
  /** Base64. */
  readonly secret: string;
  readonly index: number;
  /** A UUID. */
  readonly connector: string;
}

/** A connection that the edge has taken. */
export interface Registered {
  readonly location: string;
  /** Asks for no more requests; done when the edge has heard it. */
  leave(): Promise<void>;
}

/** RegistrationServer of cloudflared's tunnelrpc.capnp. */
const INTERFACE = 0xf71695ec7fe85497n;
const QUESTION = { bootstrap: 0, register: 1, leave: 2 };

const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll("-", ""), "hex");

const message = (which: number, body: Struct): Buffer =>
  encode({ data: fields(8, (data) => data.writeUInt16LE(which, 0)), pointers: [{ struct: body }] });

/** A call of what the answer to the first question will be. */
function call(question: number, method: number, params: Value): Buffer {
  const answer: Struct = { data: fields(8), pointers: [] };
  const target: Struct = {
    data: fields(8, (data) => data.writeUInt16LE(1, 4)),
    pointers: [{ struct: answer }],
  };
  const payload: Struct = { data: fields(0), pointers: [params, { list: [] }] };
  const data = fields(24, (bytes) => {
    bytes.writeUInt32LE(question, 0);
    bytes.writeUInt16LE(method, 4);
    bytes.writeBigUInt64LE(INTERFACE, 8);
  });
  return message(2, { data, pointers: [{ struct: target }, { struct: payload }, { struct: answer }] });
}

function params({ account, tunnelId, secret, index, connector }: Identity): Value {
  const auth: Struct = {
    data: fields(0),
    pointers: [text(account), { bytes: Buffer.from(secret, "base64") }],
  };
  const client: Struct = {
    data: fields(0),
    pointers: [{ bytes: uuidBytes(connector) }, { list: [] }, text("stand-in"), text("any")],
  };
  const options: Struct = { data: fields(8), pointers: [{ struct: client }, { bytes: Buffer.alloc(0) }] };
  return {
    struct: {
      data: fields(8, (data) => data.writeUInt8(index, 0)),
      pointers: [{ struct: auth }, { bytes: uuidBytes(tunnelId) }, { struct: options }],
    },
  };
}

/** Registers a connection over its control stream. Throws with the edge's own words where it is refused. */
export function registerBy(stream: Duplex, identity: Identity): Promise<Registered> {
  const messages = new Messages();
  const waiting = new Map<number, (answer: Reader) => void>();
  const answerTo = (question: number): Promise<Reader> =>
    new Promise((resolve, reject) => {
      waiting.set(question, resolve);
      stream.on("close", () => reject(new Error("the edge ended the conversation")));
    });
  stream.on("data", (part: Buffer) => {
    for (const root of messages.take(part)) {
      const answer = root.struct(0);
      if (root.u16(0) === 3) waiting.get(answer.u32(0))?.(answer);
    }
  });
  const registered = answerTo(QUESTION.register).then((answer): Registered => {
    const response = answer.struct(0).struct(0).struct(0);
    if (response.u16(0) === 0) throw new Error(response.struct(0).text(0));
    return {
      location: response.struct(0).text(1),
      leave: async () => {
        const left = answerTo(QUESTION.leave);
        stream.write(call(QUESTION.leave, 1, { struct: { data: fields(0), pointers: [] } }));
        await left;
      },
    };
  });
  stream.write(message(8, { data: fields(8), pointers: [] }));
  stream.write(call(QUESTION.register, 0, params(identity)));
  return registered;
}
