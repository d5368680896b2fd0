/** The way from a person's own browser into the twin: one port on 127.0.0.1 for each application. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { edgeHosts } from "../inventory/domains.ts";
import { hostOf } from "../inventory/load.ts";
import type { Application } from "../inventory/schema.ts";
import { FarmError } from "../shell/errors.ts";
import { usersAddresses } from "./edge/start.ts";
import type { TwinFarm } from "./farm.ts";
import { killGroup, startDetached } from "./machines/cgroup.ts";
import { stackLayout } from "./machines/layout.ts";
import { inNamespace, openRange } from "./machines/network.ts";
import { run, waitUntil } from "./machines/run.ts";

export interface Address {
  readonly application: Application;
  readonly url: string;
}

const group = (stack: string): string => `${stack}/browser`;
const relayGroup = (stack: string): string => `${stack}/browser-relay`;

/** Names and DNS are the edge's business outside; here the port says which application is meant. */
function configuration(addresses: readonly Address[], socket: string): string {
  const listeners = addresses.map(({ application, url }) => {
    const name = application.hostnames[0];
    const { host } = new URL(url);
    return `
listen ${application.id}
    bind ${host}
    http-request set-header Host ${name}
    http-response replace-header Location ^https?://${name}(:[0-9]+)?(.*)$ http://${host}\\2
    server edge unix@${socket}
`;
  });
  return `global
    maxconn 200

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
${listeners.join("")}`;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** The addresses at which a person finds the applications of a twin, the first at `port`. */
export function browserAddresses(farm: TwinFarm, port: number): Address[] {
  return farm.inventory.applications.map((application, index) => ({
    application,
    url: `http://127.0.0.1:${port + index}/`,
  }));
}

/** Frees the ports of an earlier run; throws a FarmError when one is taken by another program. */
export async function refuseBusyPorts(farm: TwinFarm, port: number): Promise<void> {
  await Promise.all([killGroup(group(farm.stack)), killGroup(relayGroup(farm.stack))]);
  for (const { url } of browserAddresses(farm, port)) {
    const wanted = Number(new URL(url).port);
    if (!(await isFree(wanted)))
      throw new FarmError(
        `port ${wanted} of 127.0.0.1 is busy`,
        `choose another: farm twin up ${farm.stack} --port 9080`,
      );
  }
}

/** Where users come in: the first edge host, or what stands in for Cloudflare's. */
function wayIn({ inventory, stack }: TwinFarm): string | undefined {
  if (inventory.edge.kind === "cloudflare") return usersAddresses(openRange(stack) ?? "").at(0);
  const [edge] = edgeHosts(inventory);
  return edge === undefined ? undefined : hostOf(inventory, edge).address;
}

/**
 * Opens the ports, which refuseBusyPorts() has found free. Nothing but 127.0.0.1 is listened on, and nothing but
 * the edge's web port can be reached through it.
 */
export async function openBrowserPorts(farm: TwinFarm, port: number): Promise<Address[]> {
  const edge = wayIn(farm);
  if (edge === undefined) return [];
  const addresses = browserAddresses(farm, port);
  const dir = join(stackLayout(farm.stack).run, "browser");
  const socket = join(dir, "edge.sock");
  const config = join(dir, "haproxy.cfg");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  rmSync(socket, { force: true });
  writeFileSync(config, configuration(addresses, socket));
  const log = join(dir, "log");
  const relay = ["socat", `UNIX-LISTEN:${socket},fork,mode=0600`, `TCP:${edge}:80`];
  startDetached(relayGroup(farm.stack), inNamespace(farm.stack, relay), log);
  startDetached(group(farm.stack), ["haproxy", "-db", "-f", config], log);
  const first = addresses[0];
  if (first === undefined) return [];
  await waitUntil(
    async () =>
      (await run(["curl", "--silent", "--output", "/dev/null", "--max-time", "5", first.url])).code === 0,
    10,
    () => `nothing answers at ${first.url} within 10 s: see ${log}`,
  );
  return addresses;
}
