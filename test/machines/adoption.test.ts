/** A server that was set up by hand, the old way, taken over: looked at first, nothing of its own touched. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AGENT, agentText, INSTALL_AGENT, secretsFor } from "../../src/host/agent.ts";
import { connectionTo } from "../../src/host/connection.ts";
import { loadInventory } from "../../src/inventory/load.ts";
import { bootstrap } from "../../src/operate/bootstrap.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { hostPlan, makePlan } from "../../src/plan/plan.ts";
import { SshPool } from "../../src/shell/ssh.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import type { Lock } from "../../src/twin/machines/lock.ts";
import { boot, kill } from "../../src/twin/machines/machine.ts";
import { inNamespace, runInNamespace } from "../../src/twin/machines/network.ts";
import { proxyAddress } from "../../src/twin/machines/packages.ts";
import { must } from "../../src/twin/machines/run.ts";
import { PRICE } from "../fast/farms.ts";
import { withoutRoot } from "./lab-farm.ts";
import { closeStack, openStack } from "./own-stack.ts";

const STACK = "adoption-test";
const ADDRESS = "10.94.1.11";
const HOST = "old1";

/** What its former administrator left: everything that facts.md tells of, short of the botnet. */
const OLD_WAYS = `
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qqy install --no-install-recommends iptables rpcbind mariadb-server nginx >/dev/null
iptables -A INPUT -p tcp --dport 3306 -m comment --comment by-hand -j ACCEPT
printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/50-by-hand.conf
printf '192.0.2.9 by-hand\\n# db_password = tell-nobody\\n' >>/etc/hosts
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\\nSystemMaxUse=1G\\n# tell-nobody\\n' >/etc/systemd/journald.conf.d/60-farm.conf
chmod 0600 /etc/systemd/journald.conf.d/60-farm.conf
useradd --create-home --shell /bin/sh --groups games --expiredate 2099-12-31 olga
echo 'root:tell-nobody' | chpasswd
systemctl enable -q --now rpcbind.socket ssh mariadb nginx
systemctl restart ssh
mkdir -p /var/www/wordpress
echo '<?php // wordpress' >/var/www/wordpress/index.php
echo "<?php define( 'DB_PASSWORD', 'tell-nobody' );" >/var/www/wordpress/wp-config.php
mariadb -e "CREATE DATABASE wordpress; CREATE TABLE wordpress.posts (id INT PRIMARY KEY, title TEXT);
  INSERT INTO wordpress.posts VALUES (1, 'hello'), (2, 'world'); CREATE USER wp@localhost IDENTIFIED BY 'tell-nobody'"
`;

/** All that is the old server's own, and all that runs on it. */
const OWN = `
find /var/www /etc/nginx /etc/mysql -type f -print0 | sort -z | xargs -0 sha256sum
cat /etc/ssh/sshd_config.d/50-by-hand.conf
iptables-save | grep by-hand
mariadb -Ne 'SELECT * FROM wordpress.posts; SHOW GRANTS FOR wp@localhost'
systemctl show -p Id,ActiveState,MainPID mariadb nginx`;

/** What the farm would change of the rest. */
const ALL = `${OWN}
find /etc -xdev -not -path '/etc/*-' -not -name .pwd.lock -printf '%p %y %#m %u:%g %l\\n' | sort
find /etc -xdev -type f -not -name '*-' -not -name ld.so.cache -print0 | sort -z |
  grep -zvE '^/etc/(passwd|shadow|group|gshadow|subuid|subgid)$' | xargs -0 sha256sum
getent passwd; getent shadow; getent group
systemctl list-unit-files --no-legend | awk '{print $1, $2}' | sort
systemctl is-active rpcbind.socket ssh`;

let lock: Lock | undefined;
let folder = "";

async function sh(script: string, input = ""): Promise<string> {
  const { code, stdout, stderr } = await inMachine(STACK, HOST, ["/bin/sh", "-euc", script], {
    input,
    limit: 300,
  });
  assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
  return stdout.trim();
}

const agent = (args: string, input = "") =>
  inMachine(STACK, HOST, [AGENT, ...args.split(" ")], { input, limit: 300 });

