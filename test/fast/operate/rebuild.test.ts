import assert from "node:assert/strict";
import test from "node:test";
import { rebuildText } from "../../../src/operate/rebuild.ts";
import { rebuild } from "../../../src/operate/rebuild-command.ts";
import { labInventory, planOf, prodInventory } from "../farms.ts";
import { cloudInventory } from "../machines/cloud-farm.ts";

test("a member's data comes from the others, and the next generation is named", () => {
  const text = rebuildText(
    labInventory((farm) => {
      farm.generations = { "machine/db2": 3 };
    }),
    "db2",
  );
  assert.match(text, /^db2, guest 112 of zhelezo1\n/);
  assert.match(
    text,
    /lost: its copy of the data of mariadb and its vote\n {2}back: a full copy from db1 or db3\n/,
  );
  assert.match(text, /in stacks\/lab\.ts write generations: \{ "machine\/db2": 4 \}/);
});

test("a vote, a node and an edge lose what is theirs", () => {
  const inventory = labInventory();
  assert.match(
    rebuildText(inventory, "pg3"),
    /lost: its vote in postgresql\n {2}back: it joins the other votes anew/,
  );
  assert.match(
    rebuildText(inventory, "pg4"),
    /lost: its copy of the data of postgresql\n {2}back: a full copy from pg1 or pg2/,
  );
  assert.match(
    rebuildText(inventory, "web1"),
    /lost: its node of pravka; 1 other\(s\) serve meanwhile\n {2}back: packages; content and sessions are in mariadb/,
  );
  assert.match(rebuildText(inventory, "edge1"), /lost: its way in for users/);
});

test("with a Proxmox host its guests are lost, and copies that stand on them are none", () => {
  const text = rebuildText(labInventory(), "zhelezo1");
  assert.match(text, /^zhelezo1, a whole server with Proxmox VE, and with it its guests: db1, db2, .*web2\n/);
  assert.match(
    text,
    / {2}db2\n(.*\n){2} {4}lost: its copy of the data of mariadb and its vote\n {4}back: a backup: there is no other copy\n/,
  );
  assert.match(text, /lost: its node of pravka; 0 other\(s\) serve meanwhile/);
  const prod = rebuildText(prodInventory(), "zhelezo2");
  assert.match(prod, /back: a full copy from contabo-de1\n/);
  assert.match(prod, /its node of pravka; 1 other\(s\) serve meanwhile/);
});

test("every step of an installation is told, what is destructive too, and that disks have no names yet", () => {
  const text = rebuildText(labInventory(), "zhelezo1");
  assert.match(
    text,
    /Not yet: the names of its disks are not declared, .* farm rebuild zhelezo1 --check --stack lab tells them\n/,
  );
  assert.match(text, /farm rebuild zhelezo1 --stack lab --execute --confirm zhelezo1 does/);
  for (const [index, what] of ["find zhelezo1", "have it boot", "reset zhelezo1"].entries())
    assert.match(text, new RegExp(`\n  ${index + 1}\\. Robot: ${what}`));
  assert.match(
    text,
    /9\. .*: install Proxmox VE .*\n {5}DESTRUCTIVE: destroys everything on DISK1 and DISK2\n/,
  );
  assert.match(text, /\n {2}12\. the installed system: first contact\n/);
  assert.doesNotMatch(text, /PRIVATE KEY/);
});

