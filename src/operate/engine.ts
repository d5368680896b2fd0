/** Questions to the engine about a stack. */
import { join } from "node:path";
import { FarmError } from "../shell/errors.ts";
import { lastLines, type Result, run } from "../twin/machines/run.ts";

const ROOT = join(import.meta.dirname, "../..");

/**
 * Runs a command of the engine's on a stack, which answers in JSON; returns that. Throws a FarmError with the engine's own words
 * when it is not there or refuses. `what` is what its answer has, for people.
 */
export async function askEngine(stack: string, what: string, ...argv: readonly string[]): Promise<unknown> {
  const refused = (why: string): FarmError =>
    new FarmError(
      `can't read the ${what} of stack ${stack}: ${why}`,
      "the hosts' keys derive from farms:masterKey, which `pulumi` keeps: it has to be on the PATH, logged in to the farm's backend, and know its passphrase",
    );
  let result: Result;
  try {
    result = await run(["pulumi", ...argv, "--stack", stack, "--non-interactive", "--cwd", ROOT]);
  } catch (error) {
    throw refused((error as Error).message);
  }
  const { code, stdout, stderr } = result;
  // Only the error stream is quoted: the other one may hold secrets.
  if (code !== 0) throw refused(lastLines(stderr, 3) || `pulumi ended with ${code}`);
  return JSON.parse(stdout);
}
