/** What the agent shows of texts that are not ours: src/host/agent/secrecy.py, and the diffs made with it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

/** What a Python expression with the agent's modules is for each input. */
function python(imports: string, expression: string, inputs: readonly unknown[]): unknown[] {
  const program = `import json, sys
sys.path.insert(0, sys.argv[1])
${imports}
json.dump([${expression} for it in json.load(sys.stdin)], sys.stdout)`;
  const folder = new URL("../../src/host/agent", import.meta.url).pathname;
  const options = { input: JSON.stringify(inputs), encoding: "utf8", timeout: 30_000 } as const;
  const run = spawnSync("python3", ["-B", "-c", program, folder], options);
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

/** As it stands in a file, and what is shown of it. */
const hidden: [string, string][] = [
  ['$wgDBpassword = "tell-nobody";', "$wgDBpassword = [hidden]"],
  ["$wgSecretKey='tell-nobody';", "$wgSecretKey=[hidden]"],
  ["define( 'DB_PASSWORD', 'tell=nobody' );", "define( 'DB_PASSWORD', [hidden]"],
  ['define("NONCE_SALT",  "tell-nobody");', 'define("NONCE_SALT",  [hidden]'],
  ["    'password' => 'tell-nobody',", "    'password' => [hidden]"],
  ['$db["password"]["main"] = "tell-nobody";', '$db["password"]["main"] = [hidden]'],
  ["$key .= 'tell-nobody';", "$key .= [hidden]"],
  ['  "apiToken": "tell-nobody",', '  "apiToken": [hidden]'],
  ["db_password: tell-nobody", "db_password: [hidden]"],
  ["# db_password = tell-nobody", "# db_password = [hidden]"],
  ["PrivateKey = tell-nobody", "PrivateKey = [hidden]"],
  ["Environment=MYSQL_PWD=tell-nobody", "Environment=MYSQL_PWD=[hidden]"],
  ["* * * * * root dump --password=tell-nobody x", "* * * * * root dump --password=[hidden]"],
  ["curl -H token:tell-nobody", "curl -H token:[hidden]"],
  ["requirepass tell-nobody", "requirepass [hidden]"],
  ["user admin insecure-password tell-nobody", "user admin insecure-password [hidden]"],
  ["dsn = mysql://wiki:tell:nob@dy@db1/wiki", "dsn = mysql://wiki:[hidden]@db1/wiki"],
  ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTU", "[hidden]"],
];

const shown = [
  "192.0.2.9 by-hand",
  '$wgSitename = "Wiki";',
  "define('DB_NAME', 'wordpress');",
  "PasswordAuthentication yes",
  "old ALL=(ALL) NOPASSWD: ALL",
  "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCpWTokenA== eve@home",
  "    proxy_pass http://192.0.2.9:80;",
  'Acquire::http::Proxy "http://192.0.2.9:3142";',
  "password:",
  "",
];

test("the values of passwords, keys and secrets are hidden, and the line stays", () => {
  const lines = hidden.map(([line]) => line);
  assert.deepEqual(
    python("from secrecy import hidden", "hidden(it)", lines),
    hidden.map(([, line]) => line),
  );
});

test("what is none is shown", () => {
  assert.deepEqual(python("from secrecy import hidden", "hidden(it)", shown), shown);
});

test("one endless line is gone through quickly", () => {
  const lines = ["pass ", "key", "key' ", "://a:", "A"].map((word) => word.repeat((1 << 18) / word.length));
  const began = performance.now();
  python("from secrecy import hidden", "len(hidden(it))", lines);
  assert.ok(performance.now() - began < 10_000);
});

test("a file that is replaced: old passwords are hidden, new lines are not, and a change stays one", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "farm-secrecy-"));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "shut"), { mode: 0o700 });
  const put = (name: string, content: string, mode: number): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    return path;
  };
  const text = "host = a\npassword = tell-nobody\n";
  const [open, alone, within] = [
    put("open", text, 0o644),
    put("alone", text, 0o600),
    put("shut/within", text, 0o644),
  ];
  const ours = { content: "host = a\npassword = \n" };
  const secret = { content: `host = a\npassword = \${secret:x}\n` };
  const fresh = "host = b\npassword = none\n";
  const head = (path = "") => `--- ${path}\n+++ ${path}\n`;
  const changed = "@@ -1,2 +1,2 @@\n-host = a\n-password = [hidden]\n+host = b\n+password = none";
  const unseen = `(replaces 2 lines that not everybody may read; they are kept in /var/lib/farm/replaced)
@@ -0,0 +1,2 @@\n+host = b\n+password = none`;
  const cases: [unknown[], string][] = [
    [[open, fresh, null], head(open) + changed],
    [[alone, fresh, null], head(alone) + unseen],
    [[within, fresh, null], head(within) + unseen],
    // Ours, so it holds nothing of anybody's but what was changed by hand.
    [[alone, fresh, ours], head(alone) + changed],
    [
      [open, "host = a\npassword = other\n", ours],
      `${head(open)}@@ -1,2 +1,2 @@\n host = a\n-password = [hidden]\n+password = other`,
    ],
    [[alone, text, null], `${head(alone)}(owner, mode or a secret's value differs)`],
    [
      [alone, fresh, secret],
      `${head(alone)}@@ -1,2 +1,2 @@\n-host = a\n-password = \${secret:x}\n+host = b\n+password = none`,
    ],
    [[join(folder, "none"), "a\n", null], `${head(join(folder, "none"))}@@ -0,0 +1 @@\n+a`],
  ];
  assert.deepEqual(
    python(
      "from differences import file_diff",
      "file_diff(*it)",
      cases.map(([arguments_]) => arguments_),
    ),
    cases.map(([, diff]) => diff),
  );
});
