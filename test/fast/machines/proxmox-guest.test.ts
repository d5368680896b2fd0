/** Guests of a Proxmox host as resources. */
import assert from "node:assert/strict";
import test from "node:test";
import { hostOf } from "../../../src/inventory/load.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { guestOptions, ProxmoxGuest } from "../../../src/machines/proxmox-guest.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { labInventory } from "../farms.ts";
import { host } from "../refusal.ts";
import { run } from "./made.ts";

const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
const connection = { host: "192.0.2.1", user: "root", hostKey: "ssh-ed25519 AAAA" };

/** Names of the guests that the engine refuses to delete. */
async function protectedOf(inventory: Inventory): Promise<string[]> {
  const { all } = await run(() => {
    for (const host of inventory.hosts)
      if (host.origin.kind === "guest") new ProxmoxGuest(host.id, { host, inventory, keys, connection });
    return {};
  });
  return all.filter(({ options }) => options.protect === true).map(({ name }) => name);
}

test("guests with data can't be deleted: data of clusters, members or copies, and mounts", async () => {
  assert.deepEqual(await protectedOf(labInventory()), [
    ...["db1-guest", "db2-guest", "db3-guest", "pg1-guest", "pg2-guest", "pg4-guest"],
  ]);
  const withFiles = labInventory((farm) => {
    Object.assign(host(farm, "web1").origin, { mounts: [{ path: "/srv/files", size: "1 GB" }] });
  });
  assert((await protectedOf(withFiles)).includes("web1-guest"));
});

test("a guest with an IPv6 address has it in the network of its Proxmox host, whose address there is its way out", () => {
  const inventory = labInventory();
  const optionsOf = (id: string) => guestOptions(hostOf(inventory, id), inventory);
  assert.match(optionsOf("edge1"), / --address6 2001:db8:90::31\/64 --gateway6 2001:db8:90::1 /);
  assert.doesNotMatch(optionsOf("db1"), /address6|gateway6/);
});

test("a new machine of its Proxmox host has the engine make a guest again, and is no new machine of its own there", () => {
  const options = (generations: Record<string, number>) => {
    const inventory = labInventory((farm) => {
      farm.generations = generations;
    });
    const db2 = inventory.hosts.find(({ id }) => id === "db2");
    assert(db2);
    return { machine: db2.machine, text: guestOptions(db2, inventory) };
  };
  const { text: first } = options({});
  assert.deepEqual(options({ "machine/zhelezo1": 2 }), {
    machine: 2,
    text: `${first} # on machine 2 of zhelezo1`,
  });
  assert.match(options({ "machine/db2": 3 }).text, / --generation 3$/);
  const both = options({ "machine/db2": 2, "machine/zhelezo1": 2 });
  assert.deepEqual([both.machine, both.text], [3, `${first} --generation 2 # on machine 2 of zhelezo1`]);
});
