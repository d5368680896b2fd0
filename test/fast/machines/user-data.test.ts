import assert from "node:assert/strict";
import test from "node:test";
import { parse } from "yaml";
import { administratorKeys, hostConfig, userData } from "../../../src/machines/user-data.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import { planOf } from "../farms.ts";
import { cloudInventory } from "./cloud-farm.ts";

const inventory = cloudInventory();
const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
const host = inventory.hosts.find(({ id }) => id === "drop1")!;
const text = userData(hostConfig(host, inventory, keys));

test("a new machine gets its derived SSH host key, and no other", () => {
  const config = parse(text);
  assert(text.startsWith("#cloud-config\n"));
  const { privateKey, publicKey } = keys.sshHostKey("drop1");
  assert.deepEqual(config.ssh_keys, { ed25519_private: privateKey, ed25519_public: `${publicKey}\n` });
  assert.equal(config.ssh_deletekeys, true);
  const [sshd] = config.write_files;
  assert.deepEqual(sshd.content.match(/^HostKey .*$/gm), ["HostKey /etc/ssh/ssh_host_ed25519_key"]);
});

test("root comes in by the administrators' keys, nobody by a password, and none has expired", () => {
  const config = parse(text);
  assert.deepEqual(config.ssh_authorized_keys, administratorKeys(inventory));
  assert(config.ssh_authorized_keys.length > 0);
  assert.deepEqual([config.disable_root, config.ssh_pwauth, config.users], [false, false, []]);
  assert.deepEqual(config.chpasswd, {
    expire: false,
    users: [{ name: "root", password: "*", type: "hash" }],
  });
  const [sshd] = config.write_files;
  assert.match(sshd.content, /^PasswordAuthentication no$/m);
  assert.match(sshd.content, /^PermitRootLogin prohibit-password$/m);
});

test("the first settings of SSH are replaced by the farm's own", () => {
  const [sshd] = parse(text).write_files;
  const files = hostPlan(planOf(inventory), "drop1").state.files.map(({ path }) => path);
  assert(files.includes(sshd.path));
});

test("the mark of a machine that was made for the farm is there before SSH answers, once and for root alone", () => {
  assert.deepEqual(parse(text).bootcmd, [
    [
      ...["cloud-init-per", "instance", "farm-fresh", "sh", "-c"],
      "umask 077; mkdir -p /var/lib/farm && touch /var/lib/farm/fresh",
    ],
  ]);
});

test("the same machine gets the same text, another another, and a line of its own at every boot", () => {
  assert.equal(userData(hostConfig(host, inventory, keys)), text);
  const raised = deriveKeys(PREVIEW_MASTER_KEY, "lab", { "ssh-host-key/drop1": 2 });
  assert.notEqual(userData(hostConfig(host, inventory, raised)), text);
  assert.equal(parse(userData(hostConfig(host, inventory, keys, "true"))).bootcmd[1], "true");
});

test("it is small enough for Hetzner Cloud (32 KiB), whose limit is the lower one", () => {
  assert(Buffer.byteLength(text) < 8 * 1024);
});
