/** `farm rebuild`: telling by default, asking provider and server with --check, doing with --execute. */
import { FarmError } from "../shell/errors.ts";
import { previewPlan } from "../shell/stack.ts";
import { namedHost } from "./farm.ts";
import { rebuildText } from "./rebuild.ts";

export interface RebuildOptions {
  readonly stack: string;
  readonly check?: boolean;
  readonly execute?: boolean;
  readonly confirm?: string;
  readonly rescueKey?: string;
}

/**
 * Does what the command line asks for and returns the exit code. Throws a FarmError: with exit code 2 when nothing was touched, with
 * 1 when a step failed.
 */
export async function rebuild(id: string, options: RebuildOptions): Promise<number> {
  const { stack, confirm, rescueKey } = options;
  if (confirm !== undefined && !options.execute)
    throw new FarmError("--confirm says yes to --execute, which is not there", "write both, or neither", 2);
  const { inventory } = previewPlan(stack);
  if (!options.check && !options.execute) {
    process.stdout.write(rebuildText(inventory, id));
    return 0;
  }
  if (namedHost({ inventory }, id).origin.kind === "vps") {
    if (rescueKey !== undefined)
      throw new FarmError(`--rescue-key is for whole servers, and ${id} is none`, "leave it out", 2);
    const { check, execute } = await import("./reinstall/command.ts");
    if (options.check) return check(stack, id);
    await execute(stack, inventory, id, confirm ?? "");
    return 0;
  }
  const { check, execute } = await import("./install/command.ts");
  if (options.check) return check(stack, id, rescueKey);
  await execute(stack, inventory, id, confirm ?? "", rescueKey);
  return 0;
}
