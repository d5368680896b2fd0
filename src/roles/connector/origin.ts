/** The proxy behind a connector: it knows which node of each application lives, and which is nearest. */
import { healthOf } from "../../apps/health.ts";
import { ORIGIN } from "../../dns/edge.ts";
import { POLICY_PATH, policiesOf } from "../../dns/mail.ts";
import { roundTrip } from "../../inventory/check-placement.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Application, Host, Inventory } from "../../inventory/schema.ts";
import { WEB_PORT } from "../web.ts";

const HEAD = `global
  log stdout format raw daemon
  # Root's and our own: the directory is closed to others.
  stats socket /run/farm-origin/admin.sock mode 600 level admin

defaults
  mode http
  log global
  option httplog
  option dontlognull
  # A connection over the mesh takes one round trip, at most some 150 ms (Germany to the US); one lost packet adds 1 s.
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 10s
  timeout check 5s
  timeout http-request 10s
  # Longer than the connector keeps a connection to us that is idle (90 s), so that it never sends into one that we close.
  timeout http-keep-alive 100s
`;

const isFor = (names: readonly string[]): string =>
  `req.hdr(host),host_only,lower -m str -- ${names.join(" ")}`;

/** How mail is to be sent to us (RFC 8461, 3.2). */
const policies = (inventory: Inventory): string[] =>
  policiesOf(inventory).map(({ hostname, text }) => {
    const string = text.replaceAll("\n", "\\n");
    return `  http-request return status 200 content-type text/plain string "${string}" if { ${isFor([hostname])} } { path ${POLICY_PATH} }`;
  });

/** Old names do not come so far: Cloudflare's own rules lead them on. */
function frontend(inventory: Inventory): string {
  const { applications } = inventory;
  const lines = [
    ...applications.map(({ id, hostnames }) => `  acl is_${id} ${isFor(hostnames)}`),
    ...policies(inventory),
    ...applications.flatMap(({ id }) => [
      `  use_backend ${id}_any if is_${id} { nbsrv(${id}) eq 0 }`,
      `  use_backend ${id} if is_${id}`,
    ]),
  ];
  return `frontend connector
  bind ${new URL(ORIGIN).host}
  # Cloudflare says whose request it is (developers.cloudflare.com, "Cloudflare HTTP headers"), and so how it came: a word of its own.
  http-request del-header Forwarded
  http-request del-header X-Real-IP
  http-request del-header X-Forwarded-For
  http-request set-header X-Forwarded-For %[req.hdr(CF-Connecting-IP)] if { req.hdr(CF-Connecting-IP) -m found }
  http-request set-header X-Forwarded-Proto https unless { req.hdr(X-Forwarded-Proto) -m str http }
${lines.join("\n")}
  default_backend unknown

backend unknown
  http-request return status 421 content-type text/plain string "No such site here.\\n"
`;
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

/**
 * The backends of an application. `first` gives all requests to the first node that lives; what could not be handed over, and
 * a read that a node answers with 502 or 503, is asked again of the next (a write may have taken effect). A lost node is
 * marked as soon as one connection to it fails. Where no node passes its check the database is the likely reason: `_any`
 * goes on asking, and the first request that succeeds again is served without waiting for a check.
 */
function backends(inventory: Inventory, host: Host, application: Application): string {
  const { id, hostnames, software } = application;
  const health = healthOf[software];
  const common = `  balance first
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 502 503
  http-request disable-l7-retry unless METH_GET
  option srvtcpka
  srvtcpka-idle 1s
  srvtcpka-intvl 1s
  srvtcpka-cnt 3
`;
  const servers = (check: string) =>
    nearestFirst(inventory, host, application)
      .map(
        (node) => `  server ${node.id} ${node.id === host.id ? "127.0.0.1" : node.mesh}:${WEB_PORT}${check}`,
      )
      .join("\n");
  return `backend ${id}
${common}  option httpchk
  http-check send meth GET uri ${health.path} ver HTTP/1.1 hdr Host ${hostnames[0]}
  http-check expect status 200
  http-check expect string ${health.contains}
  default-server inter 2s fastinter 1s downinter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
${servers(" check")}

backend ${id}_any
${common}${servers("")}
`;
}

/** The whole configuration on one host. */
export const originConfig = (inventory: Inventory, host: Host): string =>
  [
    HEAD,
    frontend(inventory),
    ...inventory.applications.map((application) => backends(inventory, host, application)),
  ].join("\n");
