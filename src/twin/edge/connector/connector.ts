/**
 * A stand-in for Cloudflare's cloudflared, for a twin that was not given Cloudflare's own package: with the same command line, token and
 * state page it finds the edge under the same names, registers four connections, follows the map that it is told, and passes requests
 * on. It runs on a host's own Node.js, as plain JavaScript.
 */
import { resolve4, resolveSrv } from "node:dns/promises";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import * as http2 from "node:http2";
import { connect, rootCertificates, type TLSSocket } from "node:tls";
import { parseArgs } from "node:util";
import { type Registered, registerBy } from "./client.ts";

const CONNECTIONS = 4;
const AUTHORITIES = "/etc/ssl/certs";
/** Milliseconds after which a connection that ended is opened again. */
const AGAIN = 1000;

interface Rule {
  readonly hostname?: string;
  readonly service: string;
}

/** Of its own command line what our unit writes; it refuses all else, as that would be tried by nobody. */
function commandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "no-autoupdate": { type: "boolean" },
      protocol: { type: "string" },
      metrics: { type: "string" },
      "grace-period": { type: "string" },
      "token-file": { type: "string" },
    },
  });
  const { metrics, protocol, "grace-period": grace, "token-file": token } = values;
  if (positionals.join(" ") !== "tunnel run" || !metrics || !token || protocol !== "http2" || !grace)
    throw new Error(
      "the stand-in knows: tunnel --protocol http2 --metrics … --grace-period … run --token-file …",
    );
  const { a, t, s } = JSON.parse(Buffer.from(readFileSync(token, "utf8").trim(), "base64").toString());
  return {
    metrics,
    grace: Number.parseInt(grace, 10) * 1000,
    identity: { account: a, tunnelId: t, secret: s },
  };
}

const { metrics, grace, identity } = commandLine();
const self = crypto.randomUUID();
const open = new Map<number, Registered>();
let rules: readonly Rule[] = [{ service: "http_status:503" }];
let version = -1;
let ending = false;

const ca = [
  ...rootCertificates,
  ...readdirSync(AUTHORITIES)
    .filter((name) => name.endsWith(".pem"))
    .map((name) => readFileSync(`${AUTHORITIES}/${name}`, "utf8")),
];

/** The edge's addresses, by turns of its regions: each connection goes to another. */
async function edgeAddresses(): Promise<{ host: string; port: number }[]> {
  const found = await resolveSrv("_v2-origintunneld._tcp.argotunnel.com");
  const regions = found.sort((a, b) => (a.name < b.name ? -1 : 1));
  const lists = await Promise.all(
    regions.map(async ({ name, port }) => (await resolve4(name)).map((host) => ({ host, port }))),
  );
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list[index] ?? [])).flat();
}

/** Where a request goes, by the first rule that is for its name. */
const serviceFor = (name: string): string =>
  rules.find(({ hostname }) => hostname === undefined || hostname === name)?.service ?? "http_status:404";

const base64 = (value: string): string => Buffer.from(value, "latin1").toString("base64").replace(/=+$/, "");

function pass(stream: http2.ServerHttp2Stream, heads: http2.IncomingHttpHeaders): void {
  const name = String(heads[":authority"] ?? "");
  const service = serviceFor(name.replace(/:\d+$/, ""));
  if (service.startsWith("http_status:")) {
    stream.respond({ ":status": Number(service.slice("http_status:".length)) });
    stream.end();
    return;
  }
  const own = Object.fromEntries(Object.entries(heads).filter(([head]) => !head.startsWith(":")));
  const asked = request(new URL(String(heads[":path"]), service), {
    method: String(heads[":method"]),
    headers: { ...own, host: name },
  });
  asked.on("response", (answer) => {
    const { rawHeaders } = answer;
    const pairs = rawHeaders.flatMap((head, index) =>
      index % 2 === 0 ? [`${base64(head)}:${base64(rawHeaders[index + 1] ?? "")}`] : [],
    );
    stream.respond({ ":status": answer.statusCode, "cf-cloudflared-response-headers": pairs.join(";") });
    answer.pipe(stream);
  });
  asked.on("error", () => {
    if (!stream.headersSent) stream.respond({ ":status": 502 });
    stream.end();
  });
  stream.on("error", () => asked.destroy());
  stream.pipe(asked);
}

/** Takes a map that is newer than its own. */
function follow(stream: http2.ServerHttp2Stream): void {
  let text = "";
  stream.on("data", (part: Buffer) => {
    text += part;
  });
  stream.on("end", () => {
    const told = JSON.parse(text);
    if (told.version > version) {
      version = told.version;
      rules = told.config.ingress;
      console.error(`Updated to new configuration config=${JSON.stringify(told.config)} version=${version}`);
    }
    stream.respond({ ":status": 200 });
    stream.end(JSON.stringify({ lastAppliedVersion: version, err: null }));
  });
}

function serve(index: number, session: http2.ServerHttp2Session): void {
  session.on("error", () => {});
  session.on("close", () => open.delete(index));
  session.on("stream", async (stream, heads) => {
    stream.on("error", () => {});
    const meant = heads["cf-cloudflared-proxy-connection-upgrade"];
    if (meant === "update-configuration") return follow(stream);
    if (meant !== "control-stream") return pass(stream, heads);
    stream.respond({ ":status": 200 });
    try {
      const registered = await registerBy(stream, { ...identity, index, connector: self });
      open.set(index, registered);
      console.error(`Registered tunnel connection connIndex=${index} location=${registered.location}`);
      if (open.size === 1) console.log("ready");
    } catch (error) {
      console.error(`connection ${index} is refused: ${(error as Error).message}`);
      session.destroy();
    }
  });
}

/** Keeps one connection open until the end. */
async function keep(index: number): Promise<void> {
  while (!ending) {
    try {
      const addresses = await edgeAddresses();
      const address = addresses[index % addresses.length];
      await new Promise<void>((resolve, reject) => {
        const socket: TLSSocket = connect({
          ...address,
          ca,
          servername: "h2.cftunnel.com",
          ALPNProtocols: ["h2"],
        });
        socket.on("secureConnect", () => serve(index, http2.performServerHandshake(socket)));
        socket.on("error", reject);
        socket.on("close", () => resolve());
      });
    } catch (error) {
      console.error(`connection ${index}: ${(error as Error).message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

createServer((asked, answer) => {
  const status = open.size > 0 ? 200 : 503;
  answer.writeHead(asked.url === "/ready" ? status : 404);
  answer.end(JSON.stringify({ status, readyConnections: open.size, connectorId: self }));
}).listen(Number(metrics.split(":")[1]), metrics.split(":")[0]);

process.on("SIGTERM", () => {
  ending = true;
  setTimeout(() => process.exit(0), grace);
  const left = [...open.values()].map((registered) => registered.leave());
  Promise.all(left).finally(() => process.exit(0));
});

for (let index = 0; index < CONNECTIONS; index += 1) keep(index);
