/** MediaWiki on its nodes. They share nothing but the database: sessions, caches and job queue live there too. */

import { readFileSync } from "node:fs";
import type { EdgeTraits } from "../dns/traits.ts";
import { file, unit } from "../host/entries.ts";
import type { FileState } from "../host/state.ts";
import type { Application } from "../inventory/schema.ts";
import type { ApplicationHealth } from "../roles/edge/health.ts";
import type { ApplicationRole, RoleContext } from "../roles/role.ts";
import { databasePassword } from "../roles/secrets.ts";
import { site, WEB_PORT } from "../roles/web.ts";

const PROGRAMS = "/usr/local/lib/farm-mediawiki";
const LOCAL_SETTINGS = "/etc/mediawiki/LocalSettings.php";
const SETTINGS = "/etc/mediawiki/farm.json";
const PASSWORDS = "/etc/mediawiki/passwords";
const SETUP = "farm-mediawiki-setup.service";
const TIMERS = ["farm-mediawiki-jobs", "farm-mediawiki-search"] as const;

const unitPath = (name: string): string => `/etc/systemd/system/${name}`;

const ours = (name: string): string => readFileSync(new URL(`./mediawiki/${name}`, import.meta.url), "utf8");
const TEXTS = {
  localSettings: ours("LocalSettings.php"),
  search: ours("search.php"),
  sessions: ours("sessions.php"),
  setup: ours("setup.php"),
  admin: ours("admin.php"),
  searchIndex: ours("searchindex.php"),
  locations: ours("locations.conf"),
};

const UNITS = [SETUP, ...TIMERS.flatMap((name) => [`${name}.service`, `${name}.timer`])].map(
  (name) => [name, ours(name)] as const,
);

/** Asked by the edges every few seconds: it goes through PHP to the database and back. */
export const mediawikiHealth: ApplicationHealth = {
  path: "/api.php?action=query&meta=siteinfo&siprop=general&format=json",
  contains: '"sitename"',
};

/**
 * The form for passwords is sent to index.php, as edits are; MediaWiki itself counts failures at its API. Cookies begin with the
 * name of the database ($wgCookiePrefix).
 */
export const mediawikiTraits: EdgeTraits = {
  administrative: false,
  cached: ["/load.php", "/resources/", "/skins/", "/extensions/"],
  loginCookies: ({ id }) => [`${id}_session`, `${id}UserID`, `${id}Token`],
  login: ["/index.php"],
};

/** What differs between one wiki and another; LocalSettings.php and setup.php read it. */
function settings({ secret }: RoleContext, application: Application): string {
  const values = {
    id: application.id,
    sitename: application.title[application.language],
    language: application.language,
    hostname: application.hostnames[0],
    database: {
      name: application.id,
      user: application.id,
      password: secret(databasePassword(application)),
    },
    secretKey: secret(`password/mediawiki/${application.id}/secret-key`),
    upgradeKey: secret(`password/mediawiki/${application.id}/upgrade-key`),
  };
  return `${JSON.stringify(values, undefined, 2)}\n`;
}

function files(context: RoleContext, application: Application): FileState[] {
  const php = { validate: "php -l %s" };
  const password = (name: string, secret: string) =>
    file(`${PASSWORDS}/${name}`, `${context.secret(secret)}\n`, { mode: "0600" });
  return [
    file(LOCAL_SETTINGS, TEXTS.localSettings, php),
    file(SETTINGS, settings(context, application), {
      owner: "root:www-data",
      mode: "0640",
      validate: "python3 -m json.tool %s /dev/null",
    }),
    // Only the setup reads these, handed over by systemd: web requests run as www-data and can't.
    password("admin", `password/mediawiki/${application.id}/admin`),
    password("database", databasePassword(application)),
    file(`${PROGRAMS}/search.php`, TEXTS.search, php),
    file(`${PROGRAMS}/sessions.php`, TEXTS.sessions, php),
    file(`${PROGRAMS}/setup.php`, TEXTS.setup, php),
    file(`${PROGRAMS}/admin.php`, TEXTS.admin, php),
    file(`${PROGRAMS}/searchindex.php`, TEXTS.searchIndex, php),
    ...UNITS.map(([name, text]) => file(unitPath(name), text)),
    site(context, application, TEXTS.locations),
  ];
}

/**
 * MediaWiki as Debian packages it, on one of its nodes. Its database and account are the cluster's business; the
 * setup unit makes the wiki in it, whichever node comes first. One wiki a host: Debian's package has one configuration.
 */
export const mediawiki: ApplicationRole = (context, application) => ({
  role: `mediawiki-${application.id}`,
  packages: [
    "mediawiki",
    "php-apcu",
    "php-cli",
    "php-curl",
    "php-intl",
    "php-mbstring",
    "php-mysql",
    "php-xml",
  ],
  directories: [
    { path: PROGRAMS, owner: "root:root", mode: "0755" },
    { path: PASSWORDS, owner: "root:root", mode: "0700" },
  ],
  files: files(context, application),
  units: [
    unit(SETUP, {
      restartOn: [
        LOCAL_SETTINGS,
        SETTINGS,
        `${PASSWORDS}/admin`,
        `${PASSWORDS}/database`,
        `${PROGRAMS}/setup.php`,
        `${PROGRAMS}/search.php`,
        `${PROGRAMS}/sessions.php`,
        `${PROGRAMS}/admin.php`,
        `${PROGRAMS}/searchindex.php`,
        unitPath(SETUP),
      ],
    }),
    ...TIMERS.map((name) => unit(`${name}.timer`, { restartOn: [unitPath(`${name}.timer`)] })),
  ],
  probes: [
    {
      name: `${application.id} answers`,
      command: `curl --silent --show-error --fail --max-time 10 --header 'Host: ${application.hostnames[0]}' 'http://${context.host.mesh}:${WEB_PORT}${mediawikiHealth.path}' | grep -F '${mediawikiHealth.contains}'`,
      within: 120,
    },
    {
      name: `${application.id} is set up`,
      command: `systemctl is-active ${SETUP} || systemctl status --no-pager ${SETUP}`,
      within: 120,
    },
  ],
});
