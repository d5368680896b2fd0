/** guest.py, really run, on a host on which stand-ins note what it asks of Proxmox's programs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostOf } from "../../../src/inventory/load.ts";
import { guestOptions } from "../../../src/machines/proxmox-guest.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import { GUEST_PROGRAM, PROGRAMS } from "../../../src/roles/hypervisor.ts";
import { parseCall } from "../../../src/twin/machines/pct-options.ts";
import { labInventory, planOf } from "../farms.ts";
import { host } from "../refusal.ts";
import { problemsOf } from "./proxmox-schema.ts";

const KEY = { privateKey: "private\n", publicKey: "ssh-ed25519 AAAA" };
const CONTAINER = { hostKey: KEY, authorizedKeys: ["ssh-ed25519 BBBB admin"] };
const VM = { publicKey: KEY.publicKey, userData: "#cloud-config\nkey: private\n" };
const STAND_IN = join(import.meta.dirname, "proxmox-stand-in.py");
const STANDS_FOR = ["pct", "qm", "ssh-keyscan", "partx", "udevadm", "mount", "umount"];

/** Paths of guest.py that lie elsewhere here. */
const MOVED = {
  begun: "/var/lib/farm-guests",
  image: "/var/lib/vz/import/debian-13-genericcloud-amd64.qcow2",
};
const PROGRAM_FILES = hostPlan(planOf(labInventory()), "zhelezo1").state.files.filter(({ path }) =>
  path.startsWith(`${PROGRAMS}/`),
);

class ProxmoxHost {
  readonly #dir: string;

