/** The command `drift`. */
import { commitsSince } from "../../shell/commit.ts";
import { type Farm, namedHost } from "../farm.ts";
import { askDrift } from "./ask.ts";
import { exitCode, printDrift } from "./view.ts";

/**
 * Prints the drift of a farm, or of its host `name`, for people or as JSON. Returns the exit code: 0 when all were asked
 * and none differs, else 1. Throws a FarmError (exit code 2) when there is no such host.
 */
export async function drift(farm: Farm, name: string | undefined, json: boolean): Promise<number> {
  const hosts = name === undefined ? farm.inventory.hosts.map((h) => h.id) : [namedHost(farm, name).id];
  const found = await askDrift(farm, hosts, commitsSince);
  process.stdout.write(json ? `${JSON.stringify(found, null, 1)}\n` : printDrift(found, Date.now()));
  return exitCode(found);
}
