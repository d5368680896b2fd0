import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { deriveKeys, PREVIEW_MASTER_KEY, parseMasterKey } from "../../src/plan/keys.ts";
import { FarmError } from "../../src/shell/errors.ts";

const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});

test("a secret depends on master key, stack, name and generation, and on nothing else", () => {
  const secret = keys.secret("password/mariadb/pravka");
  assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(deriveKeys(PREVIEW_MASTER_KEY, "lab", {}).secret("password/mariadb/pravka"), secret);
  const others = [
    deriveKeys(Buffer.alloc(32, 1).toString("base64"), "lab", {}).secret("password/mariadb/pravka"),
    deriveKeys(PREVIEW_MASTER_KEY, "prod", {}).secret("password/mariadb/pravka"),
    deriveKeys(PREVIEW_MASTER_KEY, "lab", { "password/mariadb/pravka": 2 }).secret("password/mariadb/pravka"),
    keys.secret("password/mariadb/krynka"),
  ];
  assert.equal(new Set([secret, ...others]).size, 5);
  assert.equal(
    deriveKeys(PREVIEW_MASTER_KEY, "lab", { "password/mariadb/krynka": 2 }).secret("password/mariadb/pravka"),
    secret,
  );
});

test("WireGuard keys are a pair: two hosts agree on one shared secret", () => {
  const object = (host: string) => {
    const head = Buffer.from("302e020100300506032b656e04220420", "hex");
    const raw = Buffer.from(keys.wireguard(host).privateKey, "base64");
    return createPrivateKey({ key: Buffer.concat([head, raw]), format: "der", type: "pkcs8" });
  };
  const [a, b] = [object("db1"), object("db2")];
  const shared = (own: typeof a, other: typeof a) =>
    diffieHellman({ privateKey: own, publicKey: createPublicKey(other) });
  assert.deepEqual(shared(a, b), shared(b, a));
  assert.equal(
    createPublicKey(a).export({ format: "jwk" }).x,
    Buffer.from(keys.wireguard("db1").publicKey, "base64").toString("base64url"),
  );
});

test("the SSH host key's two halves belong together, says OpenSSL", () => {
  const { privateKey, publicKey } = keys.sshHostKey("db1");
  const dir = mkdtempSync(join(tmpdir(), "keys-"));
  try {
    const path = join(dir, "key");
    writeFileSync(path, privateKey, { mode: 0o600 });
    const der = execFileSync("openssl", ["pkey", "-in", path, "-pubout", "-outform", "DER"]);
    const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
    assert.deepEqual(blob.subarray(-32), der.subarray(-32));
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a missing or wrong master key is named, with how to make one", () => {
  for (const [text, message] of [
    [undefined, /farms:masterKey is missing/],
    ["c2hvcnQ=", /farms:masterKey is not 32 bytes/],
    ["not base64 at all", /farms:masterKey is not 32 bytes/],
  ] as const)
    assert.throws(
      () => parseMasterKey(text),
      (error) =>
        error instanceof FarmError &&
        error.exitCode === 2 &&
        message.test(error.message) &&
        /openssl rand/.test(error.remedy ?? ""),
    );
});

test("a former SSH host key can be asked for; a generation is 1 until it is raised", () => {
  const raised = deriveKeys(PREVIEW_MASTER_KEY, "lab", { "ssh-host-key/db1": 2 });
  assert.deepEqual(raised.sshHostKey("db1", 1), keys.sshHostKey("db1"));
  assert.deepEqual(raised.sshHostKey("db1", 2), raised.sshHostKey("db1"));
  assert.notDeepEqual(raised.sshHostKey("db1"), keys.sshHostKey("db1"));
  assert.deepEqual([raised.generation("ssh-host-key/db1"), raised.generation("ssh-host-key/db2")], [2, 1]);
});
