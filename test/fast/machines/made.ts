/** The resources that a program registers, as the SDK's mocks are asked for them. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";

/** Marks a wrapped secret among the properties that the SDK sends. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";

/** A resource: what its provider gets, and what the engine is told of it. */
export interface Made {
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: inputs are of any form
  readonly inputs: Record<string, any>;
  readonly options: pulumi.CustomResourceOptions;
  /** When it was begun and done, counted from 0. */
  readonly begun: number;
  readonly done: number;
}

export interface Run {
  readonly all: readonly Made[];
  /** The one resource of a type ("hcloud:index/server:Server") and a name. */
  of(type: string, name: string): Made;
  readonly outputs: Record<string, unknown>;
}

/** The value of a secret; fails when it is none. */
export function secret(value: unknown): string {
  assert(typeof value === "object" && value !== null && SIGNATURE in value, `${value} is no secret`);
  return (value as unknown as { value: string }).value;
}

/** What providers answer beside the inputs. */
function answer(type: string, name: string, inputs: object): object {
  if (type === "digitalocean:index/droplet:Droplet") return { ...inputs, dropletUrn: `do:droplet:${name}` };
  if (type === "hcloud:index/server:Server") return { ...inputs, ipv4Address: `192.0.2.${name.length}` };
  return { ...inputs, stdout: "{}" };
}

/** What is registered, where every number that a provider gives is 1000 and more, in the order in which it is made. */
export async function run(
  program: () => Record<string, unknown>,
  call: pulumi.runtime.Mocks["call"] = () => assert.fail("nothing is asked"),
): Promise<Run> {
  const all: Made[] = [];
  const options = new Map<string, pulumi.CustomResourceOptions>();
  let count = 0;
  const newResource = async ({ type, name, inputs, custom }: pulumi.runtime.MockResourceArgs) => {
    if (!custom) return { id: undefined, state: inputs };
    const begun = count++;
    await new Promise((resolve) => setTimeout(resolve, 1));
    all.push({ type, name, inputs, options: options.get(`${type} ${name}`) ?? {}, begun, done: count++ });
    return { id: `${1000 + all.length}`, state: answer(type, name, inputs) };
  };
  let outputs: Record<string, unknown> = {};
  await pulumi.runtime.setMocks({ newResource, call }, "farms", "lab");
  await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, opts }) => {
      options.set(`${type} ${name}`, opts);
      return undefined;
    });
    outputs = program();
    return {};
  });
  await pulumi.runtime.disconnect();
  const of = (type: string, name: string): Made =>
    all.find((made) => made.type === type && made.name === name) ??
    assert.fail(`${type} ${name} was not registered`);
  return { all, of, outputs };
}
