/** A stack's settings as the engine hands them over, to the program and to its policy pack. */
import * as pulumi from "@pulumi/pulumi";
import { configSchema } from "../inventory/schema.ts";
import type { Settings } from "./stack.ts";

const SECRETS = ["masterKey", "privateKey"];
const TEXTS = new Set(["packageProxy", ...SECRETS]);

/** The settings under `farms:`: texts, of which lists and maps are JSON. */
export function engineSettings(): Settings {
  const entries = [...Object.keys(configSchema.shape), ...SECRETS].flatMap((name) => {
    // Not pulumi.Config: the whole plan depends on the master key, and what leaves the program is marked secret there.
    const text = pulumi.runtime.getConfig(`farms:${name}`);
    if (text === undefined) return [];
    return [[name, TEXTS.has(name) ? text : JSON.parse(text)]];
  });
  return Object.fromEntries(entries);
}
