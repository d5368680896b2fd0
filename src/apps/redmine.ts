/** Redmine on its nodes. They share nothing but the database: sessions lie in signed cookies, caches are each node's own. */

import { readFileSync } from "node:fs";
import type { EdgeTraits } from "../dns/traits.ts";
import { file, unit } from "../host/entries.ts";
import type { Contribution, FileState, UnitState } from "../host/state.ts";
import { hostOf } from "../inventory/load.ts";
import type { Application, Host } from "../inventory/schema.ts";
import { PROXY_ADDRESS } from "../roles/database-proxy.ts";
import type { ApplicationHealth } from "../roles/edge/health.ts";
import { POOL_PORT, PROXY_PORT } from "../roles/postgresql/ports.ts";
import type { ApplicationRole, RoleContext } from "../roles/role.ts";
import { databaseLogin, databasePassword } from "../roles/secrets.ts";
import { site, WEB_PORT } from "../roles/web.ts";

const PROGRAMS = "/usr/local/lib/farm-redmine";
/** Debian's package keeps several Redmines apart by name, as "instances". Ours is none that its scripts know of. */
const CONFIG = "/etc/redmine/farm";
const DATA = "/var/lib/redmine/farm";
const CACHE = "/var/cache/redmine/farm";
const PLUGIN = `${DATA}/plugins/farm`;
const DATABASE = `${CONFIG}/database.yml`;
const SECRET_KEY = `${CONFIG}/secret_key.txt`;
const MAIL = `${CONFIG}/configuration.yml`;
const SETTINGS = `${CONFIG}/settings.json`;
const PUMA = `${CONFIG}/puma.rb`;
const ADMIN = `${CONFIG}/passwords/admin`;
const SOCKET = "/run/farm-redmine/puma.sock";
const SERVICE = "farm-redmine.service";
const SETUP = "farm-redmine-setup.service";
/** Not www-data: who breaks into another application of this host must not read Redmine's secrets, nor the reverse. */
const ACCOUNT = "redmine";

const unitPath = (name: string): string => `/etc/systemd/system/${name}`;

const ours = (name: string): string => readFileSync(new URL(`./redmine/${name}`, import.meta.url), "utf8");
const TEXTS = {
  setup: ours("setup.rb"),
  settle: ours("settle.rb"),
  locations: ours("locations.conf"),
  service: ours(SERVICE),
  setupService: ours(SETUP),
};
const PLUGIN_FILES = [
  [`${PLUGIN}/init.rb`, ours("plugin/init.rb")],
  [`${PLUGIN}/app/views/attachments/_form.html.erb`, ours("plugin/_form.html.erb")],
  [`${PLUGIN}/config/locales/en.yml`, ours("plugin/en.yml")],
  [`${PLUGIN}/config/locales/ru.yml`, ours("plugin/ru.yml")],
] as const;

/**
 * Asked by the edges every few seconds: the page that everybody may see, which goes through Rails to the database. By a
 * path of its own, as no node may answer this for another.
 */
export const redmineHealth: ApplicationHealth = { path: "/farm-health", contains: "login-form" };

/** Sessions are nothing to keep: it is for administrators. */
export const redmineTraits: EdgeTraits = {
  administrative: true,
  cached: ["/assets/"],
  loginCookies: () => ["_redmine_session", "autologin"],
  login: ["/login"],
};

/** Only root's own programs and Redmine itself read what holds a secret. */
const SECRET = { owner: `root:${ACCOUNT}`, mode: "0640" };
const RUBY = { validate: "ruby -c %s" };
const YAML = { validate: `ruby -ryaml -e 'YAML.load_file("%s")'` };

/** Requests that one process works on at once. Ruby runs one at a time; the others wait for the database meanwhile. */
const THREADS = 5;

/**
 * Seconds in which a process has to come up, less than the unit's own 300. After Puma's 60 all of them were ended and began
 * again, for ever, on a busy machine: each takes 12 s of a processor (seen).
 */
const WORKER_BOOT = 240;

/** How many processes of how many threads serve on a node. */
interface Size {
  readonly processes: number;
  readonly threads: number;
}

