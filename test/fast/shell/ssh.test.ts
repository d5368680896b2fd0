import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Unreachable } from "../../../src/shell/errors.ts";
import { SshPool } from "../../../src/shell/ssh.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

test("a host to which there is no connection is told from one that answers", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "ssh-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const pool = new SshPool(dir, () => ["false"]);
  await assert.rejects(pool.run({ host: "192.0.2.1", hostKey: HOST_KEY }, "true"), Unreachable);
});

test("a pin that a killed run left half-written is written anew", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "ssh-"));
  t.after(() => rmSync(dir, { recursive: true }));
  let pins = "";
  const pool = new SshPool(dir, (argv) => {
    pins = argv.find((each) => each.startsWith("UserKnownHostsFile="))?.split("=")[1] ?? "";
    return ["true"];
  });
  const connect = () => pool.run({ host: "192.0.2.1", hostKey: HOST_KEY }, "true", { fresh: true });
  await connect();
  assert.equal(readFileSync(pins, "utf8"), `192.0.2.1 ${HOST_KEY}\n`);
  truncateSync(pins, 0);
  await connect();
  assert.equal(readFileSync(pins, "utf8"), `192.0.2.1 ${HOST_KEY}\n`);
});
