/** The users' side of the stand-in edge: takes a request, and hands it to the connector that is nearest. */
import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from "node:http";
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Connections } from "./connections.ts";

/** What a head of HTTP/1 says of one connection alone (RFC 9110, 7.6.1), and what HTTP/2 says in another way. */
const OF_ONE_CONNECTION = new Set([
  ...["connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"],
]);

/** A connector's answer has the application's own heads in one: name and value in base64, by pairs. */
const ANSWER_HEADS = "cf-cloudflared-response-headers";

const decode = (part: string): string => Buffer.from(part, "base64").toString("latin1");

function headsOf(answer: IncomingHttpHeaders): OutgoingHttpHeaders {
  const heads: Record<string, string[]> = {};
  for (const pair of String(answer[ANSWER_HEADS] ?? "").split(";")) {
    const [name = "", value = ""] = pair.split(":").map(decode);
    if (name === "" || OF_ONE_CONNECTION.has(name.toLowerCase())) continue;
    heads[name] = [...(heads[name] ?? []), value];
  }
  return heads;
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, STATUS_CODES[status] ?? "Refused", { "content-type": "text/plain" });
  response.end(`${why}\n`);
}

/** Cloudflare's own word for "no connector" is 530 with error 1033 (developers.cloudflare.com, "Cloudflare 1xxx errors"). */
const NO_CONNECTOR = 530;

/** What may be asked again of another connector: it changes nothing, and nothing of it has been read. */
const isRepeatable = ({ method, headers }: IncomingMessage): boolean =>
  (method === "GET" || method === "HEAD") && headers["content-length"] === undefined;

/** Hands a request to one connector; false where that ended before it had answered, and another may be asked. */
function hand(
  session: ClientHttp2Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const heads = Object.fromEntries(
    Object.entries(request.headers).filter(
      ([name]) => !OF_ONE_CONNECTION.has(name) && !/^(cf-|x-forwarded-)/.test(name),
    ),
  );
  const encrypted = "encrypted" in request.socket;
  const stream = session.request({
    ...heads,
    ":method": request.method,
    ":path": request.url,
    ":scheme": "https",
    ":authority": request.headers.host,
    "cf-connecting-ip": request.socket.remoteAddress ?? "",
    "x-forwarded-proto": encrypted ? "https" : "http",
  });
  return new Promise((resolve) => {
    let answered = false;
    stream.on("response", (answer) => {
      answered = true;
      response.writeHead(Number(answer[":status"]), headsOf(answer));
      stream.pipe(response);
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      if (answered && !response.writableEnded) response.destroy();
      resolve(answered);
    });
    response.on("close", () => stream.close());
    // One that has nothing more to say can't be read a second time.
    if (isRepeatable(request)) stream.end();
    else request.pipe(stream);
  });
}

/**
 * Answers users who come in at a location. `isOurs` tells whether a name leads to the tunnel. As Cloudflare says of itself it asks the
 * nearest connector, and another where the connection to that one fails; here only for what may be asked twice.
 */
export const front =
  (connections: Connections, location: string, isOurs: (name: string) => boolean): RequestListener =>
  async (request, response) => {
    const name = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
    if (!isOurs(name)) return refuse(response, 409, `${name} leads to no tunnel`);
    for (const { session } of connections.nearest(location)) {
      if (session.closed || session.destroyed) continue;
      if ((await hand(session, request, response)) || response.destroyed) return;
      if (!isRepeatable(request)) return refuse(response, 502, "the connector ended before it had answered");
    }
    refuse(response, NO_CONNECTOR, "no connector has the tunnel open");
  };
