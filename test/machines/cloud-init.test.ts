/** What new machines at cloud providers find at their first boot, done by Debian's real cloud-init on booted machines. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hostOf } from "../../src/inventory/load.ts";
import { cryptSha512, studentPassword, studentSalt } from "../../src/machines/training/password.ts";
import { studentConfig } from "../../src/machines/training.ts";
import { administratorKeys, hostConfig, userData } from "../../src/machines/user-data.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { Clouds } from "../../src/twin/engine/clouds.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import type { Lock } from "../../src/twin/machines/lock.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { must } from "../../src/twin/machines/run.ts";
import { TWIN_RANGE } from "../../src/twin/settings.ts";
import { cloudInventory } from "../fast/machines/cloud-farm.ts";
import { withoutRoot } from "./lab-farm.ts";
import { closeStack, openStack } from "./own-stack.ts";

const STACK = "cloud-init-test";
const SERVER = "hcloud:index/server:Server";
const HOST = { name: "cloud1", address: "10.90.0.11" };
const STUDENT = "linux-1";

describe("first boot of a machine at a cloud provider", { skip: withoutRoot }, () => {
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
  const folder = mkdtempSync(join(tmpdir(), "farm-cloud-init-"));
  const password = studentPassword(keys, "linux", STUDENT);
  let lock: Lock | undefined;
  let clouds: Clouds;

  before(async () => {
    lock = await openStack(STACK, TWIN_RANGE, "the test of cloud-init");
    await must("make a key", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    clouds = new Clouds(STACK, { [HOST.name]: HOST.address });
  });

  after(async () => {
    rmSync(folder, { recursive: true });
    if (lock === undefined) return;
    await closeStack(STACK, lock);
  });

  const administrator = () => readFileSync(join(folder, "key.pub"), "utf8").trim();
  const inventory = () =>
    cloudInventory((_, settings) => {
      settings.administrators = [{ name: "olga", languages: ["ru"], keys: [administrator()] }];
    });

  /** ssh with a pinned host key; the password, if there is one, is answered by a program, as ssh wants it. */
  const ssh = (login: string, hostKey: string, options: readonly string[], answer?: string) => {
    const address = login.split("@")[1];
    writeFileSync(join(folder, "known"), `${address} ${hostKey}\n`);
    writeFileSync(join(folder, "answer"), `#!/bin/sh\necho '${answer ?? ""}'\n`);
    chmodSync(join(folder, "answer"), 0o700);
    const settings = [`UserKnownHostsFile=${join(folder, "known")}`, "ConnectTimeout=5", ...options];
    return runInNamespace(STACK, [
      ...["env", `SSH_ASKPASS=${join(folder, "answer")}`, "SSH_ASKPASS_REQUIRE=force", "ssh", "-F", "none"],
      ...settings.flatMap((setting) => ["-o", setting]),
      ...[login, "id -un"],
    ]);
  };
  const byKey = ["BatchMode=yes", `IdentityFile=${join(folder, "key")}`];
  const byPassword = ["PubkeyAuthentication=no", "NumberOfPasswordPrompts=1"];

  test("a host of the farm shows its derived key alone, lets administrators in by key, and bears the mark", async () => {
    const farm = inventory();
    const data = userData(hostConfig(hostOf(farm, HOST.name), farm, keys));
    const outputs = await clouds.apply(SERVER, { name: HOST.name, userData: data }, undefined);
    assert.equal(outputs.ipv4Address, HOST.address);
    const { publicKey } = keys.sshHostKey(HOST.name);
    const reached = await ssh(`root@${HOST.address}`, publicKey, byKey);
    assert.equal(reached.stdout, "root\n", reached.stderr);
    const refused = await ssh(`root@${HOST.address}`, publicKey, byPassword, "debian");
    assert.match(refused.stderr, /Permission denied \(publickey\)/);
    const { stdout } = await inMachine(STACK, HOST.name, [
      ...["sh", "-c", "ls -1 /etc/ssh/ssh_host_*_key; stat -c %a /var/lib/farm /var/lib/farm/fresh"],
    ]);
    assert.equal(stdout, "/etc/ssh/ssh_host_ed25519_key\n700\n600\n");
  });

  test("a student comes in by the password of the hand-out, root by key alone", async () => {
    const hash = cryptSha512(password, studentSalt(keys, "linux", STUDENT));
    const hostKey = keys.sshHostKey(`training/linux/${STUDENT}`);
    const data = userData(studentConfig(hostKey, administratorKeys(inventory()), hash));
    const { ipv4Address } = await clouds.apply(SERVER, { name: STUDENT, userData: data }, undefined);
    const login = (account: string, options: readonly string[], answer?: string) =>
      ssh(`${account}@${ipv4Address}`, hostKey.publicKey, options, answer);
    const student = await login("student", byPassword, password);
    assert.equal(student.stdout, "student\n", student.stderr);
    assert.match((await login("student", byPassword, "guessed")).stderr, /Permission denied/);
    assert.equal((await login("root", byKey)).stdout, "root\n");
    assert.match((await login("root", byPassword, password)).stderr, /Permission denied \(publickey\)/);
  });

  test("what cloud-init does not understand is an error", async () => {
    await assert.rejects(
      clouds.apply(SERVER, { name: "wrong", userData: "#cloud-config\nusers: 7\n" }, undefined),
      /cloud-init failed on wrong: .*users/s,
    );
  });
});
