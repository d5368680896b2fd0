import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { hostOf } from "../../../src/inventory/load.ts";
import { answerFile } from "../../../src/machines/proxmox-install/answer.ts";
import { firstBoot } from "../../../src/machines/proxmox-install/first-boot.ts";
import { differences, reportLines } from "../../../src/machines/proxmox-install/hardware.ts";
import * as commands from "../../../src/machines/proxmox-install/rescue-commands.ts";
import { STEP_IDS, stepsOf } from "../../../src/machines/proxmox-install/steps.ts";
import { readSurvey, SURVEY } from "../../../src/machines/proxmox-install/survey.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { prodInventory } from "../farms.ts";
import { ADDRESS, type Change, DISKS, lab, MAC, surveyText, zhelezo } from "./zhelezo.ts";

const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "install-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

const fact = { cidr: `${ADDRESS}/26`, gateway: "10.90.0.1", mac: MAC, passwordHash: "$6$salt$hash" };

test("the answers are what is declared, and TOML for others too", () => {
  const inventory = lab();
  const text = answerFile(hostOf(inventory, "zhelezo1"), inventory, fact);
  const python = "import json, sys, tomllib; json.dump(tomllib.loads(sys.stdin.read()), sys.stdout)";
  const read = JSON.parse(execFileSync("python3", ["-c", python], { input: text, encoding: "utf8" }));
  assert.deepEqual(read, {
    global: {
      keyboard: "en-us",
      country: "de",
      fqdn: "zhelezo1.lab.internal",
      mailto: "root@zhelezo1.lab.internal",
      timezone: "UTC",
      "root-password-hashed": "$6$salt$hash",
      "root-ssh-keys": inventory.administrators.flatMap((each) => each.keys),
      "reboot-mode": "power-off",
    },
    network: {
      source: "from-answer",
      cidr: `${ADDRESS}/26`,
      gateway: "10.90.0.1",
      dns: "185.12.64.1",
      filter: { ID_NET_NAME_MAC: "*c86000aabbcc" },
      "interface-name-pinning": { enabled: true, mapping: { [MAC]: "nic0" } },
    },
    "disk-setup": {
      filesystem: "zfs",
      // A tenth of 64 GB, in MiB.
      zfs: { raid: "raid1", compress: "on", "arc-max": 6103 },
      "disk-list": ["vda", "vdb"],
    },
    "first-boot": { source: "from-iso", ordering: "before-network" },
  });
});

test("the first boot gives the farm's host key and package sources, marks the machine and removes itself", (t) => {
  const dir = scratch(t);
  const pair = keys.sshHostKey("zhelezo1");
  const script = join(dir, "first-boot");
  const inside = (path: string) => join(dir, path);
  for (const path of ["/etc/ssh/sshd_config.d", "/etc/apt/sources.list.d"])
    mkdirSync(inside(path), { recursive: true });
  writeFileSync(inside("/etc/apt/sources.list.d/pve-enterprise.sources"), "");
  writeFileSync(script, firstBoot(pair, lab()).replaceAll(/(?<=[ >])\/(etc|var)\//g, `${dir}/$1/`), {
    mode: 0o700,
  });
  execFileSync(script);
  assert.equal(readFileSync(inside("/etc/ssh/ssh_host_ed25519_key"), "utf8"), pair.privateKey);
  assert.equal(readFileSync(inside("/etc/ssh/ssh_host_ed25519_key.pub"), "utf8"), `${pair.publicKey}\n`);
  assert.match(
    readFileSync(inside("/etc/ssh/sshd_config.d/10-farm.conf"), "utf8"),
    /PasswordAuthentication no/,
  );
  assert(existsSync(inside("/var/lib/farm/fresh")));
  assert.deepEqual(readdirSync(inside("/etc/apt/sources.list.d")), ["farm-proxmox.sources"]);
  assert.match(
    readFileSync(inside("/etc/apt/sources.list.d/farm-proxmox.sources"), "utf8"),
    /no-subscription/,
  );
  assert(!existsSync(script));
  const mode = (path: string) =>
    execFileSync("stat", ["-c", "%a", inside(path)], { encoding: "utf8" }).trim();
  assert.deepEqual(["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/sshd_config.d/10-farm.conf"].map(mode), [
    "600",
    "644",
  ]);
});

