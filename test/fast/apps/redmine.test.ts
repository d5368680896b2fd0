import assert from "node:assert/strict";
import test from "node:test";
import { redmine } from "../../../src/apps/redmine.ts";
import { merge } from "../../../src/host/merge.ts";
import { FarmError } from "../../../src/shell/errors.ts";
import { labInventory, planOf } from "../farms.ts";
import { redmineLab, withRedmine } from "../redmine-farm.ts";
import { applicationOf, contextOf } from "../roles/web-context.ts";

type More = Parameters<typeof withRedmine>[1];

function roleOf(more: More = {}, memory = 2e9) {
  const context = contextOf("web1", redmineLab(more));
  return redmine({ ...context, host: { ...context.host, share: memory } }, applicationOf(context, "redmine"));
}

function contentOf(path: string, more: More = {}, memory?: number): string {
  const file = roleOf(more, memory).files?.find((f) => f.path === path);
  assert(file, `no ${path}`);
  return file.content;
}

const DATABASE = "/etc/redmine/farm/database.yml";
const PUMA = "/etc/redmine/farm/puma.rb";

test("secrets lie only in files that Redmine's own account may read or nobody but root", () => {
  const withSecrets = roleOf().files?.filter((f) => f.content.includes("${secret:"));
  assert.deepEqual(withSecrets?.map((f) => `${f.path} ${f.owner} ${f.mode}`).sort(), [
    "/etc/redmine/farm/database.yml root:redmine 0640",
    "/etc/redmine/farm/passwords/admin root:root 0600",
    "/etc/redmine/farm/secret_key.txt root:redmine 0640",
  ]);
});

test("both nodes sign cookies with the same key, and have the same administrator", () => {
  const secrets = (host: string) => {
    const plan = planOf(labInventory(redmineLab())).hosts.find((h) => h.host.id === host);
    return plan?.secrets.filter((name) => name.startsWith("password/redmine/"));
  };
  assert.deepEqual(secrets("web1"), [
    "password/redmine/redmine/admin",
    "password/redmine/redmine/secret-key",
  ]);
  assert.deepEqual(secrets("web1"), secrets("web2"));
});

test("it comes to its database through the local proxy, by the login of the password's generation", () => {
  const lines = [/host: 127\.0\.0\.1\n/, /port: 5432\n/, /database: redmine\n/, /username: redmine_1\n/];
  for (const line of lines) assert.match(contentOf(DATABASE), line);
  const context = contextOf("web1", (farm, settings) => {
    redmineLab()(farm, settings);
    farm.generations = { "password/postgresql/redmine": 2 };
  });
  const raised = redmine(context, applicationOf(context, "redmine")).files?.find((f) => f.path === DATABASE);
  assert.match(raised?.content ?? "", /username: redmine_2\n/);
});

test("with a pool it goes there without prepared statements, the setup past it", () => {
  const database = contentOf(DATABASE, { database: { cluster: "postgresql", connections: 40, pool: 5 } });
  assert.match(database, /port: <%= ENV\.fetch\("FARM_DATABASE_PORT", 6432\) %>\n/);
  assert.match(database, /prepared_statements: false\n/);
  assert.doesNotMatch(contentOf(DATABASE), /prepared_statements/);
  assert.match(
    contentOf("/etc/systemd/system/farm-redmine-setup.service"),
    /^Environment=FARM_DATABASE_PORT=5432$/m,
  );
});

test("processes follow the host's memory, threads the connections that a node may hold", () => {
  const sizes = (memory: number, connections?: number) => {
    const text = contentOf(PUMA, { database: { cluster: "postgresql", connections } }, memory);
    return [Number(/workers (\d+)/.exec(text)?.[1] ?? 1), Number(/threads (\d+), \1/.exec(text)?.[1])];
  };
  assert.deepEqual(sizes(2e9), [1, 5]);
  assert.deepEqual(sizes(8e9), [6, 5]);
  // Of 40, 20 are for each of two nodes, and 2 of these for its setup.
  assert.deepEqual(sizes(8e9, 40), [6, 3]);
  assert.deepEqual(sizes(2e9, 6), [1, 1]);
  assert.deepEqual(sizes(8e9, 8), [2, 1]);
  // A busy machine takes more than Puma's 60 s; systemd gives up after 300.
  assert.match(contentOf(PUMA, { database: { cluster: "postgresql" } }, 8e9), /^worker_boot_timeout 240$/m);
});

test("nobody is served before the setup has replaced the password that everybody knows", () => {
  const serve = contentOf("/etc/systemd/system/farm-redmine.service");
  const setup = contentOf("/etc/systemd/system/farm-redmine-setup.service");
  const done = /^ConditionPathExists=(\S+)$/m.exec(serve)?.[1] ?? "";
  assert.match(setup, new RegExp(`^ExecStart=.*\nExecStartPost=/usr/bin/touch ${done}$`, "m"));
});

