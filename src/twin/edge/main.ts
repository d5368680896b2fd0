/**
 * The stand-in edge as a process: `main.ts STACK RANGE RESOURCES`. It runs in the network of a twin for as long as that is up, goes by
 * the resources that the twin has written down, and writes who is connected.
 */
import { createReadStream, existsSync, readFileSync, statSync, watch } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { join, normalize } from "node:path";
import { createServer as createTls } from "node:tls";
import { writeWhole } from "../../shell/files.ts";
import { Connections } from "./connections.ts";
import { type DeclaredEdge, readEdge } from "./declared.ts";
import { front } from "./front.ts";
import { addressIn, DATA_CENTRES, edgeLayout, REPOSITORY_PORT, TUNNEL_PORT } from "./places.ts";

const [stack = "", range = "", resources = ""] = process.argv.slice(2);
const { certificate, key, repository, connected } = edgeLayout(stack);
/** A run writes many records at once. */
const SETTLED = 200;

const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
let declared: DeclaredEdge | undefined;

const connections = new Connections(() => {
  const told = connections.all().map(({ location, leaving, registration: { connector, index, version } }) => {
    return { connector, index, location, leaving, version };
  });
  writeWhole(connected, JSON.stringify(told, undefined, 1));
});

function follow(): void {
  declared = readEdge(resources);
  connections.declare(declared);
}

let waiting: NodeJS.Timeout | undefined;
follow();
watch(join(resources, "resources"), () => {
  clearTimeout(waiting);
  waiting = setTimeout(follow, SETTLED);
});

for (const { location, numbers } of DATA_CENTRES) {
  const listener = front(connections, location, (name) => declared?.names.has(name) ?? false);
  const addresses = numbers.map((number) => addressIn(range, number));
  createHttp(listener).listen(80, addresses[0]);
  createHttps(tls, listener).listen(443, addresses[0]);
  for (const address of addresses)
    createTls({ ...tls, ALPNProtocols: ["h2"] }, (socket) => {
      socket.on("error", () => {});
      connections.accept(socket, location);
    }).listen(TUNNEL_PORT, address);
}

/** The repository of packages: files of one folder, to be read. */
createHttp((request, response) => {
  const path = join(repository, normalize(`/${new URL(request.url ?? "/", "http://repository").pathname}`));
  if (!existsSync(path) || !statSync(path).isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-length": statSync(path).size });
  createReadStream(path).pipe(response);
}).listen(REPOSITORY_PORT, addressIn(range, 1));
