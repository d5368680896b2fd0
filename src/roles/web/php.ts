/** What the web role has beside nginx where a host serves an application that is written in PHP. */
import { file, unit } from "../../host/entries.ts";
import type { Contribution, FileState } from "../../host/state.ts";
import type { Application, Host } from "../../inventory/schema.ts";

const PHP = "8.4";
const POOL = `/etc/php/${PHP}/fpm/pool.d/www.conf`;
const PHP_SETTINGS = `/etc/php/${PHP}/fpm/conf.d/60-farm.ini`;
const SOCKET = "/run/php/farm.sock";

/** What a site includes as `farm/php.inc`. */
export const PHP_INCLUDE = "/etc/nginx/farm/php.inc";

const writtenInPhp: Readonly<Record<Application["software"], boolean>> = { mediawiki: true, redmine: false };

/** Whether a host needs PHP for what it serves. */
export const needsPhp = (applications: readonly Application[]): boolean =>
  applications.some(({ software }) => writtenInPhp[software]);

/**
 * Half of the memory for applications is PHP's, the rest the system's, nginx's and the cluster proxy's. PHP lets one request have 128 MB
 * (memory_limit); MediaWiki's ordinary ones were measured at 20 MB beside what all workers share, so we count half.
 */
function workers(memory: number): number {
  return Math.max(4, Math.floor(memory / 2 / 64e6));
}

function pool({ share }: Host): string {
  const most = workers(share);
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

/** What a site includes as `farm/php.inc` where a request goes to the PHP file that $fastcgi_script_name names. */
const PASS_TO_PHP = `include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
# A header "Proxy" must not become the variable that some programs take for their proxy (httpoxy, CVE-2016-5385).
fastcgi_param HTTP_PROXY "";
fastcgi_pass unix:${SOCKET};
`;

/** A question that PHP answers itself, for the default server. */
export const PHP_PING = `  location = /farm-ping {
    allow 127.0.0.1;
    deny all;
    access_log off;
    include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_NAME /farm-ping;
    fastcgi_param SCRIPT_FILENAME /farm-ping;
    fastcgi_pass unix:${SOCKET};
  }
`;

/** PHP on a host. `validate` tests nginx's configuration; `port`: where nginx answers. */
export function php(host: Host, validate: string, port: number) {
  return {
    packages: ["php-fpm", `php${PHP}-fpm`],
    files: [
      file(PHP_INCLUDE, PASS_TO_PHP, { validate }),
      file(POOL, pool(host), { validate: `php-fpm${PHP} -t -y %s` }),
      file(PHP_SETTINGS, PHP_INI),
    ] satisfies FileState[],
    units: [
      // A reload makes PHP-FPM execute itself anew, also as another version.
      unit(`php${PHP}-fpm.service`, { reloadOn: [POOL, PHP_SETTINGS, `package:php${PHP}-fpm`] }),
    ],
    probes: [
      {
        name: "nginx and PHP answer",
        command: `test "$(curl --silent --max-time 5 http://127.0.0.1:${port}/farm-ping)" = pong`,
        within: 20,
      },
    ],
  } satisfies Omit<Contribution, "role">;
}