test("a node asks another while its own Redmine is away, but never about its health", () => {
  const context = contextOf("web1", redmineLab());
  const text = contentOf("/etc/nginx/farm/redmine.conf");
  const others = [...text.matchAll(/server (\S+):80 max_fails=0 backup;/g)].map((m) => m[1]);
  assert.deepEqual(
    others,
    context.inventory.hosts.filter((h) => h.id === "web2").map((h) => h.mesh),
  );
  assert.match(text, /location = \/farm-health \{\n\s+proxy_pass http:\/\/unix:/);
  assert.doesNotMatch(contentOf("/etc/nginx/farm/redmine.conf", { nodes: ["web1"] }), /backup/);
});

test("the setup runs again when anything that it depends on changes, and Redmine reads what it reads anew", () => {
  const { units = [], files = [] } = roleOf();
  const named = (name: string) => units.find((u) => u.name === name);
  const setup = named("farm-redmine-setup.service")?.restartOn ?? [];
  const serve = named("farm-redmine.service");
  const reacts = serve?.restartOn ?? [];
  const left = files
    .map(({ path }) => path)
    .filter((path) => !setup.includes(path) && !reacts.includes(path) && !path.startsWith("/etc/nginx/"));
  assert.deepEqual(left, []);
  for (const path of ["/etc/redmine/farm/passwords/admin", "/etc/redmine/farm/settings.json", DATABASE])
    assert(setup.includes(path), path);
});

test("the farm insists on a closed Redmine in the application's language", () => {
  const settings = JSON.parse(contentOf("/etc/redmine/farm/settings.json"));
  const { login_required, self_registration, rest_api_enabled, lost_password, host_name, protocol } =
    settings;
  assert.deepEqual(
    [login_required, self_registration, rest_api_enabled, lost_password],
    ["1", "0", "1", "0"],
  );
  assert.deepEqual([host_name, protocol], ["redmine.lab.opplet.net", "https"]);
  assert.deepEqual([settings.app_title, settings.default_language], ["Редмайн", "ru"]);
});

test("mail is off, with neither settings nor a way through the packet filter, until a relay is declared", () => {
  const { files, connects } = roleOf();
  assert(!files?.some((f) => f.path.endsWith("configuration.yml")));
  assert.deepEqual(connects, []);
  const mail = { host: "mail.opplet.net", port: 25, from: "redmine@opplet.net" };
  const text = contentOf("/etc/redmine/farm/configuration.yml", { mail });
  assert.match(text, /address: mail\.opplet\.net\n\s+port: 25\n/);
  assert.deepEqual(
    roleOf({ mail }).connects?.map(({ port, to }) => [port, to.kind]),
    [[25, "internet"]],
  );
  const settings = JSON.parse(contentOf("/etc/redmine/farm/settings.json", { mail }));
  assert.deepEqual([settings.mail_from, settings.lost_password], ["redmine@opplet.net", "1"]);
});

test("a host with Redmine alone has no PHP, one with a wiki beside it has", () => {
  const packages = (nodes: string[]) => {
    const inventory = labInventory((farm) => {
      withRedmine(farm, { nodes: ["web1", "zhelezo1"] });
    });
    const { hosts } = planOf(inventory);
    return nodes.map((id) => hosts.find((h) => h.host.id === id)?.state.packages.includes("php-fpm"));
  };
  assert.deepEqual(packages(["web1", "zhelezo1"]), [true, false]);
});

test("two Redmines on one host are refused", () => {
  const context = contextOf("web1", redmineLab());
  const other = { ...applicationOf(context, "redmine"), id: "other" };
  assert.throws(() => merge("web1", [roleOf(), redmine(context, other)]), /redmine\/farm\//);
});

const refused: [string, More, RegExp][] = [
  [
    "MariaDB under Redmine",
    { database: { cluster: "mariadb" } },
    /whose database is postgresql, but cluster mariadb is mariadb/,
  ],
  [
    "fewer connections than it needs",
    { database: { cluster: "postgresql", connections: 5 } },
    /needs 3 a node: write 6 or more/,
  ],
  [
    "single sign-on without an identity provider",
    { sso: { issuer: "https://id.opplet.net/", clientId: "redmine" } },
    /no identity provider yet.*remove sso/,
  ],
  [
    "a relay that is no name",
    { mail: { host: "mail", port: 25, from: "redmine@opplet.net" } },
    /mail\.host: write a full host name/,
  ],
  [
    "a sender that is no address",
    { mail: { host: "mail.opplet.net", port: 25, from: "redmine" } },
    /mail\.from: write the address/,
  ],
  ["uploads", { storage: { uploads: "on" as "off" } }, /storage\.uploads/],
];
for (const [what, more, message] of refused)
  test(`refused: ${what}`, () => {
    assert.throws(
      () => labInventory(redmineLab(more)),
      (error) => error instanceof FarmError && error.exitCode === 2 && message.test(error.message),
    );
  });