  constructor(t: TestContext, tools = STANDS_FOR) {
    this.#dir = mkdtempSync(join(tmpdir(), "farm-proxmox-"));
    t.after(() => rmSync(this.#dir, { recursive: true }));
    for (const name of ["bin", "state", "farm"]) mkdirSync(this.path(name));
    for (const name of tools) symlinkSync(STAND_IN, this.path("bin", name));
    this.write("image", "");
    for (const { path, content } of PROGRAM_FILES) {
      const moves = Object.entries(MOVED);
      const text = moves.reduce((all, [name, from]) => all.replaceAll(from, this.path(name)), content);
      this.write(path.replace(PROGRAMS, "farm"), text);
    }
  }

  path(...names: string[]): string {
    return join(this.#dir, ...names);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  /** Runs guest.py with a line of arguments; returns its exit code, what it said, and the calls that it made. */
  run(line: string, input: object = CONTAINER) {
    this.write("state/calls", "");
    const program = this.path(GUEST_PROGRAM.replace(PROGRAMS, "farm"));
    const { status, stderr } = spawnSync("/usr/bin/python3", ["-B", program, ...line.split(" ")], {
      input: JSON.stringify(input),
      env: { PATH: `${this.path("bin")}:/usr/bin:/bin`, STATE: this.path("state") },
      encoding: "utf8",
    });
    const calls = readFileSync(this.path("state", "calls"), "utf8").split("\n").filter(Boolean);
    const asked: string[][] = calls.map((call) => JSON.parse(call));
    for (const call of asked.filter(([tool]) => tool === "pct" || tool === "qm")) {
      assert.deepEqual(problemsOf(call), [], call.join(" "));
      if (call[0] === "pct") parseCall(call.slice(1));
    }
    return { status, said: stderr, calls: asked.map((call) => call.join(" ")) };
  }

  /** As run, for what must go well; only the calls that change something. */
  changes(line: string, input: object = CONTAINER): string[] {
    const { status, said, calls } = this.run(line, input);
    assert.equal(status, 0, said);
    return calls.filter((call) => /^(pct|qm) (create|set|resize|start|stop|destroy) /.test(call));
  }

  /** As run, for what must be refused: what it says, when it has changed nothing. */
  refused(line: string, input: object = CONTAINER): string {
    const { status, said, calls } = this.run(line, input);
    assert.equal(status, 1, said);
    assert.deepEqual(
      calls.filter((call) => /^(pct|qm) (create|set|resize|start|stop|destroy) /.test(call)),
      [],
    );
    return said;
  }
}

test("the paths that these tests move are those of the program", () => {
  const all = PROGRAM_FILES.map(({ content }) => content).join("");
  for (const path of Object.values(MOVED)) assert(all.includes(`"${path}"`), path);
});

const wrongCalls: [string, RegExp][] = [
  ["pct set 111 --colour red", /has no option colour$/],
  ["pct set 11 --memory 512", /vmid: "11" is less than 100/],
  ["pct set 111 --memory lots", /memory: "lots" is no integer/],
  ["pct set 111 --mp0 local-zfs:5,mp=/srv,room=5", /mp0: there is no part room/],
  ["pct set 111 --mp0 local-zfs:5", /mp0: its part mp is missing/],
  ["pct set 111 --startup first", /startup: "first" is no pve-startup-order/],
  ["pct resize 111 mp0", /size is missing/],
  ["pct resize 111 net0 5G", /disk: "net0" is not one of those/],
  ["qm set 111 --scsihw fast", /scsihw: "fast" is not one of those/],
  ["qm start 111 --now 1", /this test does not know what this is/],
];
for (const [call, message] of wrongCalls)
  test(`the schema refuses ${call}`, () => {
    assert.match(problemsOf(call.split(" ")).join("\n"), message);
  });

const GUEST =
  "ensure --vmid 111 --hostname db1 --bridge vmbr1 --mac 02:FA:0A:50:00:0B --address 10.0.0.11/24 --gateway 10.0.0.1 --cores 1 --memory 1907";
const IN_IPV6 = "--address6 2001:db8::11/64 --gateway6 2001:db8::1";

test("a container is made with all that is declared, and run again nothing happens", (t) => {
  const proxmox = new ProxmoxHost(t);
  const line = `${GUEST} --disk 19 --start-order 2 --mount /srv/a=20 --mount /srv/b=5`;
  const [create, start, ...more] = proxmox.changes(line);
  assert.match(
    create ?? "",
    /^pct create 111 local:vztmpl\/debian-13-standard_\S+ --hostname db1 --memory 1907 --cores 1 --rootfs local-zfs:19 --net0 \S+ --ssh-public-keys \S+ --unprivileged 1 --features nesting=1 --onboot 1 --startup order=2 --mp0 local-zfs:20,mp=\/srv\/a,backup=1 --mp1 local-zfs:5,mp=\/srv\/b,backup=1$/,
  );
  assert.deepEqual([start, more], ["pct start 111", []]);
  assert.deepEqual(proxmox.changes(line), []);
});

test("what can be changed in place is: settings, a larger disk, larger and new mounts", (t) => {
  const proxmox = new ProxmoxHost(t);
  proxmox.changes(`${GUEST} --disk 19 --start-order 2 --mount /srv/a=20`);
  assert.deepEqual(
    proxmox.changes(
      `${GUEST.replace("1907", "3815")} --disk 28 --start-order 3 --mount /srv/0=1 --mount /srv/a=25`,
    ),
    [
      "pct set 111 --memory 3815 --startup order=3",
      "pct resize 111 rootfs 28G",
      "pct resize 111 mp0 25G",
      "pct set 111 --mp1 local-zfs:1,mp=/srv/0,backup=1",
    ],
  );
  const same = `${GUEST.replace("1907", "3815")} --disk 28 --mount /srv/0=1 --mount /srv/a=25`;
  assert.deepEqual(proxmox.changes(same), ["pct set 111 --delete startup"]);
  assert.deepEqual(proxmox.changes(same), []);
});

test("addresses change in place, and what else the interface has stays", (t) => {
  const proxmox = new ProxmoxHost(t);
  proxmox.changes(`${GUEST} --disk 19`);
  const net0 = "name=eth0,bridge=vmbr1,hwaddr=02:FA:0A:50:00:0B,ip=10.0.0.11/24,gw=10.0.0.1";
  const set = "pct set 111 --net0";
  assert.deepEqual(proxmox.changes(`${GUEST} --disk 19 ${IN_IPV6}`), [
    `${set} ${net0},ip6=2001:db8::11/64,gw6=2001:db8::1`,
  ]);
  assert.deepEqual(proxmox.changes(`${GUEST} --disk 19 ${IN_IPV6}`), []);
  const stored = JSON.parse(readFileSync(proxmox.path("state", "pct-111.json"), "utf8"));
  stored.config.net0 += ",mtu=1400";
  proxmox.write("state/pct-111.json", JSON.stringify(stored));
  assert.deepEqual(proxmox.changes(`${GUEST} --disk 19`), [`${set} ${net0},mtu=1400`]);
});

test("what would lose files is refused, and nothing is changed", (t) => {
  const proxmox = new ProxmoxHost(t);
  proxmox.changes(`${GUEST} --disk 19 --mount /srv/a=20`);
  assert.match(
    proxmox.refused(`${GUEST} --disk 10 --mount /srv/a=20`),
    /^guest 111 \(db1\) has 19 GiB at \/, and 10 GiB are declared: a smaller one would lose data\. Declare what it has;/,
  );
  assert.match(proxmox.refused(`${GUEST} --disk 19 --mount /srv/a=5`), /has 20 GiB at \/srv\/a, and 5 GiB/);
  assert.match(
    proxmox.refused(`${GUEST} --disk 19`),
    /^guest 111 \(db1\) has files at \/srv\/a, which is declared no more: declare it again, or, on its Proxmox host, pct set 111 --delete mp0 /,
  );
  proxmox.write("state/hidden", "letters\n");
  assert.match(
    proxmox.refused(`${GUEST} --disk 19 --mount /srv/a=20 --mount /home=5`),
    /^guest 111 \(db1\) has files in \/home on its disk, such as letters, which a mount there would hide:/,
  );
  for (const line of [`${GUEST} --disk 19 --mount /srv/a=20 --generation 2`, "remove --vmid 111"])
    assert.match(
      proxmox.refused(line),
      /^guest 111 has mp0 \(\/srv\/a\), whose files would be destroyed with it\. Save them; then,/,
    );
});

test("a higher generation makes another machine, a lower one is refused, and a guest that is declared no more goes", (t) => {
  const proxmox = new ProxmoxHost(t);
  proxmox.changes(`${GUEST} --disk 19`);
  const [stop, destroy, create, start] = proxmox.changes(`${GUEST} --disk 10 --generation 2`);
  assert.deepEqual([stop, destroy, start], ["pct stop 111", "pct destroy 111 --purge 1", "pct start 111"]);
  assert.match(create ?? "", /^pct create 111 /);
  assert.match(proxmox.refused(`${GUEST} --disk 10`), /is machine 2 of db1, and machine 1 is declared/);
  assert.deepEqual(proxmox.changes("remove --vmid 111"), ["pct stop 111", "pct destroy 111 --purge 1"]);
  assert.deepEqual(proxmox.changes("remove --vmid 111"), []);
});

test("a VM is made of Debian's image, and its first boot finds key and address on its disk", (t) => {
  const proxmox = new ProxmoxHost(t);
  proxmox.write("state/shown", KEY.publicKey);
  const line = `${GUEST} ${IN_IPV6} --disk 19 --type vm --start-order 1`;
  assert.deepEqual(proxmox.changes(line, VM), [
    `qm create 111 --name db1 --memory 1907 --cores 1 --ostype l26 --scsihw virtio-scsi-single --scsi0 local-zfs:0,import-from=${proxmox.path("image")},discard=on --boot order=scsi0 --net0 virtio,macaddr=02:FA:0A:50:00:0B,bridge=vmbr1 --serial0 socket --onboot 1 --startup order=1`,
    "qm resize 111 scsi0 19G",
    "qm start 111",
  ]);
  const seed = proxmox.path("state/mounted/var/lib/cloud/seed/nocloud");
  const read = (name: string): string => readFileSync(join(seed, name), "utf8");
  assert.equal(read("user-data"), VM.userData);
  assert.deepEqual(JSON.parse(read("meta-data")), { "instance-id": "db1-1", "local-hostname": "db1" });
  const { link } = JSON.parse(read("network-config")).ethernets;
  assert.deepEqual(link.match, { macaddress: "02:fa:0a:50:00:0b" });
  assert.deepEqual(link.addresses, ["10.0.0.11/24", "2001:db8::11/64"]);
  assert.deepEqual(link.routes, [
    { to: "0.0.0.0/0", via: "10.0.0.1", "on-link": true },
    { to: "::/0", via: "2001:db8::1" },
  ]);
  assert.equal(statSync(join(seed, "user-data")).mode & 0o777, 0o600);

  assert.deepEqual(proxmox.changes(line, VM), []);
  const { calls, said } = proxmox.run(`${GUEST.replace("1907", "3815")} --disk 28 --type vm`, VM);
  assert.deepEqual(
    calls.filter((call) => /^qm (set|resize) /.test(call)),
    ["qm set 111 --memory 3815 --delete startup", "qm resize 111 scsi0 28G"],
  );
  assert.match(said, /^guest 111: memory, cores and the end of a larger disk wait until it is shut down/);
});

test("a VM: what is refused", (t) => {
  const proxmox = new ProxmoxHost(t);
  proxmox.write("state/shown", KEY.publicKey);
  proxmox.changes(`${GUEST} --disk 19 --type vm`, VM);
  assert.match(
    proxmox.refused(`${GUEST} --disk 10 --type vm`, VM),
    /has 19 GiB at \/, and 10 GiB are declared/,
  );
  assert.match(
    proxmox.refused(`${GUEST} --disk 19`),
    /is a VM, and a container is declared: .* \(generations: machine\/db1\)/,
  );
  assert.match(
    proxmox.refused(`${GUEST} --disk 19 --type vm --generation 2`, VM),
    /is a VM and runs, .*: make sure of it, qm shutdown 111 on its Proxmox host, and run again/,
  );
  rmSync(proxmox.path("image"));
  assert.match(
    proxmox.refused(`${GUEST.replace("111", "112")} --disk 19 --type vm`, VM),
    /image is missing: fetch it from https:\/\/cloud\.debian\.org\/\S+, and compare it with SHA512SUMS there/,
  );
  const containers = new ProxmoxHost(t, ["pct"]);
  assert.match(containers.refused(`${GUEST} --disk 19 --type vm`, VM), /this host has no qm that would make/);
  assert.equal(existsSync(containers.path("begun", "111")), false);
});

test("a declared guest is one line of options, the same whatever the order of its mounts", () => {
  const lineOf = (paths: readonly string[]): string => {
    const inventory = labInventory((farm) => {
      const mounts = paths.map((path) => ({ path, size: "20 GB" }));
      Object.assign(host(farm, "db1").origin, { startOrder: 0, mounts });
    });
    return guestOptions(hostOf(inventory, "db1"), inventory);
  };
  assert.match(
    lineOf(["/srv/b", "/srv/a"]),
    /^--vmid 111 --hostname db1 --bridge vmbr1 --mac 02:FA:0A:50:00:0B --address \S+\/24 --gateway 10\.90\.0\.1 --cores 1 --memory 1907 --disk 19 --start-order 0 --mount \/srv\/a=19 --mount \/srv\/b=19$/,
  );
  assert.equal(lineOf(["/srv/b", "/srv/a"]), lineOf(["/srv/a", "/srv/b"]));
});
