import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { groupPath, limitMemory } from "../../src/twin/machines/cgroup.ts";
import { ensureImage, imageDirectory } from "../../src/twin/machines/image.ts";
import { initProcess, inMachine, isRunning, machineGroup } from "../../src/twin/machines/inside.ts";
import { machineLayout, stackLayout } from "../../src/twin/machines/layout.ts";
import { lockStack } from "../../src/twin/machines/lock.ts";
import {
  boot,
  bootAgain,
  destroy,
  kill,
  listMachines,
  type MachineSpec,
  powerCut,
  stop,
} from "../../src/twin/machines/machine.ts";
import {
  address6Of,
  controllerAddress,
  openNetwork,
  runInNamespace,
} from "../../src/twin/machines/network.ts";
import { proxyAddress, startPackageProxy } from "../../src/twin/machines/packages.ts";
import { pctBinds, servePct } from "../../src/twin/machines/pct.ts";
import { ensurePrerequisites } from "../../src/twin/machines/prerequisites.ts";
import { must, run, waitUntil } from "../../src/twin/machines/run.ts";
import { destroyStack } from "../../src/twin/machines/stack.ts";

// Boots machines, so it needs root; it takes about half a minute once the base image is there.
const STACK = `mtest-${process.pid}`;
const RANGE = "10.98.0.0/24";
/** Of the range reserved for documentation (RFC 5737): nobody is there. */
const OUTSIDE = "198.51.100.1";
/** The same of IPv6 (RFC 3849). */
const OUTSIDE6 = "2001:db8::1";

/** The IPv6 address of a machine or guest, by its number. */
const ipv6 = (number: number): string => address6Of(RANGE, 0, number);

const keys = mkdtempSync(join(tmpdir(), "farm-test-"));

function spec(name: string, last: number): MachineSpec {
  return {
    name,
    address: `10.98.0.${last}`,
    prefixLength: 24,
    address6: ipv6(last),
    diskBytes: 2e9,
    memoryBytes: 256 * 2 ** 20,
    hostKey: { privateKey: readKey("host"), publicKey: readKey("host.pub") },
    authorizedKeys: [readKey("user.pub").trim()],
    ...(name === "beta" ? { binds: pctBinds(STACK, "beta") } : {}),
  };
}

function readKey(name: string): string {
  return readFileSync(join(keys, name), "utf8");
}

/** Output of a shell script inside a machine; it must succeed. */
async function sh(machine: string, script: string): Promise<string> {
  const { code, stdout, stderr } = await inMachine(STACK, machine, ["sh", "-c", script]);
  assert.equal(code, 0, `${script}: ${stdout}${stderr}`);
  return stdout.trim();
}

function ssh(address: string, command: string) {
  writeFileSync(join(keys, "known_hosts"), `${address} ${readKey("host.pub")}`);
  const options = [`UserKnownHostsFile=${keys}/known_hosts`, "StrictHostKeyChecking=yes", "BatchMode=yes"];
  return runInNamespace(STACK, [
    ...["ssh", "-F", "none", "-i", join(keys, "user"), ...options.flatMap((option) => ["-o", option])],
    ...[`root@${address}`, command],
  ]);
}