test("of a virtual server every step is told, what Contabo is given too, and no key", () => {
  const text = rebuildText(prodInventory(), "contabo-de1");
  assert.match(text, /^contabo-de1, a virtual server of Contabo's: VPS S in EU\n/);
  assert.match(text, /a full copy from db1 or db2\n/);
  assert.match(
    text,
    /lost: files, databases and services there that nobody has declared\n {2}back: nothing: save/,
  );
  assert.match(text, /farm rebuild contabo-de1 --stack prod --execute --confirm contabo-de1 does/);
  assert.match(text, /4\. Contabo: install Debian .*\n {5}DESTRUCTIVE: .*\n(.*\n){3,}.*ssh_authorized_keys/);
  assert.doesNotMatch(text, /PRIVATE KEY/);
  assert.match(text, /left to do then\n {2}1\. .*"machine\/contabo-de1": 2 .*\n.*nothing is to be adopted/);
  assert.match(text, /generations: \{ "ssh-host-key\/contabo-de1": 2 \}/);
});

test("a machine at a cloud that was there is made anew by its provider, and one of ours by the program", () => {
  const there = rebuildText(prodInventory(), "do-nyc1-b");
  assert.match(there, /declared\n {2}back: its provider's weekly backup/);
  assert.match(there, /doctl compute droplet-action rebuild 0 --image debian-13-x64 --wait/);
  assert.match(there, /farm bootstrap do-nyc1-b --stack prod --host-key/);
  assert.match(there, /in stacks\/prod\.ts write generations: \{ "machine\/do-nyc1-b": 2 \}/);
  assert.match(there, /'farms:adopt\[0\]' do-nyc1-b/);
  assert.match(
    there,
    /gone at its provider altogether, .*pulumi refresh.*site and origin in stacks\/prod\.ts/,
  );
  const clouds = cloudInventory();
  const text = (id: string) => rebuildText(clouds, id);
  const steps = ["gates", "droplet delete drop1", "pulumi refresh", '"machine/drop1": 2', "pulumi up"];
  assert.match(text("drop1"), new RegExp(steps.join("[^]*\\n {2}\\d\\. .*")));
  assert.doesNotMatch(text("drop1"), /bootstrap|farms:adopt|nobody has declared/);
  assert.match(text("cloud1"), /disable-protection cloud1 delete rebuild, then hcloud server delete cloud1/);
  assert.match(text("cloud2"), /hcloud server rebuild 43 --image debian-13/);
});

test("files of a guest's mounts are lost too, and are freed first", () => {
  const inventory = labInventory((farm) => {
    const { origin } = farm.hosts.find(({ id }) => id === "web1")!;
    Object.assign(origin, { mounts: [{ path: "/srv/files", size: "1 GB" }] });
  });
  const text = rebuildText(inventory, "web1");
  assert.match(text, /lost: its files in \/srv\/files, .*\n {2}back: a backup: there is no other copy/);
  assert.match(text, /1\. save the files of its mounts, and free them on zhelezo1.*\n {2}2\. in stacks/);
});

test("each kind of server is installed in its way, and nothing begins without its name", async () => {
  const refused = (id: string, stack: string, more: object, message: RegExp) =>
    assert.rejects(rebuild(id, { stack, ...more }), { exitCode: 2, message });
  const execute = { execute: true, confirm: "web1" };
  await refused("contabo-de1", "prod", execute, /installation of contabo-de1, .* its disk: not confirmed/);
  await refused("zhelezo1", "lab", execute, /names of zhelezo1's disks are not declared/);
  await refused("web1", "lab", execute, /web1 is no server that this program installs/);
  await refused(
    "contabo-de1",
    "prod",
    { ...execute, rescueKey: "ssh-ed25519 AAAA" },
    /--rescue-key is for whole/,
  );
  await refused("contabo-de1", "prod", { confirm: "contabo-de1" }, /--confirm says yes to --execute/);
});

test("an unknown host is refused with the names of those there are", () => {
  assert.throws(() => rebuildText(labInventory(), "nobody"), {
    exitCode: 2,
    message: /has no host "nobody"/,
    remedy: /name one of: db1/,
  });
});

test("every machine has a generation, and nothing else that goes by that name", () => {
  const raise = (name: string) => () =>
    planOf(
      labInventory((farm) => {
        farm.generations = { [name]: 2 };
      }),
    );
  assert.doesNotThrow(raise("machine/db2"));
  assert.doesNotThrow(raise("machine/zhelezo1"));
  assert.throws(raise("machine/zhelezo9"), /generations name what no host has: machine\/zhelezo9/);
});
