/** The edge's HAProxy configuration. */
import { keepsPath, targetOf } from "../../dns/edge.ts";
import { POLICY_PATH, policiesOf } from "../../dns/mail.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Application, Inventory } from "../../inventory/schema.ts";
import { WEB_PORT } from "../web.ts";
import type { ApplicationHealth } from "./health.ts";
import { LIVE, LIVE_PATH } from "./live.ts";

/** An application with the way to ask it for its health. */
export interface Served {
  readonly application: Application;
  readonly health: ApplicationHealth;
}

const HEAD = `global
  log stdout format raw daemon
  # Root's and our own: the directory is closed to others.
  stats socket /run/farm-edge/admin.sock mode 600 level admin
  ssl-default-bind-options ssl-min-ver TLSv1.2

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
  # Who takes longer to send a request's head occupies connections on purpose.
  timeout http-request 10s
  timeout http-keep-alive 15s
`;

const isFor = (hostname: string): string => `{ req.hdr(host),host_only,lower -m str ${hostname} }`;

/** Answers the question whether a name is served here: an application, while it has a live node. */
const lives = (served: readonly Served[]): string[] => [
  ...served.map(
    ({ application: { id } }) =>
      `  http-request return status 503 content-type text/plain string "no live node\\n" if { path ${LIVE_PATH} } is_${id} { nbsrv(${id}) eq 0 }`,
  ),
  `  http-request return status 200 content-type text/plain string "${LIVE}\\n" if { path ${LIVE_PATH} }`,
];

/** Old names. */
const redirects = (inventory: Inventory): string[] =>
  inventory.redirects.map((redirect) => {
    const target = targetOf(inventory, redirect);
    // HAProxy takes a single % for the beginning of a variable.
    const how = keepsPath(target)
      ? `prefix ${target.origin}`
      : `location '${target.href.replaceAll("%", "%%")}'`;
    return `  http-request redirect ${how} code ${redirect.status} if ${isFor(redirect.from)}`;
  });

/** How mail is to be sent to us (RFC 8461, 3.2): the text, and nothing else under that name. */
const policies = (inventory: Inventory): string[] =>
  policiesOf(inventory).map(({ hostname, text }) => {
    const string = text.replaceAll("\n", "\\n");
    return `  http-request return status 200 content-type text/plain string "${string}" if ${isFor(hostname)} { path ${POLICY_PATH} }`;
  });

/**
 * Without a certificate of its own a name is no name of ours: strict-sni ends such connections. The certificate's
 * directory comes from the environment, so that the configuration can be tested before there is a certificate.
 */
function frontend(
  inventory: Inventory,
  addresses: readonly string[],
  served: readonly Served[],
  challenge: readonly string[],
): string {
  const names = served.map(
    ({ application: { id, hostnames } }) =>
      `  acl is_${id} req.hdr(host),host_only,lower -m str -- ${hostnames.join(" ")}`,
  );
  const routes = served.flatMap(({ application: { id } }) => [
    `  use_backend ${id}_any if is_${id} { nbsrv(${id}) eq 0 }`,
    `  use_backend ${id} if is_${id}`,
  ]);
  const binds = addresses.flatMap((address) => [
    `  bind ${address}:80`,
    `  bind ${address}:443 ssl crt "$FARM_EDGE_CERTIFICATES" strict-sni alpn h2,http/1.1`,
  ]);
  return `frontend users
${binds.join("\n")}
  # What a client says of its own origin is not to be believed.
  http-request del-header Forwarded
  http-request del-header X-Real-IP
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
${[...names, ...challenge, ...lives(served), ...redirects(inventory), ...policies(inventory), ...routes].join("\n")}
  default_backend unknown

backend unknown
  http-request return status 421 content-type text/plain string "No such site here.\\n"
`;
}

/**
 * The backends of an application. A lost node costs a reader some seconds at most: keepalive probes find a silent one
 * in 4 s, and a request of which nothing is acknowledged ends as soon (tcp-ut: no probe is sent while one is under way, and it
 * would wait for "timeout server"). A read (not a write, which may have taken effect) is asked again of another node.
 * Where no node passes its check, the database is the likely reason. `_any` goes on asking: the first request that
 * succeeds again is served without waiting for a check, and until then the application explains itself.
 */
function backends(inventory: Inventory, { application, health }: Served): string {
  const nodes = application.nodes.map((id) => ({ id, address: hostOf(inventory, id).mesh }));
  const common = `  balance roundrobin
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
    nodes.map((node) => `  server ${node.id} ${node.address}:${WEB_PORT} tcp-ut 4s${check}`).join("\n");
  return `backend ${application.id}
${common}  option httpchk
  http-check send meth GET uri ${health.path} ver HTTP/1.1 hdr Host ${application.hostnames[0]}
  http-check expect status 200
  http-check expect string ${health.contains}
  default-server inter 2s fastinter 1s downinter 1s fall 2 rise 1
${servers(" check")}

backend ${application.id}_any
${common}${servers("")}
`;
}

/**
 * The whole configuration of one edge. `addresses` are those that users call, of IPv6 in brackets; `challenge` has the rule by
 * which a public authority is answered, where there is one.
 */
export function edgeConfig(
  inventory: Inventory,
  addresses: readonly string[],
  served: readonly Served[],
  challenge: readonly string[],
): string {
  const users = frontend(inventory, addresses, served, challenge);
  return [HEAD, users, ...served.map((s) => backends(inventory, s))].join("\n");
}
