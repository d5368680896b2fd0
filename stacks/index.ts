/** What `pulumi up` runs: the farm that the chosen stack declares, with that stack's configuration. */
import * as pulumi from "@pulumi/pulumi";
import { configSchema } from "../src/inventory/schema.ts";
import { FarmError } from "../src/shell/errors.ts";
import { type Outputs, registerFarm } from "../src/shell/program.ts";
import type { Settings } from "../src/shell/stack.ts";

const SECRETS = ["masterKey", "privateKey"];
const TEXTS = new Set(["packageProxy", ...SECRETS]);

/** The settings under `farms:` as the engine hands them over: texts, of which lists and maps are JSON. */
function settings(): Settings {
  const entries = [...Object.keys(configSchema.shape), ...SECRETS].flatMap((name) => {
    // Not pulumi.Config: the whole plan depends on the master key, and what leaves the program is marked secret there.
    const text = pulumi.runtime.getConfig(`farms:${name}`);
    if (text === undefined) return [];
    return [[name, TEXTS.has(name) ? text : JSON.parse(text)]];
  });
  return Object.fromEntries(entries);
}

async function run(): Promise<Outputs> {
  try {
    return await registerFarm(pulumi.getStack(), settings());
  } catch (error) {
    if (!(error instanceof FarmError)) throw error;
    throw new pulumi.RunError([error.message, error.remedy].filter(Boolean).join("\n"));
  }
}

export const { hosts, clusters, applications, names, cost, handOuts, applied, hostKeys } = await run();
