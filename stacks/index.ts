/** What `pulumi up` runs: the farm that the chosen stack declares, with that stack's configuration. */
import * as pulumi from "@pulumi/pulumi";
import { engineSettings } from "../src/shell/engine-settings.ts";
import { FarmError } from "../src/shell/errors.ts";
import { type Outputs, registerFarm } from "../src/shell/program.ts";

async function run(): Promise<Outputs> {
  try {
    return await registerFarm(pulumi.getStack(), engineSettings());
  } catch (error) {
    if (!(error instanceof FarmError)) throw error;
    throw new pulumi.RunError([error.message, error.remedy].filter(Boolean).join("\n"));
  }
}

export const { hosts, clusters, applications, names, cost, handOuts, applied, hostKeys } = await run();
