/** nginx, and PHP where it is needed, on a host that serves applications: closed by default, opened site by site. */
import { file, unit } from "../host/entries.ts";
import type { Contribution, FileState } from "../host/state.ts";
import { connectorHosts, edgeHosts } from "../inventory/domains.ts";
import { hostOf } from "../inventory/load.ts";
import type { Application } from "../inventory/schema.ts";
import type { HostRole, RoleContext } from "./role.ts";
import { needsPhp, PHP_INCLUDE, PHP_PING, php } from "./web/php.ts";

const ROLE = "web";
const NGINX = "/etc/nginx/nginx.conf";
const LISTEN = "/etc/nginx/farm/00-default.conf";

/** Port on which a host's nginx answers the edges or connectors, on its mesh address and loopback. */
export const WEB_PORT = 80;

/**
 * nginx as root reads its whole configuration from the staged copies: ours includes by relative path only. It also
 * opens the sockets, so the test runs in an empty network namespace, where any address may be bound and none is taken.
 */
const VALIDATE_NGINX =
  "unshare --net sh -c 'sysctl -qw net.ipv4.ip_nonlocal_bind=1 && nginx -tq -c %d/etc/nginx/nginx.conf'";

/** Addresses on which every site listens: the mesh for edges and others' connectors, loopback for its own and local questions. */
const listenLines = (context: RoleContext, flag = ""): string =>
  [context.host.mesh, "127.0.0.1"].map((address) => `  listen ${address}:${WEB_PORT}${flag};`).join("\n");

/** Edges and connectors name the client's address in X-Forwarded-For; nobody else is believed. */
function nginxConfig({ inventory, host }: RoleContext): string {
  const callers = [...edgeHosts(inventory), ...connectorHosts(inventory)];
  const edges = callers
    .map((id) => (id === host.id ? "127.0.0.1" : hostOf(inventory, id).mesh))
    .map((address) => `\n  set_real_ip_from ${address};`)
    .sort();
  return `# Debian's sites-enabled and conf.d are not included: only what the farm declares is served.
user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;

events {
  worker_connections 1024;
}

http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /var/log/nginx/access.log;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  gzip on;
  gzip_types text/css text/javascript application/javascript application/json image/svg+xml;
  real_ip_header X-Forwarded-For;${edges.join("")}
  include farm/*.conf;
}
`;
}

/** Who asks for a name that we don't serve learns nothing. The ping tells whether nginx and PHP live. */
function defaultServer(context: RoleContext): string {
  return `server {
${listenLines(context, " default_server")}
  server_name _;
${needsPhp(applicationsOf(context)) ? PHP_PING : ""}  location / {
    return 404;
  }
}
`;
}

/** Path of an application's site file, for the units and roles that refer to it. */
const sitePath = (application: Application): string => `/etc/nginx/farm/${application.id}.conf`;

/**
 * The site of an application: `locations` are nginx's words inside of its server block, `before` those that stand in
 * front of it. The first host name is the one that people see; the others lead to it, by 308 so that a form that was
 * sent stays one.
 */
export function site(
  context: RoleContext,
  application: Application,
  locations: string,
  before = "",
): FileState {
  const [first, ...others] = application.hostnames;
  const redirect = `server {
${listenLines(context)}
  server_name ${others.join(" ")};
  return 308 $http_x_forwarded_proto://${first}$request_uri;
}
`;
  return file(
    sitePath(application),
    `${before}server {
${listenLines(context)}
  server_name ${first};
${locations.trimEnd()}
}
${others.length > 0 ? redirect : ""}`,
    { validate: VALIDATE_NGINX },
  );
}

/** The applications of this host. */
const applicationsOf = ({ inventory, host }: RoleContext): Application[] =>
  inventory.applications.filter((a) => a.nodes.includes(host.id));

/** nginx for the applications of this host, and PHP if one of them is written in it. Each application adds its `site`. */
export const web: HostRole = (context): Contribution => {
  const applications = applicationsOf(context);
  const withPhp = needsPhp(applications);
  const more = withPhp ? php(context.host, VALIDATE_NGINX, WEB_PORT) : undefined;
  return {
    role: ROLE,
    // nginx provides the web server that PHP applications depend on, so that Apache stays away.
    packages: ["logrotate", "nginx", "procps", ...(more?.packages ?? [])],
    files: [
      file(NGINX, nginxConfig(context), { validate: VALIDATE_NGINX }),
      file(LISTEN, defaultServer(context), { validate: VALIDATE_NGINX }),
      ...(more?.files ?? []),
    ],
    directories: [{ path: "/etc/nginx/farm", owner: "root:root", mode: "0755" }],
    // nginx binds the mesh address, also before the mesh has come up and while it is being restarted.
    sysctls: [{ key: "net.ipv4.ip_nonlocal_bind", value: "1" }],
    units: [
      // A reload can't go from "all addresses" (Debian's default site) to one: the new socket is refused.
      unit("nginx.service", {
        restartOn: [LISTEN, "package:nginx"],
        reloadOn: [NGINX, ...(withPhp ? [PHP_INCLUDE] : []), ...applications.map(sitePath)],
      }),
      unit("logrotate.timer", {}),
      ...(more?.units ?? []),
    ],
    listens: [{ service: "web", protocol: "tcp", port: WEB_PORT, reach: "mesh" }],
    probes: [
      {
        name: "unknown names are refused",
        command: `test "$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' http://${context.host.mesh}:${WEB_PORT}/)" = 404`,
        within: 10,
      },
      ...(more?.probes ?? []),
    ],
  };
};