/** A farm of this one server, in which it does nothing yet but be a host. */
function planOfOld(publicKey: string) {
  const inventory = loadInventory(
    "old",
    {
      environment: "old",
      title: { en: "Old", ru: "Старое" },
      placement: { failureDomains: 1, providers: 1, roundTrip: 10 },
      sites: [{ id: "here", title: { en: "Here", ru: "Здесь" }, provider: "here", country: "DE" }],
      hosts: [
        {
          id: HOST,
          site: "here",
          origin: { kind: "dedicated" },
          mesh: "10.80.0.9",
          memory: "2 GB",
          disk: "20 GB",
          price: PRICE,
        },
      ],
    },
    {
      addresses: { [HOST]: ADDRESS },
      administrators: [{ name: "olga", languages: ["ru"], keys: [publicKey] }],
      packageProxy: proxyAddress(STACK),
    },
  );
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "old", {});
  const all = makePlan(inventory, keys);
  const plan = hostPlan(all, HOST);
  return {
    farm: {
      ...{ stack: STACK, inventory, keys, plan: all, sightings: join(folder, "seen.json") },
      ssh: new SshPool(join(folder, "ssh"), (argv) => inNamespace(STACK, argv)),
      target: (id: string) => connectionTo(inventory, keys, id, readFileSync(join(folder, "key"), "utf8")),
    },
    plan,
    secrets: secretsFor(plan, keys),
    hostKey: keys.sshHostKey(HOST).publicKey,
  };
}

