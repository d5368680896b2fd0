/** In which order the program's resources may be made, as their dependencies say: the SDK's mocks keep to them. */
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import type { ShownKeys } from "../../../src/shell/former-run.ts";
import { registerHosts } from "../../../src/shell/hosts.ts";
import { labInventory, planOf } from "../farms.ts";

const inventory = labInventory();
const plan = planOf(inventory);
const GUESTS = inventory.hosts.flatMap(({ id, origin }) => (origin.kind === "guest" ? [id] : []));

/** When each resource was begun and done, counted from 0, where all of its kind take equally long. */
async function times(
  reachable: readonly string[],
  hostKeys: ShownKeys = {},
): Promise<(name: string) => { begun: number; done: number }> {
  const found = new Map<string, { begun: number; done: number }>();
  let count = 0;
  const newResource = async ({ name, inputs, custom }: pulumi.runtime.MockResourceArgs) => {
    if (!custom) return { id: undefined, state: inputs };
    const begun = count++;
    await pause(1);
    found.set(name, { begun, done: count++ });
    return { id: name, state: { ...inputs, stdout: "{}" } };
  };
  await pulumi.runtime.setMocks({ newResource, call: () => assert.fail("nothing is asked") }, "farms", "lab");
  await pulumi.runtime.runInPulumiStack(async () => {
    const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
    registerHosts(plan, keys, undefined, { applied: {}, hostKeys, reachable: new Set(reachable) });
    return {};
  });
  await pulumi.runtime.disconnect();
  return (name) => found.get(name) ?? assert.fail(`${name} was not registered`);
}

test("a running farm: nothing is activated, no guest changed, before every host has prepared", async () => {
  const of = await times(inventory.hosts.map(({ id }) => id));
  const prepared = Math.max(...inventory.hosts.map(({ id }) => of(`${id}-bundle`).done));
  for (const { id } of inventory.hosts) assert(of(`${id}-activate`).begun > prepared, id);
  for (const id of GUESTS) {
    assert(of(`${id}-guest`).begun > of("zhelezo1-confirm").done, id);
    assert(of(`${id}-activate`).begun > of(`${id}-guest`).done, id);
  }
});

test("each wave begins when the one before is confirmed", async () => {
  const of = await times(inventory.hosts.map(({ id }) => id));
  for (const [index, wave] of plan.waves.slice(1).entries())
    for (const id of wave)
      for (const before of plan.waves[index] ?? [])
        assert(of(`${id}-activate`).begun > of(`${before}-confirm`).done, `${id} after ${before}`);
});

test("new guests are made by a Proxmox host that is done, and all of them prepare before one is activated", async () => {
  const of = await times(["zhelezo1"]);
  const prepared = Math.max(...GUESTS.map((id) => of(`${id}-bundle`).done));
  for (const id of GUESTS) {
    assert(of(`${id}-guest`).begun > of("zhelezo1-confirm").done, id);
    assert(of(`${id}-agent`).begun > of(`${id}-guest`).done, id);
    assert(of(`${id}-activate`).begun > prepared, id);
  }
});

test("one new guest keeps the others from nothing", async () => {
  const of = await times(inventory.hosts.map(({ id }) => id).filter((id) => id !== "db2"));
  const others = inventory.hosts.filter(({ id }) => id !== "db2");
  const prepared = Math.max(...others.map(({ id }) => of(`${id}-bundle`).done));
  assert(of("zhelezo1-activate").begun > prepared);
  assert(of("db2-guest").begun > of("zhelezo1-confirm").done);
  assert(of("db1-activate").begun > of("db2-bundle").done);
});

test("guests change one after another, as all members of a quorum do", async () => {
  const of = await times(inventory.hosts.map(({ id }) => id));
  assert(of("db2-guest").begun > of("db1-confirm").done);
  assert(of("web2-guest").begun > of("web1-confirm").done);
});

test("no guest is asked for before the way to it leads through the new key of its Proxmox host", async () => {
  const raised = { zhelezo1: { generation: 2, before: 1 } };
  const of = await times(
    inventory.hosts.map(({ id }) => id),
    raised,
  );
  for (const { id } of inventory.hosts)
    assert(of(`${id}-agent`).begun > of("zhelezo1-host-key-keep").done, id);
});