/**
 * A quarter of the memory is Redmine's: a process was measured at 262 MB after 540 pages. Where the account's connections to the
 * database are limited, each node has its part of them, two of which are the setup's.
 */
function sizeOf(host: Host, { database: { connections, pool }, nodes }: Application): Size {
  const processes = Math.max(1, Math.floor(host.share / 4 / 300e6));
  if (connections === undefined || pool !== undefined) return { processes, threads: THREADS };
  const most = Math.max(1, Math.floor(connections / nodes.length) - 2);
  const fitting = Math.min(processes, most);
  return { processes: fitting, threads: Math.min(THREADS, Math.floor(most / fitting)) };
}

/** The setup takes the direct way also where there is a pool: migrations hold a lock of their session's. */
function database(context: RoleContext, application: Application, { threads }: Size): string {
  const pooled = application.database.pool !== undefined;
  return `production:
  adapter: postgresql
  host: ${PROXY_ADDRESS}
  port: ${pooled ? `<%= ENV.fetch("FARM_DATABASE_PORT", ${POOL_PORT}) %>` : PROXY_PORT}
  database: ${application.id}
  username: ${databaseLogin(context, application)}
  password: "${context.secret(databasePassword(application))}"
  encoding: utf8
  pool: ${threads}
  connect_timeout: 5
${pooled ? "  # In a pool the next statement may come to another connection.\n  prepared_statements: false\n" : ""}`;
}

function puma({ processes, threads }: Size): string {
  return `directory "/usr/share/redmine"
environment "production"
# As nginx on loopback, any account of this host may ask it.
bind "unix://${SOCKET}?umask=0111"
threads ${threads}, ${threads}
# Who has been let in is answered, also when we stop.
drain_on_shutdown
${processes > 1 ? `workers ${processes}\nworker_boot_timeout ${WORKER_BOOT}\n` : ""}`;
}

/**
 * Ruby takes seconds to read all of Redmine. While this node's is away, its nginx asks another node what it could not
 * hand over here, so nothing is asked twice. Who is asked so asks nobody further.
 */
function upstreams({ inventory, host }: RoleContext, { nodes }: Application): string {
  const here = `server unix:${SOCKET} max_fails=0;`;
  const others = nodes
    .filter((id) => id !== host.id)
    .map((id) => `\n  server ${hostOf(inventory, id).mesh}:${WEB_PORT} max_fails=0 backup;`);
  return `upstream farm_redmine_here {
  ${here}
}
upstream farm_redmine_any {
  ${here}${others.join("")}
}
map $http_x_farm_node $farm_redmine {
  "" farm_redmine_any;
  default farm_redmine_here;
}
`;
}

/** Redmine's own settings, by their names there, on which the farm insists whenever the setup runs. */
function settings({ hostnames, language, mail, title }: Application): string {
  const values = {
    app_title: title[language],
    default_language: language,
    host_name: hostnames[0],
    protocol: "https",
    login_required: "1",
    self_registration: "0",
    rest_api_enabled: "1",
    // A new password is sent by mail.
    lost_password: mail === undefined ? "0" : "1",
    ...(mail === undefined ? {} : { mail_from: mail.from }),
  };
  return `${JSON.stringify(values, undefined, 2)}\n`;
}

/** Mail goes to a relay that knows us by our address; TLS where it offers it. */
const mailText = ({ host, port }: NonNullable<Application["mail"]>): string => `production:
  email_delivery:
    delivery_method: :smtp
    smtp_settings:
      address: ${host}
      port: ${port}
      enable_starttls_auto: true
`;

function files(context: RoleContext, application: Application): FileState[] {
  const { mail } = application;
  const size = sizeOf(context.host, application);
  const key = context.secret(`password/redmine/${application.id}/secret-key`);
  return [
    file(DATABASE, database(context, application, size), SECRET),
    // Signs and encrypts the cookies: who logged in on one node is known on the others.
    file(SECRET_KEY, `${key}\n`, SECRET),
    ...(mail === undefined ? [] : [file(MAIL, mailText(mail), YAML)]),
    file(SETTINGS, settings(application), { validate: "python3 -m json.tool %s /dev/null" }),
    file(PUMA, puma(size), RUBY),
    // Only the setup reads this, handed over by systemd: what serves requests can't.
    file(ADMIN, `${context.secret(`password/redmine/${application.id}/admin`)}\n`, { mode: "0600" }),
    ...PLUGIN_FILES.map(([path, text]) =>
      file(path, text, path.endsWith(".rb") ? RUBY : path.endsWith(".yml") ? YAML : {}),
    ),
    file(`${PROGRAMS}/setup.rb`, TEXTS.setup, RUBY),
    file(`${PROGRAMS}/settle.rb`, TEXTS.settle, RUBY),
    file(unitPath(SERVICE), TEXTS.service),
    file(unitPath(SETUP), TEXTS.setupService),
    site(context, application, TEXTS.locations, upstreams(context, application)),
  ];
}

