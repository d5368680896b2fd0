/** The command `drift`, on the real farm and on its twin. */
import { homedir } from "node:os";
import { join } from "node:path";
import { commitsSince } from "../../shell/commit.ts";
import { type Farm, namedHost, openFarm } from "../farm.ts";
import { askDrift } from "./ask.ts";
import { exitCode, printDrift } from "./view.ts";

/** Where this person's sightings of a real farm are kept, after the XDG base directory specification. */
function sightingsFile(stack: string): string {
  const state = process.env.XDG_STATE_HOME || join(homedir(), ".local/state");
  return join(state, "farms", `${stack}.json`);
}

/**
 * Prints the drift of a farm, or of its host `name`, for people or as JSON; `sightings` is where they are kept. Returns
 * the exit code: 0 when all were asked and none differs, else 1. Throws a FarmError (2) when there is no such host.
 */
export async function showDrift(
  farm: Farm,
  sightings: string,
  name: string | undefined,
  json: boolean,
): Promise<number> {
  const hosts = name === undefined ? farm.inventory.hosts.map((h) => h.id) : [namedHost(farm, name).id];
  const found = await askDrift(farm, { hosts, sightings, commitsSince });
  process.stdout.write(json ? `${JSON.stringify(found, null, 1)}\n` : printDrift(found, Date.now()));
  return exitCode(found);
}

/** The drift of the real farm of a stack: see showDrift. Throws as openFarm does. */
export async function drift(stack: string, name: string | undefined, json: boolean): Promise<number> {
  return showDrift(await openFarm(stack), sightingsFile(stack), name, json);
}
