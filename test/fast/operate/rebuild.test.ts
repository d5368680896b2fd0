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

test("what the program does not make anew is refused, with what to do instead", () => {
  const refused = (id: string, inventory = labInventory()) => {
    try {
      return rebuildText(inventory, id);
    } catch (error) {
      return `${(error as Error).message} ${(error as { remedy?: string }).remedy}`;
    }
  };
  assert.match(
    refused("zhelezo1"),
    /zhelezo1 is no guest of a Proxmox host: .*kind "dedicated" anew yet.*Proxmox VE 9/,
  );
  assert.match(refused("contabo-de1", prodInventory()), /kind "vps"/);
  assert.match(refused("nobody"), /has no host "nobody" name one of: db1/);
});

test("a machine's generation is known for guests alone", () => {
  const raise = (name: string) => () =>
    planOf(
      labInventory((farm) => {
        farm.generations = { [name]: 2 };
      }),
    );
  assert.doesNotThrow(raise("machine/db2"));
  assert.throws(raise("machine/zhelezo1"), /generations name what no host has: machine\/zhelezo1/);
});
