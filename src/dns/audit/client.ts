/** Asks DNS servers by name or address of our choice, which a system's resolver does not do, and shows what they sign. */
import { createSocket } from "node:dgram";
import { createConnection, isIPv6 } from "node:net";
import * as packet from "dns-packet";
import { contentOf } from "./answer-content.ts";

/** One record of an answer; `content` as of a declared record, the priority apart. */
export interface Found {
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly priority?: number;
}

export interface Answer {
  /** NOERROR, NXDOMAIN, SERVFAIL... */
  readonly status: string;
  /** Whether the server says that it answers for the zone itself. */
  readonly authoritative: boolean;
  /** Whether a resolver says that it found the signatures good. */
  readonly validated: boolean;
  readonly records: readonly Found[];
  /** When the signatures of the answer expire, milliseconds since 1970. */
  readonly expiries: readonly number[];
}

/** Asks a server at an address. Rejects with an Error that says why there is no answer. */
export type Ask = (server: string, name: string, type: string) => Promise<Answer>;

/** Milliseconds: resolvers themselves wait about as long before they turn to another server. */
const PATIENCE = 3000;
const PORT = 53;
/** A packet may be lost. */
const ATTEMPTS = 2;
/** Bytes of an answer by UDP that no network on the way splits (DNS Flag Day 2020). */
const LARGEST = 1232;

const question = (id: number, name: string, type: string): packet.Packet => ({
  type: "query",
  id,
  flags: packet.RECURSION_DESIRED | packet.AUTHENTIC_DATA,
  questions: [{ type: type as packet.RecordType, name }],
  additionals: [
    { type: "OPT", name: ".", udpPayloadSize: LARGEST, flags: packet.DNSSEC_OK } as packet.OptAnswer,
  ],
});

function byUdp(server: string, message: packet.Packet): Promise<packet.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server) ? "udp6" : "udp4");
    const timer = setTimeout(
      () => end(() => reject(new Error(`no answer within ${PATIENCE / 1000} s`))),
      PATIENCE,
    );
    const end = (then: () => void): void => {
      clearTimeout(timer);
      socket.close();
      then();
    };
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("message", (data) => {
      const answer = decoded(data);
      // Another's answer is no answer to us.
      if (answer !== undefined && answer.id === message.id) end(() => resolve(answer));
    });
    // Connected, so that only this server's packets come, and its refusals too.
    socket.connect(PORT, server, () => socket.send(packet.encode(message)));
  });
}

function decoded(data: Buffer): packet.DecodedPacket | undefined {
  try {
    return packet.decode(data);
  } catch {
    return undefined;
  }
}

function byTcp(server: string, message: packet.Packet): Promise<packet.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: server, port: PORT, timeout: PATIENCE });
    let data = Buffer.alloc(0);
    socket.on("timeout", () => socket.destroy(new Error(`no answer by TCP within ${PATIENCE / 1000} s`)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection ended before the answer did")));
    socket.on("connect", () => socket.write(packet.streamEncode(message)));
    socket.on("data", (chunk: Buffer) => {
      data = Buffer.concat([data, chunk]);
      if (data.length < 2 || data.length < 2 + data.readUInt16BE()) return;
      try {
        resolve(packet.decode(data.subarray(2)));
      } catch (error) {
        reject(error as Error);
      }
      socket.destroy();
    });
  });
}

function answerOf(reply: packet.DecodedPacket): Answer {
  const records: Found[] = [];
  const expiries: number[] = [];
  for (const answer of reply.answers ?? []) {
    if (answer.type === "RRSIG") expiries.push(answer.data.expiration * 1000);
    else {
      const content = contentOf(answer);
      if (content !== undefined)
        records.push({ name: answer.name.toLowerCase(), type: answer.type, ...content });
    }
  }
  return {
    status: (reply as unknown as { rcode: string }).rcode,
    authoritative: reply.flag_aa,
    validated: reply.flag_ad,
    records,
    expiries,
  };
}

/** Asks by UDP, and by TCP where the answer did not fit. */
export const ask: Ask = async (server, name, type) => {
  const message = question(Math.floor(Math.random() * 65_536), name, type);
  for (let attempt = 1; ; attempt += 1)
    try {
      const reply = await byUdp(server, message);
      return answerOf(reply.flag_tc ? await byTcp(server, message) : reply);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
};
