/** The secret settings of a stack, which only the engine can read. */
import { join } from "node:path";
import type { RobotCredentials } from "../machines/robot/service.ts";
import { FarmError } from "../shell/errors.ts";
import type { Settings } from "../shell/stack.ts";
import { lastLines, type Result, run } from "../twin/machines/run.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The settings that the engine keeps as secrets. */
const SECRETS = ["farms:masterKey", "farms:privateKey"];

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

/** The secrets of a stack that the engine has, by the ends of their names (`masterKey`). Throws a FarmError as engineSecrets does. */
async function read(stack: string, names: readonly string[]): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await askEngine(stack);
  // Only the error stream is quoted: the other one may hold the secrets themselves.
  if (code !== 0) throw cannotRead(stack, lastLines(stderr, 3) || `pulumi ended with ${code}`);
  const config: Record<string, { value?: string }> = JSON.parse(stdout);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = config[name]?.value;
      return value === undefined ? [] : [[name.replace(/^.*:/, ""), value]];
    }),
  );
}

/**
 * Master key and, where one is configured, private key of a stack, as `pulumi config` tells them. Throws a FarmError
 * with the engine's own words when it is not there or refuses.
 */
export function engineSecrets(stack: string): Promise<Settings> {
  return read(stack, SECRETS);
}

/**
 * User and password of Hetzner Robot's web service for a stack. Throws a FarmError: as engineSecrets does, and with exit code 2
 * when they are not there.
 */
export async function robotCredentials(stack: string): Promise<RobotCredentials> {
  const { robot = "" } = await read(stack, ["farms:robot"]);
  const colon = robot.indexOf(":");
  if (colon < 1 || colon === robot.length - 1)
    throw new FarmError(
      `farms:robot of stack ${stack} ${robot === "" ? "is missing" : "is not of the form USER:PASSWORD"}`,
      `make a user in Robot (Settings, "Web service and app settings"), then: pulumi config set --stack ${stack} --secret farms:robot, and type USER:PASSWORD`,
      2,
    );
  return { user: robot.slice(0, colon), password: robot.slice(colon + 1) };
}

/**
 * The token of a stack for Cloudflare, the one that the engine's provider takes. Throws a FarmError: as engineSecrets does, and with
 * exit code 2 when it is not there.
 */
export async function cloudflareToken(stack: string): Promise<string> {
  const { apiToken } = await read(stack, ["cloudflare:apiToken"]);
  if (apiToken === undefined)
    throw new FarmError(
      `cloudflare:apiToken of stack ${stack} is missing`,
      `make a token at Cloudflare (My Profile, API Tokens), then: pulumi config set --stack ${stack} --secret cloudflare:apiToken, and type it`,
      2,
    );
  return apiToken;
}
