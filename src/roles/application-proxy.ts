/** HAProxy before the nodes of applications: what our own edge has of it and the proxy behind a connector has too. */
import { healthOf } from "../apps/health.ts";
import { POLICY_PATH, policiesOf } from "../dns/mail.ts";
import type { Application, Inventory } from "../inventory/schema.ts";

/**
 * The configuration's head. `name` is that of the service, whose runtime directory has the socket; `ours` are further lines of
 * `global`, `clients` those that say how long clients are waited for.
 */
export const proxyHead = (name: string, ours: readonly string[], clients: readonly string[]): string => {
  const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}\n`).join("");
  return `global
  log stdout format raw daemon
  # Root's and our own: the directory is closed to others.
  stats socket /run/${name}/admin.sock mode 600 level admin
${indented(ours)}
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
${indented(clients)}`;
};

/** A condition: the request is for this name. */
export const isFor = (hostname: string): string => `{ req.hdr(host),host_only,lower -m str ${hostname} }`;

/** Names the applications for `routes`. */
export const names = (applications: readonly Application[]): string[] =>
  applications.map(
    ({ id, hostnames }) => `  acl is_${id} req.hdr(host),host_only,lower -m str -- ${hostnames.join(" ")}`,
  );

/** Where requests for the applications go. See `backends`. */
export const routes = (applications: readonly Application[]): string[] =>
  applications.flatMap(({ id }) => [
    `  use_backend ${id}_any if is_${id} { nbsrv(${id}) eq 0 }`,
    `  use_backend ${id} if is_${id}`,
  ]);

/** How mail is to be sent to us (RFC 8461, 3.2): the text, and nothing else under that name. */
export const policies = (inventory: Inventory): string[] =>
  policiesOf(inventory).map(({ hostname, text }) => {
    const string = text.replaceAll("\n", "\\n");
    return `  http-request return status 200 content-type text/plain string "${string}" if ${isFor(hostname)} { path ${POLICY_PATH} }`;
  });

/** Ends a frontend: whoever asks for another name. */
export const UNKNOWN = `  default_backend unknown

backend unknown
  http-request return status 421 content-type text/plain string "No such site here.\\n"
`;

/** A node as a proxy asks it. */
interface Server {
  readonly id: string;
  /** IPv4 address and port. */
  readonly address: string;
}

/**
 * The backends of an application. A read (not a write, which may have taken effect) that could not be handed over, or that a node
 * answers with 502 or 503, is asked again of another node. Where no node passes its check, the database is the likely reason.
 * `_any` goes on asking: the first request that succeeds again is served without waiting for a check, and until then the
 * application explains itself. A lost node costs a reader some seconds at most: keepalive probes find a silent one in 4 s, and a
 * request of which nothing is acknowledged ends as soon (tcp-ut: no probe is sent while one is under way, and it would wait for
 * "timeout server"). `balance` says which node is asked first, `checks` what follows from checks beside their times.
 */
export function backends(
  { id, hostnames, software }: Application,
  servers: readonly Server[],
  balance: string,
  checks = "",
): string {
  const health = healthOf[software];
  const common = `  balance ${balance}
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 502 503
  http-request disable-l7-retry unless METH_GET
  option srvtcpka
  srvtcpka-idle 1s
  srvtcpka-intvl 1s
  srvtcpka-cnt 3
`;
  const listed = (check: string): string =>
    servers.map((server) => `  server ${server.id} ${server.address} tcp-ut 4s${check}`).join("\n");
  return `backend ${id}
${common}  option httpchk
  http-check send meth GET uri ${health.path} ver HTTP/1.1 hdr Host ${hostnames[0]}
  http-check expect status 200
  http-check expect string ${health.contains}
  default-server inter 2s fastinter 1s downinter 1s fall 2 rise 1${checks}
${listed(" check")}

backend ${id}_any
${common}${listed("")}
`;
}
