/** In which order the program's resources may be made, as their dependencies say: the SDK's mocks keep to them. */
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { hostPlan } from "../../../src/plan/plan.ts";
import type { ShownKeys } from "../../../src/shell/former-run.ts";
import { registerHosts } from "../../../src/shell/hosts.ts";
import { labInventory, planOf } from "../farms.ts";
import { host } from "../refusal.ts";

const inventory = labInventory();
const plan = planOf(inventory);
const GUESTS = inventory.hosts.flatMap(({ id, origin }) => (origin.kind === "guest" ? [id] : []));

/** When a resource was begun and done, counted from 0, and what it was given. */
interface Made {
  readonly begun: number;
  readonly done: number;
  readonly inputs: Record<string, unknown>;
}

/** The resources by name, where all take equally long; `says` is what the agent says of a step. */
async function make(
  reachable: readonly string[],
  hostKeys: ShownKeys = {},
  says: (name: string) => object = () => ({}),
  made = plan,
): Promise<(name: string) => Made> {
  const found = new Map<string, Made>();
  let count = 0;
  const newResource = async ({ name, inputs, custom }: pulumi.runtime.MockResourceArgs) => {
    if (!custom) return { id: undefined, state: inputs };
    const begun = count++;
    await pause(1);
    found.set(name, { begun, done: count++, inputs });
    return { id: name, state: { ...inputs, stdout: JSON.stringify(says(name)) } };
  };
  await pulumi.runtime.setMocks({ newResource, call: () => assert.fail("nothing is asked") }, "farms", "lab");
  await pulumi.runtime.runInPulumiStack(async () => {
    const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
    registerHosts(made, keys, undefined, {
      ...{ applied: {}, hostKeys },
      reachable: new Set(reachable),
    });
    return {};
  });
  await pulumi.runtime.disconnect();
  return (name) => found.get(name) ?? assert.fail(`${name} was not registered`);
}

test("a running farm: nothing is activated, no guest changed, before every host has prepared", async () => {
  const of = await make(inventory.hosts.map(({ id }) => id));
  const prepared = Math.max(...inventory.hosts.map(({ id }) => of(`${id}-bundle`).done));
  for (const { id } of inventory.hosts) assert(of(`${id}-activate`).begun > prepared, id);
  for (const id of GUESTS) {
    assert(of(`${id}-guest`).begun > of("zhelezo1-confirm").done, id);
    assert(of(`${id}-activate`).begun > of(`${id}-guest`).done, id);
  }
});

test("each wave begins when the one before is confirmed", async () => {
  const of = await make(inventory.hosts.map(({ id }) => id));
  for (const [index, wave] of plan.waves.slice(1).entries())
    for (const id of wave)
      for (const before of plan.waves[index] ?? [])
        assert(of(`${id}-activate`).begun > of(`${before}-confirm`).done, `${id} after ${before}`);
});

test("new guests are made by a Proxmox host that is done, and all of them prepare before one is activated", async () => {
  const of = await make(["zhelezo1"]);
  const prepared = Math.max(...GUESTS.map((id) => of(`${id}-bundle`).done));
  for (const id of GUESTS) {
    assert(of(`${id}-guest`).begun > of("zhelezo1-confirm").done, id);
    assert(of(`${id}-agent`).begun > of(`${id}-guest`).done, id);
    assert(of(`${id}-activate`).begun > prepared, id);
  }
});

test("one new guest keeps the others from nothing", async () => {
  const of = await make(inventory.hosts.map(({ id }) => id).filter((id) => id !== "db2"));
  const others = inventory.hosts.filter(({ id }) => id !== "db2");
  const prepared = Math.max(...others.map(({ id }) => of(`${id}-bundle`).done));
  assert(of("zhelezo1-activate").begun > prepared);
  assert(of("db2-guest").begun > of("zhelezo1-confirm").done);
  assert(of("db1-activate").begun > of("db2-bundle").done);
});

test("guests change one after another, as all members of a quorum do", async () => {
  const of = await make(inventory.hosts.map(({ id }) => id));
  assert(of("db2-guest").begun > of("db1-confirm").done);
  assert(of("web2-guest").begun > of("web1-confirm").done);
});

test("no guest is asked for before the way to it leads through the new key of its Proxmox host", async () => {
  const raised = { zhelezo1: { generation: 2, before: 1 } };
  const of = await make(
    inventory.hosts.map(({ id }) => id),
    raised,
  );
  for (const { id } of inventory.hosts)
    assert(of(`${id}-agent`).begun > of("zhelezo1-host-key-keep").done, id);
});

test("what locks nobody out is not confirmed; what might is, and once more if it had to be made again", async () => {
  const all = inventory.hosts.map(({ id }) => id);
  const armed = new Map([
    ["edge1-activate", "1.000"],
    ["web1-activate", "2.000"],
    ["web1-confirm", "3.000"],
  ]);
  const of = await make(all, {}, (name) => (armed.has(name) ? { armed: armed.get(name) } : {}));
  const stdin = (name: string): unknown => of(name).inputs.stdin;
  const { sha256 } = hostPlan(plan, "web1");
  assert.deepEqual([stdin("db1-confirm"), stdin("db1-settled")], ["", ""]);
  assert.deepEqual(
    [stdin("edge1-confirm"), stdin("edge1-settled")],
    [`${hostPlan(plan, "edge1").sha256} unknown 1.000\n`, ""],
  );
  assert.deepEqual(
    [stdin("web1-confirm"), stdin("web1-settled")],
    [`${sha256} unknown 2.000\n`, `${sha256} unknown 3.000\n`],
  );
});

test("a container is given its key, a VM's cloud-init brings it", async () => {
  const vms = planOf(
    labInventory((farm) => {
      Object.assign(host(farm, "db1").origin, { type: "vm" });
    }),
  );
  const of = await make(["zhelezo1"], {}, undefined, vms);
  // A secret, as the engine is told it.
  const given = (id: string): object =>
    JSON.parse((of(`${id}-guest`).inputs.stdin as { value: string }).value);
  assert.deepEqual(Object.keys(given("db1")).sort(), ["publicKey", "userData"]);
  assert.deepEqual(Object.keys(given("db2")).sort(), ["authorizedKeys", "hostKey"]);
  assert.match(of("db1-guest").inputs.create as string, / --type vm$/);
});
