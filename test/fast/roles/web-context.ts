/** What a role sees of the lab, perhaps changed, seen from one of its hosts. */
import assert from "node:assert/strict";
import { hostOf } from "../../../src/inventory/load.ts";
import type { Application } from "../../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import type { RoleContext } from "../../../src/roles/role.ts";
import { labInventory } from "../farms.ts";

export function contextOf(host: string, change?: Parameters<typeof labInventory>[0]): RoleContext {
  const inventory = labInventory(change);
  return {
    inventory,
    host: hostOf(inventory, host),
    keys: deriveKeys(PREVIEW_MASTER_KEY, inventory.stack, inventory.generations),
    secret: (name) => `\${secret:${name}}`,
  };
}

export function applicationOf({ inventory }: RoleContext, id: string): Application {
  const application = inventory.applications.find((a) => a.id === id);
  assert(application, `no application ${id}`);
  return application;
}
