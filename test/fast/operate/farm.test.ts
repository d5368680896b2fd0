/** Opening the real farm, as far as it needs no host. A stand-in for `pulumi` answers as the engine does. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before, beforeEach } from "node:test";
import { contaboCredentials, engineSecrets, robotCredentials } from "../../../src/operate/engine-secrets.ts";
import { openFarm } from "../../../src/operate/farm.ts";

const path = process.env.PATH;
let dir = "";

before(() => {
  dir = mkdtempSync(join(tmpdir(), "farms-"));
});
beforeEach(() => {
  process.env.PATH = `${dir}:${path}`;
});
after(() => {
  process.env.PATH = path;
  rmSync(dir, { recursive: true });
});

function pulumiIs(script: string): void {
  writeFileSync(join(dir, "pulumi"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, "pulumi"), 0o700);
}

test("the examples of a new clone are refused before the engine or a host is asked", async () => {
  pulumiIs(`touch ${dir}/asked; exit 1`);
  await assert.rejects(openFarm("lab"), {
    exitCode: 2,
    message: /192\.0\.2\.1 of host zhelezo1 is an example/,
  });
  assert.throws(() => rmSync(join(dir, "asked")));
});

test("a stack that nobody declares is refused with the names of those there are", async () => {
  await assert.rejects(openFarm("nowhere"), { exitCode: 2, message: /no stack "nowhere" is declared/ });
});

test("the engine is asked for this stack's secrets, and gives no others", async () => {
  pulumiIs(`case "$*" in *"--stack lab"*) ;; *) exit 9 ;; esac
cat <<'END'
{ "farms:masterKey": { "value": "a key", "secret": true },
  "farms:addresses": { "value": "{\\"db1\\":\\"10.0.0.1\\"}", "objectValue": { "db1": "10.0.0.1" }, "secret": false } }
END`);
  assert.deepEqual(await engineSecrets("lab"), { masterKey: "a key" });
});

test("Robot's user and password are one secret of the stack", async () => {
  const answers = (value: string) =>
    pulumiIs(`echo '{ "farms:robot": { "value": "${value}", "secret": true } }'`);
  answers("#ws+farm:pass:word");
  assert.deepEqual(await robotCredentials("lab"), { user: "#ws+farm", password: "pass:word" });
  answers("tell-nobody");
  await assert.rejects(robotCredentials("lab"), (error: Error & { exitCode?: number }) => {
    assert.match(error.message, /farms:robot of stack lab is not of the form USER:PASSWORD/);
    assert.doesNotMatch(`${error.stack}`, /tell-nobody/);
    return error.exitCode === 2;
  });
  pulumiIs("echo '{}'");
  await assert.rejects(robotCredentials("lab"), { message: /farms:robot of stack lab is missing/ });
});

test("Contabo's four words are one secret of the stack, and only the last may have colons", async () => {
  const answers = (value: string) =>
    pulumiIs(`echo '{ "farms:contabo": { "value": "${value}", "secret": true } }'`);
  answers("INT-1:client:admin@example.org:pass:word");
  assert.deepEqual(await contaboCredentials("prod"), {
    clientId: "INT-1",
    clientSecret: "client",
    user: "admin@example.org",
    password: "pass:word",
  });
  for (const value of ["INT-1:tell-nobody:admin@example.org", "INT-1::admin@example.org:tell-nobody"]) {
    answers(value);
    await assert.rejects(contaboCredentials("prod"), (error: Error & { exitCode?: number }) => {
      assert.match(
        error.message,
        /of stack prod is not of the form CLIENT-ID:CLIENT-SECRET:API-USER:API-PASSWORD/,
      );
      assert.doesNotMatch(`${error.stack}`, /tell-nobody/);
      return error.exitCode === 2;
    });
  }
  pulumiIs("echo '{}'");
  await assert.rejects(contaboCredentials("prod"), {
    message: /farms:contabo of stack prod is missing/,
    remedy:
      /my\.contabo\.com\/api\/details has all four, then: pulumi config set --stack prod --secret farms:contabo/,
  });
});

test("an engine that refuses is quoted, but for what it may have printed of the secrets", async () => {
  pulumiIs(`echo '{"farms:masterKey": "tell-nobody"'; echo 'error: passphrase must be set' >&2; exit 255`);
  await assert.rejects(engineSecrets("lab"), (error: Error) => {
    assert.match(error.message, /can't read the secrets of stack lab: error: passphrase must be set/);
    assert.doesNotMatch(error.message, /tell-nobody/);
    return true;
  });
});

test("a machine without the engine says what is missing", async () => {
  process.env.PATH = join(dir, "nothing-here");
  await assert.rejects(engineSecrets("lab"), {
    message: /can't run pulumi/,
    remedy: /has to be on the PATH/,
  });
});