const differ = (change: Change, inventory = lab()) => {
  const { host, hardware } = zhelezo(inventory);
  return differences(host, hardware, readSurvey(surveyText(change)));
};
const MEGARAID = {
  class: "RAID bus controller",
  device: "MegaRAID SAS 2108 [Liberator]",
  card: "MegaRAID SAS 9260-4i",
  driver: "megaraid_sas",
};
const disk = (name: string, size: number, id: string) => ({ name, size, serial: "X", id });

test("a server that is made of what is declared differs in nothing", () => {
  assert.deepEqual(differ({}), []);
  // Proxmox's own bridge has the address then.
  assert.deepEqual(differ({ bridge: "vmbr0" }), []);
  // A controller on the board in RAID mode shows the disks as they are.
  assert.deepEqual(
    differ({ controller: { ...MEGARAID, device: "SATA Controller [RAID mode]", driver: "ahci" } }),
    [],
  );
});

test("each difference is named", () => {
  const all: [Change, RegExp[]][] = [
    [
      { disks: [disk("sda", 3.0006e12, DISKS[0]), disk("sdb", 3.0006e12, "ata-OTHER_1")] },
      [/^there is no disk ata-ST3000DM001-1CH166_W1F10002; there is: .*W1F10001, ata-OTHER_1$/],
    ],
    [
      { disks: [disk("sda", 3.0006e12, DISKS[0]), disk("sdb", 2.0004e12, DISKS[1])] },
      [/^disk .*W1F10002 has 2\.00 TB, declared are 3\.00 TB$/],
    ],
    [
      { controller: MEGARAID },
      [
        /^disk .*W1F10001 is behind the RAID controller .*9260-4i, driver megaraid_sas.* virtual drives and not the disks; let Hetzner/,
        /^disk .*W1F10002 is behind/,
        /^it has a RAID controller that is not declared: .*9260-4i$/,
      ],
    ],
    [
      { nic: "82574L Gigabit Network Connection" },
      [/^network card eth0 is .*82574L.*, declared is 82579LM$/],
    ],
    [{ address: "10.90.0.99" }, [/^it does not have the declared address 10\.90\.0\.10$/]],
    [{ prefix: 32 }, [/^its gateway 10\.90\.0\.1 is outside of 10\.90\.0\.10\/32/]],
    [{ kilobytes: 32_000_000 }, [/^it has 32\.8 GB of memory, declared are 64\.0 GB$/]],
    [{ firmware: "UEFI" }, [/^it boots by UEFI; .*legacy boot/]],
    [{ kvm: "no" }, [/VT-x/]],
  ];
  for (const [change, messages] of all) {
    const found = differ(change);
    assert.equal(found.length, messages.length, found.join("\n"));
    for (const [index, message] of messages.entries()) assert.match(found[index] ?? "", message);
  }
});

test("a declared RAID controller is there, with no disk behind it", () => {
  const { host, hardware } = zhelezo(lab());
  const found = (controller: object) =>
    differences(host, { ...hardware, raidController: "9260-4i" }, readSurvey(surveyText(controller)));
  assert.deepEqual(found({}), ["there is no RAID controller 9260-4i, which is declared"]);
  const behind = found({ controller: MEGARAID });
  assert.equal(behind.length, 2);
  for (const each of behind) assert.match(each, /is behind the RAID controller/);
});

test("unknown disks are told, and only two of the right size may be meant", () => {
  const { host } = zhelezo(lab());
  const found = (change: Change) => differences(host, { nic: "82579LM" }, readSurvey(surveyText(change)));
  assert.deepEqual(found({}), [
    `the names of its disks are not declared; if these are they, write in hardware: disks: ["${DISKS[0]}", "${DISKS[1]}"]`,
  ]);
  assert.match(
    found({ disks: [disk("sda", 3.0006e12, DISKS[0])] })[0] ?? "",
    /^declared are two disks of 3\.00 TB, there are 1 of that size: "ata-ST/,
  );
  assert.match(
    reportLines(readSurvey(surveyText())).join("\n"),
    /serial number W1F10001, on Intel Corporation C600/,
  );
});

