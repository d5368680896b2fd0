/** The secret settings of a stack, which only the engine can read. */
import type { SecretName } from "../inventory/secrets.ts";
import type { ContaboCredentials } from "../machines/contabo/service.ts";
import type { RobotCredentials } from "../machines/robot/service.ts";
import { FarmError } from "../shell/errors.ts";
import type { Settings } from "../shell/stack.ts";
import { askEngine } from "./engine.ts";

/** The secrets without which no host is reached. */
const SECRETS: readonly SecretName[] = ["farms:masterKey", "farms:privateKey"];

/** The secrets of a stack that the engine has, by the ends of their names (`masterKey`). Throws a FarmError as engineSecrets does. */
async function read(stack: string, names: readonly SecretName[]): Promise<Record<string, string>> {
  const argv = ["config", "--show-secrets", "--json"];
  const config = (await askEngine(stack, "secrets", ...argv)) as Record<string, { value?: string }>;
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
 * A secret setting that is several words with colons between them; only the last one may have colons itself. Throws a FarmError:
 * as engineSecrets does, and with exit code 2, `source` and what to type when it is not there or has another form.
 */
async function words(
  stack: string,
  name: Extract<SecretName, "farms:robot" | "farms:contabo">,
  form: readonly string[],
  source: string,
): Promise<readonly string[]> {
  const { [name.replace("farms:", "")]: value = "" } = await read(stack, [name]);
  const parts = value.split(":");
  const found = [...parts.slice(0, form.length - 1), parts.slice(form.length - 1).join(":")];
  if (found.length === form.length && found.every((word) => word !== "")) return found;
  throw new FarmError(
    `${name} of stack ${stack} ${value === "" ? "is missing" : `is not of the form ${form.join(":")}`}`,
    `${source}, then: pulumi config set --stack ${stack} --secret ${name}, and type ${form.join(":")}`,
    2,
  );
}

/** User and password of Hetzner Robot's web service for a stack. Fails as `words` does. */
export async function robotCredentials(stack: string): Promise<RobotCredentials> {
  const source = 'make a user in Robot (Settings, "Web service and app settings")';
  const [user = "", password = ""] = await words(stack, "farms:robot", ["USER", "PASSWORD"], source);
  return { user, password };
}

/** What Contabo's API wants to know for a stack. Fails as `words` does. */
export async function contaboCredentials(stack: string): Promise<ContaboCredentials> {
  const form = ["CLIENT-ID", "CLIENT-SECRET", "API-USER", "API-PASSWORD"];
  const source = "https://my.contabo.com/api/details has all four";
  const [clientId = "", clientSecret = "", user = "", password = ""] = await words(
    stack,
    "farms:contabo",
    form,
    source,
  );
  return { clientId, clientSecret, user, password };
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
