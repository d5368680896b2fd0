/** The proxy behind a connector: it knows which node of each application lives, and which is nearest. */
import { ORIGIN } from "../../dns/edge.ts";
import { roundTrip } from "../../inventory/check-placement.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Application, Host, Inventory } from "../../inventory/schema.ts";
import { backends, names, policies, proxyHead, routes, UNKNOWN } from "../application-proxy.ts";
import { WEB_PORT } from "../web.ts";

const HEAD = proxyHead(
  "farm-origin",
  [],
  [
    "timeout http-request 10s",
    "# Longer than the connector keeps a connection to us that is idle (90 s), so that it never sends into one that we close.",
    "timeout http-keep-alive 100s",
  ],
);

/** Old names do not come so far: Cloudflare's own rules lead them on. */
function frontend(inventory: Inventory): string {
  const { applications } = inventory;
  const lines = [...names(applications), ...policies(inventory), ...routes(applications)];
  return `frontend connector
  bind ${new URL(ORIGIN).host}
  # Cloudflare says whose request it is (developers.cloudflare.com, "Cloudflare HTTP headers"), and so how it came: a word of its own.
  http-request del-header Forwarded
  http-request del-header X-Real-IP
  http-request del-header X-Forwarded-For
  http-request set-header X-Forwarded-For %[req.hdr(CF-Connecting-IP)] if { req.hdr(CF-Connecting-IP) -m found }
  http-request set-header X-Forwarded-Proto https unless { req.hdr(X-Forwarded-Proto) -m str http }
${lines.join("\n")}
${UNKNOWN}`;
}

/** The nodes of an application as a host sees them: itself, then the others by the declared round trip, then by name. */
export function nearestFirst(
  inventory: Inventory,
  from: Host,
  { nodes }: Pick<Application, "nodes">,
): Host[] {
  const away = (host: Host): number =>
    host.id === from.id ? -1 : (roundTrip(inventory, from.site, host.site) ?? Number.POSITIVE_INFINITY);
  return nodes
    .map((id) => hostOf(inventory, id))
    .map((host) => ({ host, distance: away(host) }))
    .sort((a, b) => (a.distance === b.distance ? (a.host.id < b.host.id ? -1 : 1) : a.distance - b.distance))
    .map(({ host }) => host);
}

/** `first` gives all requests to the first node that lives. A lost node is marked as soon as one connection to it fails. */
function backendsOf(inventory: Inventory, host: Host, application: Application): string {
  const servers = nearestFirst(inventory, host, application).map(({ id, mesh }) => ({
    id,
    address: `${id === host.id ? "127.0.0.1" : mesh}:${WEB_PORT}`,
  }));
  return backends(application, servers, "first", " observe layer4 error-limit 1 on-error mark-down");
}

/** The whole configuration on one host. */
export const originConfig = (inventory: Inventory, host: Host): string =>
  [
    HEAD,
    frontend(inventory),
    ...inventory.applications.map((application) => backendsOf(inventory, host, application)),
  ].join("\n");
