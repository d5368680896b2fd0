/** nginx and PHP on a host that serves applications: closed by default, opened site by site. */
import { file, unit } from "../host/entries.ts";
import type { Contribution, FileState } from "../host/state.ts";
import { hostOf } from "../inventory/load.ts";
import type { Application } from "../inventory/schema.ts";
import type { HostRole, RoleContext } from "./role.ts";

const ROLE = "web";
const PHP = "8.4";
const NGINX = "/etc/nginx/nginx.conf";
const LISTEN = "/etc/nginx/farm/00-default.conf";
const PHP_INCLUDE = "/etc/nginx/farm/php.inc";
const POOL = `/etc/php/${PHP}/fpm/pool.d/www.conf`;
const PHP_SETTINGS = `/etc/php/${PHP}/fpm/conf.d/60-farm.ini`;
const SOCKET = "/run/php/farm.sock";

/** Port on which a host's nginx answers the edges, on its mesh address only. */
export const WEB_PORT = 80;

/**
 * nginx as root reads its whole configuration from the staged copies: ours includes by relative path only. It also
 * opens the sockets, so the test runs in an empty network namespace, where any address may be bound and none is taken.
 */
const VALIDATE_NGINX =
  "unshare --net sh -c 'sysctl -qw net.ipv4.ip_nonlocal_bind=1 && nginx -tq -c %d/etc/nginx/nginx.conf'";

/** Addresses on which every site listens: the mesh for the edges, loopback for local questions. */
const listenLines = (context: RoleContext, flag = ""): string =>
  [context.host.mesh, "127.0.0.1"].map((address) => `  listen ${address}:${WEB_PORT}${flag};`).join("\n");

/** Edges name the client's address in X-Forwarded-For; nobody else is believed. */
function nginxConfig({ inventory }: RoleContext): string {
  const edges = inventory.edge.hosts
    .map((id) => `\n  set_real_ip_from ${hostOf(inventory, id).mesh};`)
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
  location = /farm-ping {
    allow 127.0.0.1;
    deny all;
    access_log off;
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_NAME /farm-ping;
    fastcgi_param SCRIPT_FILENAME /farm-ping;
    fastcgi_pass unix:${SOCKET};
  }
  location / {
    return 404;
  }
}
`;
}

/**
 * Half of the memory is PHP's, the rest the system's, nginx's and the cluster proxy's. PHP lets one request have 128 MB
 * (memory_limit); MediaWiki's ordinary ones were measured at 20 MB beside what all workers share, so we count half.
 */
function workers(memory: number): number {
  return Math.max(4, Math.floor(memory / 2 / 64e6));
}

function pool(context: RoleContext): string {
  const most = workers(context.host.memory);
  return `; The one pool of this host, in place of Debian's default one.
[global]
; A reload lets requests end that are being worked on; new ones wait meanwhile. Without this the former are cut off.
process_control_timeout = 5s
error_log = syslog

[www]
user = www-data
group = www-data
listen = ${SOCKET}
listen.owner = www-data
listen.group = www-data
listen.mode = 0660
pm = dynamic
pm.max_children = ${most}
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = ${Math.max(2, Math.floor(most / 2))}
pm.max_requests = 1000
ping.path = /farm-ping
; A request that takes longer is stuck: the edge has given it up by then. Also one that goes on after its answer:
; MediaWiki 1.43 turns in circles there at full load, without end, when its database refuses to commit (measured).
request_terminate_timeout = 60s
request_terminate_timeout_track_finished = yes
php_admin_value[error_log] = syslog
php_admin_flag[log_errors] = on
`;
}

/** MediaWiki in use holds 1,500 of its 6,500 files compiled, in 55 MB, and 12 MB of strings (measured). */
const PHP_INI = `expose_php = Off
opcache.memory_consumption = 128
opcache.interned_strings_buffer = 16
opcache.max_accelerated_files = 16229
`;

/** Path of an application's site file, for the units and roles that refer to it. */
const sitePath = (application: Application): string => `/etc/nginx/farm/${application.id}.conf`;

/** What a site includes as `farm/php.inc` where a request goes to the PHP file that $fastcgi_script_name names. */
const PASS_TO_PHP = `include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
# A header "Proxy" must not become the variable that some programs take for their proxy (httpoxy, CVE-2016-5385).
fastcgi_param HTTP_PROXY "";
fastcgi_pass unix:${SOCKET};
`;

/**
 * The site of an application: `locations` are nginx's words inside of its server block. The first host name is the
 * one that people see; the others lead to it, by 308 so that a form that was sent stays one.
 */
export function site(context: RoleContext, application: Application, locations: string): FileState {
  const [first, ...others] = application.hostnames;
  const redirect = `server {
${listenLines(context)}
  server_name ${others.join(" ")};
  return 308 $http_x_forwarded_proto://${first}$request_uri;
}
`;
  return file(
    sitePath(application),
    `server {
${listenLines(context)}
  server_name ${first};
${locations.trimEnd()}
}
${others.length > 0 ? redirect : ""}`,
    { validate: VALIDATE_NGINX },
  );
}

function sitesOf({ inventory, host }: RoleContext): string[] {
  return inventory.applications.filter((a) => a.nodes.includes(host.id)).map(sitePath);
}

/** nginx and PHP for the applications of this host. Each application adds its `site`. */
export const web: HostRole = (context): Contribution => ({
  role: ROLE,
  // nginx provides the web server that PHP applications depend on, so that Apache stays away.
  packages: ["logrotate", "nginx", "php-fpm", `php${PHP}-fpm`, "procps"],
  files: [
    file(NGINX, nginxConfig(context), { validate: VALIDATE_NGINX }),
    file(LISTEN, defaultServer(context), { validate: VALIDATE_NGINX }),
    file(PHP_INCLUDE, PASS_TO_PHP, { validate: VALIDATE_NGINX }),
    file(POOL, pool(context), { validate: `php-fpm${PHP} -t -y %s` }),
    file(PHP_SETTINGS, PHP_INI),
  ],
  directories: [{ path: "/etc/nginx/farm", owner: "root:root", mode: "0755" }],
  // nginx binds the mesh address, also before the mesh has come up and while it is being restarted.
  sysctls: [{ key: "net.ipv4.ip_nonlocal_bind", value: "1" }],
  units: [
    // A reload can't go from "all addresses" (Debian's default site) to one: the new socket is refused.
    unit("nginx.service", {
      restartOn: [LISTEN, "package:nginx"],
      reloadOn: [NGINX, PHP_INCLUDE, ...sitesOf(context)],
    }),
    // A reload makes PHP-FPM execute itself anew, also as another version.
    unit(`php${PHP}-fpm.service`, { reloadOn: [POOL, PHP_SETTINGS, `package:php${PHP}-fpm`] }),
    unit("logrotate.timer", {}),
  ],
  listens: [{ service: "web", protocol: "tcp", port: WEB_PORT, reach: "mesh" }],
  probes: [
    {
      name: "nginx and PHP answer",
      command: `test "$(curl --silent --max-time 5 http://127.0.0.1:${WEB_PORT}/farm-ping)" = pong`,
      within: 20,
    },
    {
      name: "unknown names are refused",
      command: `test "$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' http://${context.host.mesh}:${WEB_PORT}/)" = 404`,
      within: 10,
    },
  ],
});
