/** The twin in the engine's place: it answers the resource calls of the unchanged Pulumi program. */
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { FarmError } from "../../shell/errors.ts";
import type { SshPool } from "../../shell/ssh.ts";
import type { Settings } from "../../shell/stack.ts";
import { cloudId } from "./cloud-ids.ts";
import { askCloud, Clouds, isCloud } from "./clouds.ts";
import { applyCommand, deleteCommand, REMOTE_COMMAND } from "./remote-command.ts";
import { type Properties, ResourceState } from "./state.ts";

const PROJECT = "farms";
const STACK_REFERENCE = "pulumi:pulumi:StackReference";
/** Marks a wrapped secret among the properties that the SDK sends (its `specialSigKey`). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";

/** What one run did to its resources. */
export interface Summary {
  readonly created: string[];
  readonly updated: string[];
  readonly deleted: string[];
  unchanged: number;
}

export type Progress = (line: string) => void;

/** Secrets unwrapped: to the provider a secret is its value. */
function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value !== "object" || value === null) return value;
  if (SIGNATURE in value && "value" in value) return reveal(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

class Engine {
  readonly #state: ResourceState;
  readonly #ssh: SshPool;
  readonly #clouds: Clouds;
  readonly #progress: Progress;
  readonly #seen = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();
  #failure: Error | undefined;
  /** Rejects with the first failure; a program whose resource failed may wait for it for ever. */
  readonly failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  readonly summary: Summary = { created: [], updated: [], deleted: [], unchanged: 0 };

  constructor(state: ResourceState, ssh: SshPool, clouds: Clouds, progress: Progress) {
    this.#state = state;
    this.#ssh = ssh;
    this.#clouds = clouds;
    this.#progress = progress;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** Answers the registration of one resource; called by the SDK as soon as all it depends on is there. */
  async register(args: pulumi.runtime.MockResourceArgs): Promise<pulumi.runtime.MockResourceResult> {
    const inputs = reveal(args.inputs) as Properties;
    if (args.custom !== true) return { id: undefined, state: inputs };
    // As the engine does: what is under way ends, nothing new begins.
    if (this.#failure !== undefined) throw this.#failure;
    const work = this.#apply(args.type, args.name, inputs);
    this.#pending.add(work);
    try {
      return { id: idOf(args), state: await work };
    } catch (error) {
      this.#failure ??= error as Error;
      this.#fail(this.#failure);
      throw error;
    } finally {
      this.#pending.delete(work);
    }
  }

  async #apply(type: string, name: string, inputs: Properties): Promise<Properties> {
    // The program asks for the outputs of its own stack, as its last run left them.
    if (type === STACK_REFERENCE) return { ...inputs, outputs: this.#state.outputs, secretOutputNames: [] };
    this.#seen.add(ResourceState.urn({ type, name }));
    const before = this.#state.find(type, name);
    if (before !== undefined && isDeepStrictEqual(before.inputs, inputs)) {
      this.summary.unchanged += 1;
      return before.outputs;
    }
    if (type !== REMOTE_COMMAND && !isCloud(type))
      throw new FarmError(
        `the twin has no answer for resources of type ${type} (${name})`,
        "teach it one in src/twin/engine",
      );
    this.#progress(`${name}: ${before ? "updating" : "creating"}`);
    const outputs = isCloud(type)
      ? await this.#clouds.apply(type, inputs, before)
      : await applyCommand(this.#ssh, name, inputs, before);
    this.#state.put({ type, name, inputs, outputs });
    (before ? this.summary.updated : this.summary.created).push(name);
    this.#progress(`${name}: done`);
    return outputs;
  }

  /** Waits for what is under way, so that nothing is done that is not recorded. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#pending]);
  }

  /** Removes what the program no longer declares, the youngest first. */
  async removeUndeclared(): Promise<void> {
    for (const record of this.#state.all().reverse()) {
      if (this.#seen.has(ResourceState.urn(record))) continue;
      this.#progress(`${record.name}: deleting`);
      if (isCloud(record.type)) await this.#clouds.delete(record);
      else await deleteCommand(this.#ssh, record.name, record.inputs);
      this.#state.remove(record);
      this.summary.deleted.push(record.name);
    }
  }
}

/** Clouds have numbers for what they keep, one that they had before it was imported. */
const idOf = ({ type, id, name }: pulumi.runtime.MockResourceArgs): string =>
  isCloud(type) ? id || cloudId(type, name) : name;

/** The settings as the engine hands them to a program: texts, lists and maps as JSON. */
function toConfig(settings: Settings): Record<string, string> {
  const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`${PROJECT}:${key}`, text(value)]),
  );
}

/** What outputs have become when the program is done. */
const resolved = (outputs: Properties): Promise<Properties> =>
  new Promise((resolve) => {
    pulumi.output(outputs).apply(resolve);
  });

/**
 * Runs a Pulumi program with the twin as its engine, and removes what it no longer declares. `program` registers the
 * resources and returns the stack's outputs.
 * A process can do this once, since the SDK's runtime is global to it. Returns what was done; throws the first
 * failure, after all that was under way has ended and been recorded.
 */
export async function runProgram(
  stack: string,
  settings: Settings,
  state: ResourceState,
  ssh: SshPool,
  progress: Progress,
  program: () => Promise<Properties>,
): Promise<Summary> {
  const byHost = (key: string) => (settings[key] as Record<string, string> | undefined) ?? {};
  const clouds = new Clouds(stack, byHost("addresses"), byHost("addresses6"));
  const engine = new Engine(state, ssh, clouds, progress);
  await pulumi.runtime.setMocks(
    { newResource: (args) => engine.register(args), call: askCloud },
    PROJECT,
    stack,
    false,
    // What Pulumi's own backends without a service call it.
    "organization",
  );
  pulumi.runtime.setAllConfig(toConfig(settings), [`${PROJECT}:masterKey`, `${PROJECT}:privateKey`]);
  // The SDK rejects every promise that hangs on a failed resource, some long after; we report the failure itself, once.
  const quiet = (): void => {};
  process.on("unhandledRejection", quiet);
  let outputs: Properties = {};
  try {
    const running = pulumi.runtime.runInPulumiStack(async () => {
      outputs = await program();
    });
    await Promise.race([running.then(() => pulumi.runtime.disconnect()), engine.failed]);
  } catch (error) {
    await engine.settle();
    throw error;
  }
  process.off("unhandledRejection", quiet);
  await engine.removeUndeclared();
  state.keepOutputs(await resolved(outputs));
  return engine.summary;
}
