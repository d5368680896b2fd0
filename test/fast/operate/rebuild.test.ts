import assert from "node:assert/strict";
import test from "node:test";
import { rebuildText } from "../../../src/operate/rebuild.ts";
import { labInventory, planOf, prodInventory } from "../farms.ts";

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

test("what a provider makes anew is told how a person does it", () => {
  const vps = rebuildText(prodInventory(), "contabo-de1");
  assert.match(vps, /^contabo-de1, vps at contabo-de\n/);
  assert.match(vps, /a full copy from db1 or db2\n/);
  assert.match(vps, /What to do: its provider makes it anew.*\n {2}1\. Contabo's .*Debian 13/);
  assert.match(vps, /farm bootstrap contabo-de1 --stack prod --host-key/);
  const droplet = rebuildText(prodInventory(), "do-nyc1-b");
  assert.match(droplet, /in stacks\/prod\.ts write generations: \{ "machine\/do-nyc1-b": 2 \}/);
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