test("an answer that is cut off or no JSON is refused", () => {
  assert.throws(() => readSurvey(surveyText().replace("== end\n", "")), /can't be read: it is cut off/);
  assert.throws(() => readSurvey(surveyText().replace('"blockdevices"', '"x"')), /blockdevices/);
});

test("the question has an answer on any Linux", () => {
  const { status, stdout } = spawnSync("sh", ["-c", SURVEY], { encoding: "utf8" });
  assert.equal(status, 0);
  const survey = readSurvey(stdout);
  assert(survey.memory > 1e8);
  assert(survey.addresses.some(({ ip }) => ip === "127.0.0.1"));
});

test("all steps are there, in their order, and every command is one for the shell", () => {
  const inventory = prodInventory();
  const steps = stepsOf(hostOf(inventory, "zhelezo2"), inventory, DISKS);
  assert.deepEqual(
    steps.map(({ id }) => id),
    [...STEP_IDS],
  );
  assert.deepEqual(
    steps.filter(({ harm }) => harm).map(({ id }) => id),
    ["reset", "install"],
  );
  const { host } = zhelezo(lab());
  for (const command of [
    SURVEY,
    commands.STATE,
    commands.FETCH,
    commands.PREPARE,
    commands.release(DISKS),
    commands.install(host, DISKS, MAC),
    commands.AWAIT,
    commands.verify(DISKS),
    commands.keep("answer.toml"),
  ])
    execFileSync("sh", ["-n"], { input: command });
});

/** Runs commands of the rescue system in a folder of our own, with a stand-in for QEMU. */
function rescue(t: TestContext, qemu: string) {
  const dir = scratch(t);
  const bin = join(dir, "bin");
  const folder = join(dir, "farm-install");
  mkdirSync(bin);
  mkdirSync(folder);
  writeFileSync(join(bin, "qemu-system-x86_64"), `#!/bin/sh\n${qemu.replaceAll("DIR", dir)}\n`);
  chmodSync(join(bin, "qemu-system-x86_64"), 0o700);
  const shell = (command: string) =>
    spawnSync("sh", ["-c", command.replaceAll(commands.FOLDER, folder)], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    });
  return { dir, folder, shell };
}

test("the installer runs once, is left to itself, and is waited for", (t) => {
  const { dir, shell } = rescue(t, 'echo "$*" >>DIR/started; read line <DIR/go; echo bye');
  const { host } = zhelezo(lab());
  execFileSync("mkfifo", [join(dir, "go")]);
  const start = commands.install(host, DISKS, MAC);
  assert.equal(shell(commands.STATE).stdout, "new\n");
  assert.equal(shell(start).status, 0);
  assert.equal(shell(commands.STATE).stdout, "installing\n");
  assert.equal(shell(start).status, 0);
  writeFileSync(join(dir, "go"), "on\n");
  const waited = shell(commands.AWAIT);
  assert.deepEqual([waited.stdout, waited.stderr], ["0\n", "bye\n"]);
  assert.equal(shell(commands.STATE).stdout, "installed\n");
  const [command = "", ...others] = readFileSync(join(dir, "started"), "utf8").trim().split("\n");
  assert.deepEqual(others, []);
  // Both disks by name and no third, enough memory for ZFS's limit, a network without a way out.
  assert.equal(command.match(/-drive /g)?.length, 2);
  for (const name of DISKS) assert(command.includes(`file=/dev/disk/by-id/${name},format=raw`));
  assert.match(
    command,
    /-m 10199 .*-netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,mac=c8:60/,
  );
});

test("an installer that fails leaves its words, and the way free for another", (t) => {
  const { shell } = rescue(t, "echo 'no such disk' >&2; exit 1");
  const { host } = zhelezo(lab());
  shell(commands.install(host, DISKS, MAC));
  const waited = shell(commands.AWAIT);
  assert.deepEqual([waited.stdout, waited.stderr], ["1\n", "no such disk\n"]);
  assert.equal(shell(commands.STATE).stdout, "new\n");
});

test("a disk that is not there is not let go of", (t) => {
  const { shell } = rescue(t, "");
  const { status, stderr } = shell(commands.release(DISKS).replace("swapoff --all", "exit 9"));
  assert.deepEqual([status, stderr], [1, `/dev/disk/by-id/${DISKS[0]} is not there\n`]);
});
