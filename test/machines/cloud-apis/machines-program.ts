/**
 * What the farm declares at its clouds, without the hosts on them, which nobody could reach: the engine runs this for
 * engine-clouds.test.ts. The checked inventory is the file inventory.json of the project's folder.
 */
import { readFileSync } from "node:fs";
import type * as pulumi from "@pulumi/pulumi";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { Droplet } from "../../../src/machines/droplet.ts";
import { HcloudServer } from "../../../src/machines/hcloud-server.ts";
import { SharedAtProviders } from "../../../src/machines/shared.ts";
import { Training } from "../../../src/machines/training.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { hostPlan, makePlan } from "../../../src/plan/plan.ts";

const inventory: Inventory = JSON.parse(readFileSync("inventory.json", "utf8"));
const keys = deriveKeys(PREVIEW_MASTER_KEY, inventory.stack, inventory.generations);
const plan = makePlan(inventory, keys);
const shared = new SharedAtProviders(inventory);

const droplets: pulumi.Output<string>[] = [];
for (const host of inventory.hosts) {
  const args = { host, plan: hostPlan(plan, host.id), inventory, keys, shared };
  if (host.origin.kind === "droplet") droplets.push(new Droplet(host.id, args).dropletUrn);
  if (host.origin.kind === "hcloud") new HcloudServer(host.id, args);
}
if (droplets.length > 0) shared.project(droplets);

/** As the real program's output: the page for the students of each training, a secret. */
export const handOuts = Object.fromEntries(
  inventory.trainings.map((training) => [
    training.name,
    new Training(training.name, { training, inventory, keys }).handOut,
  ]),
);
