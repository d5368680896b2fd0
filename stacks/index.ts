/** What `pulumi up` runs: the farm that the chosen stack declares, with that stack's configuration. */
import * as pulumi from "@pulumi/pulumi";
import { FarmError } from "../src/shell/errors.ts";
import { type Outputs, registerFarm } from "../src/shell/program.ts";
import type { Settings } from "../src/shell/stack.ts";

/** The settings under `farms:` as the engine hands them over: texts, of which lists and maps are JSON. */
function settings(): Settings {
  const names = [
    "addresses",
    "administrators",
    "packageProxy",
    "nameservers",
    "adopt",
    "imports",
    "training",
    "masterKey",
    "privateKey",
  ];
  const structured = new Set(["addresses", "administrators", "nameservers", "adopt", "imports", "training"]);
  const entries = names.flatMap((name) => {
    // Not pulumi.Config: the whole plan depends on the master key, and what leaves the program is marked secret there.
    const text = pulumi.runtime.getConfig(`farms:${name}`);
    if (text === undefined) return [];
    return [[name, structured.has(name) ? JSON.parse(text) : text]];
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

export const { hosts, clusters, applications, cost, handOuts, applied, hostKeys } = await run();