describe("adoption of a server set up by hand", { skip: withoutRoot }, () => {
  let old: ReturnType<typeof planOfOld>;
  let own = "";
  let all = "";

  before(async () => {
    lock = await openStack(STACK, "10.94.1.0/24", "the test of adoption");
    folder = mkdtempSync(join(tmpdir(), "farm-adoption-"));
    await must("make a key", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    const publicKey = readFileSync(join(folder, "key.pub"), "utf8").trim();
    const machine = { name: HOST, address: ADDRESS, prefixLength: 24, diskBytes: 3 * 2 ** 30 };
    await boot(STACK, { ...machine, authorizedKeys: [publicKey] });
    await sh(OLD_WAYS);
    await sh(INSTALL_AGENT, agentText);
    old = planOfOld(publicKey);
    await sh(`${AGENT} secrets`, old.secrets);
    [own, all] = [await sh(OWN), await sh(ALL)];
  });

  after(async () => {
    if (lock === undefined) return;
    await closeStack(STACK, lock);
    rmSync(folder, { recursive: true });
  });

  test("the first run only looks: it shows every file it would replace, and changes nothing", async () => {
    for (const command of ["prepare", "apply"]) {
      const { code, stdout, stderr } = await agent(command, old.plan.bundle);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /only looked at and nothing was changed.*farms:adopt/s);
      assert.match(stderr, /would change: file \/etc\/hosts: change/);
      assert.match(stderr, /would change: unit rpcbind.socket: mask/);
      assert.match(stderr, /^-192\.0\.2\.9 by-hand$/m);
      assert.match(stderr, /^-# db_password = \[hidden\]$/m);
      assert.match(
        stderr,
        /journald.*\n\(replaces 3 lines that not everybody may read; they are kept in \S+\)\n@@ .*\n\+\[Journal\]$/m,
      );
      assert.doesNotMatch(stdout + stderr, /SystemMaxUse=1G/);
      assert.doesNotMatch(stdout + stderr, /tell-nobody/);
      assert.equal(await sh(ALL), all);
    }
    const { code } = await agent(`activate ${old.plan.sha256}`);
    assert.equal(code, 2, "nothing is prepared");
  });

  test("once it may be taken over, preparing still changes nothing that runs", async () => {
    const { code, stderr } = await agent("prepare --adopt", old.plan.bundle);
    assert.equal(code, 0, stderr);
    assert.equal(await sh(ALL), all);
  });

  test("without a confirmation everything is as it was found", async () => {
    const { code, stdout, stderr } = await agent(`activate ${old.plan.sha256}`);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).unconfirmed, 60);
    await agent("go-back");
    // Packages that were installed stay, with what they bring, and accounts, locked; nothing that was there before is
    // gone or changed.
    const now = new Set((await sh(ALL)).split("\n"));
    assert.deepEqual(
      all.split("\n").filter((line) => !now.has(line)),
      [],
    );
    const listed = (text: Iterable<string>) => [...text].map((line) => line.split(" ")[0]);
    const [before, after] = [new Set(listed(all.split("\n"))), new Set(listed(now))];
    const left = old.plan.state.files.filter(({ path }) => after.has(path) && !before.has(path));
    assert.deepEqual(left, [], "files of the farm");
  });

  test("and its administrators come in as they always did: by their own keys, or by a password", async () => {
    writeFileSync(
      join(folder, "old_hosts"),
      `${ADDRESS} ${await sh("cat /etc/ssh/ssh_host_ed25519_key.pub")}\n`,
    );
    const ssh = (...options: string[]) =>
      runInNamespace(STACK, [
        ...["ssh", "-F", "none", "-i", join(folder, "key"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"],
        ...["-o", `UserKnownHostsFile=${join(folder, "old_hosts")}`, ...options],
        `root@${ADDRESS}`,
        "true",
      ]);
    const byKey = await ssh();
    assert.equal(byKey.code, 0, byKey.stderr);
    assert.match(
      (await ssh("-o", "PubkeyAuthentication=no")).stderr,
      /Permission denied \(publickey,password/,
    );
  });

  test("taken over: what it replaces is kept, what it does not own goes on untouched", async () => {
    const { code, stderr } = await agent(`activate ${old.plan.sha256}`);
    assert.equal(code, 0, stderr);
    writeFileSync(join(folder, "known_hosts"), `${ADDRESS} ${old.hostKey}\n`);
    const options = [
      "BatchMode=yes",
      "ConnectTimeout=5",
      `UserKnownHostsFile=${join(folder, "known_hosts")}`,
    ];
    const ssh = ["ssh", "-F", "none", "-i", join(folder, "key"), ...options.flatMap((o) => ["-o", o])];
    const confirmed = await runInNamespace(STACK, [
      ...ssh,
      `root@${ADDRESS}`,
      `${AGENT} confirm ${old.plan.sha256}`,
    ]);
    assert.equal(confirmed.code, 0, confirmed.stderr);
    assert.equal(await sh(OWN), own);
    const replaced = await sh(
      "cd /var/lib/farm/replaced/etc; cat hosts systemd/journald.conf.d/60-farm.conf",
    );
    assert.match(replaced, /by-hand\n# db_password = tell-nobody\n.*SystemMaxUse=1G\n# tell-nobody$/s);
    assert.equal(await sh("systemctl is-enabled rpcbind.socket || true"), "masked");
  });

  test("what let the botnet in is closed: passwords, and every port that nobody declares", async () => {
    const password = await runInNamespace(STACK, [
      ...["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no"],
      ...["-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`, `root@${ADDRESS}`, "true"],
    ]);
    assert.match(password.stderr, /Permission denied \(publickey\)/);
    for (const port of [80, 111, 3306]) {
      const { code } = await runInNamespace(STACK, [
        "timeout",
        "2",
        "bash",
        "-c",
        `</dev/tcp/${ADDRESS}/${port}`,
      ]);
      assert.notEqual(code, 0, `port ${port} answers`);
    }
  });

  test("first contact is pinned to the key that the machine shows, and leaves it with the one that the farm knows", async () => {
    // Another machine at the same address.
    await kill(STACK, [HOST]);
    const fresh = { name: "new1", address: ADDRESS, prefixLength: 24, diskBytes: 2 ** 30 };
    await boot(STACK, { ...fresh, authorizedKeys: [readFileSync(join(folder, "key.pub"), "utf8").trim()] });
    const shown = await inMachine(STACK, "new1", ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]);
    const another = old.farm.keys.sshHostKey("another").publicKey;
    await assert.rejects(bootstrap(old.farm, HOST, another), /Host key verification failed/);
    await assert.rejects(bootstrap(old.farm, HOST, "SHA256:abc"), /that is no public key of a host/);
    await bootstrap(old.farm, HOST, shown.stdout.trim());
    const reached = await old.farm.ssh.run(old.farm.target(HOST), "hostname", { fresh: true });
    assert.equal(reached.stdout, "new1\n", reached.stderr);
    await bootstrap(old.farm, HOST, shown.stdout.trim());
    assert.equal((await inMachine(STACK, "new1", ["ls", "/etc/ssh/farm-other-host-key"])).code, 2);
  });
});