/** What an instance of Debian's package consists of; Redmine itself writes into the cache alone. */
function places(): Pick<Contribution, "directories" | "links"> {
  const roots = [
    PROGRAMS,
    CONFIG,
    DATA,
    `${DATA}/public`,
    ...["", "/app", "/app/views", "/app/views/attachments", "/config", "/config/locales"].map(
      (part) => `${PLUGIN}${part}`,
    ),
    `${DATA}/plugins`,
  ];
  return {
    directories: [
      ...roots.map((path) => ({ path, owner: "root:root", mode: "0755" })),
      { path: `${CONFIG}/passwords`, owner: "root:root", mode: "0700" },
      ...[CACHE, `${CACHE}/assets`, `${CACHE}/tmp`].map((path) => ({
        path,
        owner: `${ACCOUNT}:${ACCOUNT}`,
        mode: "0755",
      })),
    ],
    links: [
      { path: `${DATA}/config`, target: CONFIG },
      { path: `${DATA}/tmp`, target: `${CACHE}/tmp` },
      { path: `${DATA}/public/assets`, target: `${CACHE}/assets` },
      // What Rails answers with when all else fails.
      { path: `${DATA}/public/404.html`, target: "/usr/share/redmine/public/404.html" },
      { path: `${DATA}/public/500.html`, target: "/usr/share/redmine/public/500.html" },
    ],
  };
}

function units({ mail }: Application): UnitState[] {
  const both = [DATABASE, ...PLUGIN_FILES.map(([path]) => path), "package:redmine"];
  return [
    unit(SETUP, {
      restartOn: [...both, SETTINGS, ADMIN, `${PROGRAMS}/setup.rb`, `${PROGRAMS}/settle.rb`, unitPath(SETUP)],
    }),
    unit(SERVICE, {
      restartOn: [
        ...both,
        SECRET_KEY,
        PUMA,
        ...(mail === undefined ? [] : [MAIL]),
        unitPath(SERVICE),
        "package:puma",
      ],
    }),
  ];
}

/**
 * Redmine as Debian packages it, on one of its nodes. Its database and account are the cluster's business; the setup
 * unit makes Redmine in it, whichever node comes first. One Redmine a host, though Debian's package could have several.
 */
export const redmine: ApplicationRole = (context, application) => ({
  role: `redmine-${application.id}`,
  // dbconfig-no-thanks: Debian's scripts ask for no database and make none.
  packages: ["dbconfig-no-thanks", "puma", "redmine", "redmine-pgsql"],
  accounts: [
    {
      name: ACCOUNT,
      comment: "Redmine",
      shell: "/usr/sbin/nologin",
      home: "/var/lib/farm-redmine",
      groups: [],
      system: true,
    },
  ],
  ...places(),
  files: files(context, application),
  units: units(application),
  connects:
    application.mail === undefined
      ? []
      : // The packet filter knows no names.
        [{ service: "mail", protocol: "tcp", port: application.mail.port, to: { kind: "internet" } }],
  probes: [
    {
      name: `${application.id} answers`,
      command: `curl --silent --show-error --fail --max-time 10 --header 'Host: ${application.hostnames[0]}' 'http://${context.host.mesh}:${WEB_PORT}${redmineHealth.path}' | grep -F '${redmineHealth.contains}'`,
      within: 120,
    },
    {
      name: `${application.id} is set up`,
      command: `systemctl is-active ${SETUP} || systemctl status --no-pager ${SETUP}`,
      within: 120,
    },
  ],
});
