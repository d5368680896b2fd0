/** The secret settings of a stack, which only the engine can read. */
import { join } from "node:path";
import { FarmError } from "../shell/errors.ts";
import type { Settings } from "../shell/stack.ts";
import { lastLines, type Result, run } from "../twin/machines/run.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The settings that the engine keeps as secrets, by their names under `farms:`. */
const SECRETS = ["masterKey", "privateKey"];

const cannotRead = (stack: string, why: string): FarmError =>
  new FarmError(
    `can't read the secrets of stack ${stack}: ${why}`,
    "the hosts' keys derive from farms:masterKey, which `pulumi` keeps: it has to be on the PATH, logged in to the farm's backend, and know its passphrase",
  );

async function askEngine(stack: string): Promise<Result> {
  const command = [
    "config",
    "--show-secrets",
    "--json",
    "--stack",
    stack,
    "--non-interactive",
    "--cwd",
    ROOT,
  ];
  try {
    return await run(["pulumi", ...command]);
  } catch (error) {
    throw cannotRead(stack, (error as Error).message);
  }
}

/**
 * Master key and, where one is configured, private key of a stack, as `pulumi config` tells them. Throws a FarmError
 * with the engine's own words when it is not there or refuses.
 */
export async function engineSecrets(stack: string): Promise<Settings> {
  const { code, stdout, stderr } = await askEngine(stack);
  // Only the error stream is quoted: the other one may hold the secrets themselves.
  if (code !== 0) throw cannotRead(stack, lastLines(stderr, 3) || `pulumi ended with ${code}`);
  const config: Record<string, { value?: string }> = JSON.parse(stdout);
  const found = SECRETS.map((name) => [name, config[`farms:${name}`]?.value] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}