describe("machines", { skip: process.getuid?.() === 0 ? false : "needs root" }, () => {
  before(async () => {
    for (const name of ["host", "user"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(keys, name)]);
    await ensurePrerequisites();
    await openNetwork(STACK, RANGE);
    await startPackageProxy(STACK);
    await ensureImage(STACK);
    await Promise.all([boot(STACK, spec("alpha", 11)), boot(STACK, spec("beta", 12))]);
  });

  after(async () => {
    await destroyStack(STACK);
    rmSync(keys, { recursive: true });
    const { namespace, state, run: runDir } = stackLayout(STACK);
    for (const path of [`/run/netns/${namespace}`, state, runDir, groupPath(STACK)])
      assert.ok(!existsSync(path), `${path} is left over`);
    assert.ok(!(await must("list loop devices", ["losetup", "--list"])).includes(STACK));
    assert.ok(!(await must("list mounts", ["cat", "/proc/mounts"])).includes(STACK));
  });

  test("sshd answers inside the namespace, with the host key that was given", async () => {
    const { code, stdout, stderr } = await ssh("10.98.0.11", "hostname; systemctl is-system-running --wait");
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "alpha\nrunning\n");
    assert.deepEqual(
      listMachines(STACK).map(({ name, running }) => [name, running]),
      [
        ["alpha", true],
        ["beta", true],
      ],
    );
  });

  test("preparing anew changes nothing", async () => {
    assert.deepEqual(await ensurePrerequisites(), []);
    const init = await sh("alpha", "cat /proc/1/stat");
    await openNetwork(STACK, RANGE);
    await startPackageProxy(STACK);
    assert.equal(await ensureImage(STACK), imageDirectory());
    await boot(STACK, spec("alpha", 11));
    // Field 22 is the time at which process 1 was started.
    assert.equal((await sh("alpha", "cat /proc/1/stat")).split(" ")[21], init.split(" ")[21]);
    await assert.rejects(
      openNetwork(STACK, "10.99.0.0/24"),
      /runs with 10\.98\.0\.0\/24, not 10\.99\.0\.0\/24/,
    );
  });

  test("machines reach each other, and nothing else reaches them or is reached by them", async () => {
    for (const machine of ["alpha", "beta"])
      await waitUntil(
        async () => (await sh(machine, "ip -6 address show tentative")) === "",
        10,
        () => `${machine}: the kernel has not tested its IPv6 addresses`,
      );
    for (const address of ["10.98.0.12", ipv6(12), ipv6(1)]) await sh("alpha", `ping -c 1 -W 2 ${address}`);
    for (const address of ["10.98.0.11", ipv6(11)]) {
      const connect = `import socket; socket.create_connection(("${address}", 22), 3)`;
      const fromOutside = await run(["python3", "-c", connect]);
      assert.match(fromOutside.stderr, /No route to host/);
    }
    for (const address of [OUTSIDE, OUTSIDE6]) {
      const toOutside = await inMachine(STACK, "alpha", ["ping", "-c", "1", "-W", "1", address]);
      assert.match(toOutside.stderr, /Network is unreachable/);
      const controllerToOutside = await runInNamespace(STACK, ["ip", "route", "get", address]);
      assert.match(controllerToOutside.stderr, /Network is unreachable/);
    }
  });

  test("packages come through the proxy, and nothing but packages does", async () => {
    await sh("alpha", "apt-get -q --yes install tree && tree --version");
    const fetch = [
      "curl",
      "--silent",
      "--max-time",
      "5",
      "--output",
      "/dev/null",
      "--write-out",
      "%{http_code}",
    ];
    const through = ["--proxy", proxyAddress(STACK)];
    const foreign = await runInNamespace(STACK, [
      ...fetch,
      ...through,
      `http://${OUTSIDE}/debian/pool/a.deb`,
    ]);
    assert.equal(foreign.stdout, "403");
    const loopback = await must("list listeners", ["ss", "-Hltn"]);
    assert.doesNotMatch(loopback, /(0\.0\.0\.0|\*|\[::\]):13142/);
    assert.doesNotMatch(loopback, new RegExp(`${controllerAddress(RANGE)}:`));
  });

  test("what the mesh and the firewall need works inside", async () => {
    await sh("alpha", "sysctl -w net.ipv4.ip_forward=1 || echo 1 >/proc/sys/net/ipv4/ip_forward");
    await sh("alpha", "ip tuntap add dev test0 mode tun && ip link set test0 up && ip link delete test0");
  });

  test("memory has a limit from outside", async (context) => {
    if (!limitMemory(machineGroup(STACK, "alpha"), 256 * 2 ** 20))
      return context.skip("this kernel has no memory controller");
    const eater = 'python3 -c "x = bytearray(400 << 20)"';
    assert.notEqual((await ssh("10.98.0.11", eater)).code, 0);
    assert.equal(await sh("alpha", "echo alive"), "alive");
  });

  test("after the plug is pulled, what was synced is there", async () => {
    await sh("alpha", "echo kept >/root/synced; sync");
    await kill(STACK, ["alpha"]);
    assert.equal(isRunning(STACK, "alpha"), false);
    await bootAgain(STACK, "alpha");
    assert.equal(await sh("alpha", "cat /root/synced"), "kept");
  });

  test("a power cut loses what was not synced, and only that", async () => {
    await sh("alpha", "echo kept >/root/synced2; sync; echo lost >/root/unsynced; cat /root/unsynced");
    await powerCut(STACK, ["alpha"]);
    await bootAgain(STACK, "alpha");
    assert.equal(await sh("alpha", "cat /root/synced2"), "kept");
    assert.equal(await sh("alpha", "ls /root/unsynced || echo gone"), "gone");
  });

  test("a reboot from inside comes back, a stop is a clean end", async () => {
    await sh("alpha", "touch /run/before-reboot; systemctl reboot");
    // It still answers while it goes down: the file in /run tells the two lives apart.
    const limit = performance.now() + 30_000;
    let back = false;
    while (!back && performance.now() < limit) {
      const { code, stdout } = await ssh("10.98.0.11", "test -e /run/before-reboot || echo new life");
      back = code === 0 && stdout === "new life\n";
    }
    assert.ok(back, "the machine does not come back within 30 s");
    await stop(STACK, "alpha");
    assert.equal(isRunning(STACK, "alpha"), false);
    assert.match(
      readFileSync(machineLayout(STACK, "alpha").console, "utf8"),
      /Reached target.*System Power Off/,
    );
    await bootAgain(STACK, "alpha");
  });

  test("what a killed run leaves behind does not stop the next boot", async () => {
    await kill(STACK, ["alpha"]);
    const ip = ["ip", "-netns", stackLayout(STACK).namespace];
    await must("leave a link", [...ip, "link", "add", "vb-alpha", "type", "veth", "peer", "name", "left"]);
    await must("leave a loop device", ["losetup", "--find", machineLayout(STACK, "alpha").disk]);
    mkdirSync(join(groupPath(machineGroup(STACK, "alpha")), "boot-1", "payload"), { recursive: true });
    writeFileSync(join(groupPath(machineGroup(STACK, "alpha")), "cgroup.freeze"), "1");
    await bootAgain(STACK, "alpha");
    assert.equal(await sh("alpha", "cat /root/synced"), "kept");
  });

  test("its process 1 is found when the kernel counts processes anew", async () => {
    const last = Number(readFileSync("/proc/sys/kernel/pid_max", "utf8")) - 100;
    let init: number | undefined;
    // Another test's processes may use the numbers up before the machine boots.
    for (let attempt = 0; attempt < 5 && !(init && init > last); attempt += 1) {
      await kill(STACK, ["alpha"]);
      writeFileSync("/proc/sys/kernel/ns_last_pid", String(last));
      await bootAgain(STACK, "alpha");
      init = initProcess(STACK, "alpha");
    }
    assert(init && init > last, `process 1 of alpha is number ${init} here`);
    let ended = false;
    const busy = sh("alpha", "for i in $(seq 30); do systemd-run --quiet --wait true; done").finally(() => {
      ended = true;
    });
    while (!ended) {
      assert.equal(initProcess(STACK, "alpha"), init);
      await new Promise(setImmediate);
    }
    await busy;
  });

  test("a machine that does not come up says why", async () => {
    const broken = { ...spec("broken", 13), binds: ["/does/not/exist"] };
    await assert.rejects(boot(STACK, broken), /broken does not (boot|start).*\/does\/not\/exist/s);
    await assert.rejects(
      boot(STACK, { ...spec("strange", 1), address: "10.99.0.1" }),
      /the twin's addresses are 10\.98/,
    );
    await assert.rejects(
      boot(STACK, { ...spec("strange", 1), address6: OUTSIDE6 }),
      /the twin's IPv6 addresses are fd00:a62:0::\/48/,
    );
    await destroy(STACK, "broken");
    assert.equal(existsSync(machineLayout(STACK, "broken").dir), false);
  });

  test("the lock names its holder and goes with it, even by kill -9", async () => {
    const module = new URL("../../src/twin/machines/lock.ts", import.meta.url).href;
    const script = `const { lockStack } = await import("${module}");
      await lockStack("${STACK}", "farm twin up"); console.log("held"); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    await assert.rejects(lockStack(STACK, "farm twin down"), {
      name: "FarmError",
      exitCode: 1,
      message: new RegExp(
        `another run holds the twin '${STACK}': pid ${holder.pid}, \`farm twin up\`, since \\d\\d:\\d\\d:\\d\\d`,
      ),
    });
    holder.kill("SIGKILL");
    await new Promise((resolve) => holder.once("exit", resolve));
    (await lockStack(STACK, "farm twin down")).release();
  });

  test("pct on a machine that plays a Proxmox host makes and runs guests", async () => {
    const server = await servePct(STACK, "beta");
    const pct = (args: string, input = "") =>
      inMachine(STACK, "beta", ["sh", "-c", `cd /root && pct ${args}`], { input });
    const ok = async (args: string, input = "") => {
      const { code, stdout, stderr } = await pct(args, input);
      assert.equal(code, 0, `pct ${args}: ${stderr}`);
      return stdout;
    };
    const fails = async (args: string, code: number, message: RegExp) => {
      const result = await pct(args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
    };
    try {
      await fails("status 101", 2, /^Configuration file 'nodes\/beta\/lxc\/101\.conf' does not exist\n$/);
      await fails("create 101 x --colour red", 255, /^Unknown option: colour\n400 unable to parse option\n/);
      await fails(
        "create 101",
        255,
        /^400 not enough arguments\npct create <vmid> <ostemplate> \[OPTIONS\]\n$/,
      );
      await fails("set 101 --memory lots", 255, /memory: type check \('integer'\) failed - got 'lots'/);

      await sh("beta", `echo '${readKey("user.pub").trim()}' >/root/keys; echo secret >/root/file`);
      const net0 = "name=eth0,bridge=vmbr0,ip=10.98.0.101/32,gw=10.98.0.12";
      const create =
        "create 101 local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst --hostname guest1 --memory 512 --cores 2 " +
        `--rootfs local-zfs:4 --net0 ${net0} --ssh-public-keys keys --unprivileged 1 --features nesting=1 --onboot 1`;
      await ok(create);
      await fails(create, 255, /CT 101 already exists on node 'beta'/);
      assert.equal(await ok("status 101"), "status: stopped\n");
      await fails("push 101 file /root/file", 255, /^can only push files to a running CT\n$/);
      const config = await ok("config 101");
      assert.match(
        config,
        /^arch: amd64\ncores: 2\nfeatures: nesting=1\nhostname: guest1\nmemory: 512\nnet0: name=eth0,/,
      );
      assert.match(config, /hwaddr=BC:24:11:[0-9A-F:]{8},ip=10\.98\.0\.101\/32,type=veth\n/);
      assert.match(
        config,
        /\nonboot: 1\nostype: debian\nrootfs: local-zfs:subvol-101-disk-0,size=4G\nswap: 512\nunprivileged: 1\n$/,
      );

      await ok("set 101 --memory 256 --mp0 local-zfs:1,mp=/srv/a,backup=1");
      await ok("start 101");
      await fails("start 101", 255, /^CT 101 already running\n$/);
      assert.match(await ok("list"), /^VMID +Status +Lock +Name +\n101 +running +guest1 +\n$/);
      const global = () => ok("exec 101 -- ip -6 -brief address show dev host0 scope global");
      assert.equal(await global(), "");
      await ok(`set 101 --net0 ${net0},ip6=${ipv6(101)}/64,gw6=${ipv6(12)}`);
      // At once, but that it has only just been started.
      await waitUntil(
        async () => new RegExp(`^host0\\S+ +UP +${ipv6(101)}/48 *\n$`).test(await global()),
        15,
        () => "the guest has no IPv6 address",
      );
      await fails(`set 101 --net0 ${net0},ip6=auto`, 255, /^the twin's guests need a static address: /);
      await ok("push 101 file /root/pushed --perms 0600 --user nobody --group nogroup");
      assert.equal(await ok("exec 101 -- stat -c '%a %U %G' /root/pushed"), "600 nobody nogroup\n");
      assert.equal(
        await ok("exec 101 -- sh -c 'cat; cat /root/pushed'", "from stdin "),
        "from stdin secret\n",
      );
      await fails("exec 101 -- sh -c 'exit 7'", 7, /^$/);
      assert.match(await ok("exec 101 -- df -B1G --output=size /"), /\n *4\n$/);

      await ok("set 101 --startup order=2 --mp1 local-zfs:1,mp=/srv/b,backup=1");
      assert.match(await ok("exec 101 -- df -B1M --output=size /srv/a"), /\n *9\d\d\n$/);
      assert.equal(await ok("exec 101 -- sh -c 'ls -A /srv/b; echo kept >/srv/b/file'"), "");
      await fails("resize 101 mp1 512M", 255, /^unable to shrink disk size\n$/);
      await fails("resize 101 mp1 1G", 255, /^disk is already at specified size\n$/);
      await fails("resize 101 net0 1G", 255, /disk: invalid format/);
      await ok("resize 101 mp1 2G");
      await ok("resize 101 rootfs 5G");

      await ok("shutdown 101");
      await fails("exec 101 -- true", 255, /^container '101' not running!\n$/);
      await ok("start 101");
      assert.match(await ok("exec 101 -- df -B1M --output=size /srv/b"), /\n *19\d\d\n$/);
      assert.match(await ok("exec 101 -- df -B1G --output=size /"), /\n *5\n$/);
      assert.equal(await ok("exec 101 -- cat /srv/b/file"), "kept\n");
      assert.match(
        await ok("config 101"),
        /\nmp0: local-zfs:subvol-101-disk-1,mp=\/srv\/a,backup=1,size=1G\nmp1: local-zfs:subvol-101-disk-2,mp=\/srv\/b,backup=1,size=2G\n/,
      );
      await ok("set 101 --delete mp1,startup");
      const left = await ok("config 101");
      assert.match(left, /\nunprivileged: 1\nunused0: local-zfs:subvol-101-disk-2\n$/);
      assert.doesNotMatch(left, /^(mp1|startup):/m);
      const file = join(machineLayout(STACK, "guest1").dir, "subvol-101-disk-2.ext4");
      assert.equal(existsSync(file), true);
      await ok("set 101 --delete unused0");
      assert.equal(existsSync(file), false);
      await fails("destroy 101", 255, /unable to destroy CT 101 - container is running/);
      await ok("stop 101");
      await ok("destroy 101 --purge");
      await fails("config 101", 2, /does not exist/);
      assert.equal(await ok("list"), "");
      assert.equal(existsSync(machineLayout(STACK, "guest1").dir), false);
    } finally {
      await server.close();
    }
    await assert.doesNotReject(async () => {
      const { code, stderr } = await pct("list");
      assert.equal(code, 1);
      assert.match(stderr, /the twin is not being run/);
    });
  });

  test("a guest whose creation was killed is made anew", async () => {
    const server = await servePct(STACK, "beta");
    try {
      const half = {
        vmid: 102,
        machine: "guest2",
        config: { hostname: "guest2", lock: "create" },
        authorizedKeys: [],
      };
      const { guests } = stackLayout(STACK);
      mkdirSync(join(guests, "beta"), { recursive: true });
      writeFileSync(join(guests, "beta", "102.json"), JSON.stringify(half));
      mkdirSync(machineLayout(STACK, "guest2").dir, { recursive: true });
      writeFileSync(machineLayout(STACK, "guest2").spec, JSON.stringify(spec("guest2", 102)));
      const create = "pct create 102 local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst --hostname guest2";
      await sh("beta", `${create} --net0 name=eth0,bridge=vmbr0,ip=10.98.0.102/24 --start`);
      assert.equal(await sh("beta", "pct status 102"), "status: running");
      await sh("beta", "pct destroy 102 --force");
    } finally {
      await server.close();
    }
  });
});
