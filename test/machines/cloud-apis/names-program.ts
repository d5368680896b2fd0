/**
 * What a farm declares at Cloudflare, as if its hosts were there: the engine runs this for engine-names.test.ts. The checked
 * inventory is the file inventory.json of the project's folder.
 */
import { readFileSync } from "node:fs";
import { registerNames, registerTunnel } from "../../../src/dns/cloudflare/register.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import { makePlan } from "../../../src/plan/plan.ts";
import { formerRun } from "../../../src/shell/former-run.ts";

const inventory: Inventory = JSON.parse(readFileSync("inventory.json", "utf8"));
const { cloudflare, stack, generations } = inventory;
if (cloudflare === undefined) throw new Error("the inventory names no account at Cloudflare");
const keys = deriveKeys(PREVIEW_MASTER_KEY, stack, generations);
const plan = makePlan(inventory, keys);
const tunnel = registerTunnel(plan, cloudflare, keys);

export const names = registerNames(plan, cloudflare, new Map(), tunnel, (await formerRun()).takenOver);
/** By which connectors open the tunnel. The real program hands it to the hosts. */
export const token = tunnel?.token;
