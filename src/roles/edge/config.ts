/** The edge's HAProxy configuration. */
import { keepsPath, targetOf } from "../../dns/edge.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Application, Inventory } from "../../inventory/schema.ts";
import { backends, isFor, names, policies, proxyHead, routes, UNKNOWN } from "../application-proxy.ts";
import { WEB_PORT } from "../web.ts";
import { LIVE, LIVE_PATH } from "./live.ts";

const HEAD = proxyHead(
  "farm-edge",
  ["ssl-default-bind-options ssl-min-ver TLSv1.2"],
  [
    "# Who takes longer to send a request's head occupies connections on purpose.",
    "timeout http-request 10s",
    "timeout http-keep-alive 15s",
  ],
);

/** Answers the question whether a name is served here: an application, while it has a live node. */
const lives = (applications: readonly Application[]): string[] => [
  ...applications.map(
    ({ id }) =>
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

/**
 * Without a certificate of its own a name is no name of ours: strict-sni ends such connections. The certificate's
 * directory comes from the environment, so that the configuration can be tested before there is a certificate.
 */
function frontend(
  inventory: Inventory,
  addresses: readonly string[],
  applications: readonly Application[],
  challenge: readonly string[],
): string {
  const binds = addresses.flatMap((address) => [
    `  bind ${address}:80`,
    `  bind ${address}:443 ssl crt "$FARM_EDGE_CERTIFICATES" strict-sni alpn h2,http/1.1`,
  ]);
  const lines = [
    ...names(applications),
    ...challenge,
    ...lives(applications),
    ...redirects(inventory),
    ...policies(inventory),
    ...routes(applications),
  ];
  return `frontend users
${binds.join("\n")}
  # What a client says of its own origin is not to be believed.
  http-request del-header Forwarded
  http-request del-header X-Real-IP
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
${lines.join("\n")}
${UNKNOWN}`;
}

function backendsOf(inventory: Inventory, application: Application): string {
  const servers = application.nodes.map((id) => ({
    id,
    address: `${hostOf(inventory, id).mesh}:${WEB_PORT}`,
  }));
  return backends(application, servers, "roundrobin");
}

/**
 * The whole configuration of one edge. `addresses` are those that users call, of IPv6 in brackets; `challenge` has the rule by
 * which a public authority is answered, where there is one.
 */
export function edgeConfig(
  inventory: Inventory,
  addresses: readonly string[],
  applications: readonly Application[],
  challenge: readonly string[],
): string {
  const users = frontend(inventory, addresses, applications, challenge);
  return [HEAD, users, ...applications.map((one) => backendsOf(inventory, one))].join("\n");
}
