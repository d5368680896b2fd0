/** What a person reads when a declaration is wrong. */
import assert from "node:assert/strict";
import { FarmError } from "../../src/shell/errors.ts";
import { labInventory } from "./farms.ts";

export type Change = Parameters<typeof labInventory>[0];

/** What a person reads when a farm is changed like this; fails when the change is accepted. */
export function refusal(change: Change, load = labInventory): string {
  try {
    load(change);
  } catch (error) {
    assert(error instanceof FarmError, String(error));
    assert.equal(error.exitCode, 2);
    return error.message;
  }
  assert.fail("the change was accepted");
}

/** A host of a declaration, to be changed. */
export const host = (farm: Parameters<NonNullable<Change>>[0], id: string) => {
  const found = farm.hosts.find((h) => h.id === id);
  assert(found);
  return found;
};
