/** The command `move`. */
import { declarationOf, readSettings } from "../../shell/stack.ts";
import type { Farm } from "../farm.ts";
import { observe } from "./observe.ts";
import { planMove } from "./plan.ts";
import { standings } from "./stage.ts";
import { exitCode, printMove } from "./view.ts";

/**
 * Prints the steps by which the host `to` takes over from `from`, and how each stands. Changes nothing. Returns the exit code:
 * 0 when every step is done, else 1. Throws a FarmError (exit code 2) where they can't change places so.
 */
export async function move(farm: Farm, from: string, to: string): Promise<number> {
  const pair = { from, to };
  const draft = { farm: declarationOf(farm.stack), settings: readSettings(farm.stack) };
  const plan = planMove(farm.stack, draft, pair);
  const found = standings(plan, farm.inventory, await observe(farm, pair));
  process.stdout.write(printMove(plan, found));
  return exitCode(found);
}
