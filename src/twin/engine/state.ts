/** What the twin remembers of each resource, so that a second run does nothing and what is gone is removed. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeWhole } from "../../shell/files.ts";

export type Properties = Record<string, unknown>;

export interface ResourceRecord {
  readonly type: string;
  readonly name: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

/** A record as it is stored: `made` counts the resources of the stack in the order in which they were made. */
interface Stored extends ResourceRecord {
  readonly made: number;
}

/**
 * The records of one stack in a folder that root alone can read, a file each, which is replaced whole: a first run makes
 * hundreds of records with a bundle in many of them. A resource is known by type and name: the SDK's mock hook does not
 * hand over its parents, and names are unique in our program.
 */
export class ResourceState {
  readonly #folder: string;
  readonly #records = new Map<string, Stored>();
  /** What the last complete run exported. */
  #outputs: Properties = {};

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(this.#resources, { recursive: true, mode: 0o700 });
    if (existsSync(this.#outputFile)) this.#outputs = JSON.parse(readFileSync(this.#outputFile, "utf8"));
    const stored = readdirSync(this.#resources)
      .filter((name) => name.endsWith(".json"))
      .map((name): Stored => JSON.parse(readFileSync(join(this.#resources, name), "utf8")))
      .sort((a, b) => a.made - b.made);
    for (const record of stored) this.#records.set(ResourceState.urn(record), record);
  }

  get #resources(): string {
    return join(this.#folder, "resources");
  }

  get #outputFile(): string {
    return join(this.#folder, "outputs.json");
  }

  get outputs(): Properties {
    return this.#outputs;
  }

  keepOutputs(outputs: Properties): void {
    if (isDeepStrictEqual(this.#outputs, outputs)) return;
    this.#outputs = outputs;
    writeWhole(this.#outputFile, JSON.stringify(outputs, null, 1));
  }

  static urn({ type, name }: { readonly type: string; readonly name: string }): string {
    return `${type}::${name}`;
  }

  find(type: string, name: string): ResourceRecord | undefined {
    return this.#records.get(ResourceState.urn({ type, name }));
  }

  /** In the order in which they were first made, so that removal can go backwards. */
  all(): ResourceRecord[] {
    return [...this.#records.values()];
  }

  put(record: ResourceRecord): void {
    const urn = ResourceState.urn(record);
    const present = this.#records.get(urn);
    const last = [...this.#records.values()].at(-1)?.made ?? 0;
    const stored = { made: present?.made ?? last + 1, ...record };
    this.#records.set(urn, stored);
    writeWhole(this.#file(urn), JSON.stringify(stored, null, 1));
  }

  remove(record: ResourceRecord): void {
    const urn = ResourceState.urn(record);
    this.#records.delete(urn);
    rmSync(this.#file(urn), { force: true });
  }

  #file(urn: string): string {
    return join(this.#resources, `${createHash("sha256").update(urn).digest("hex").slice(0, 16)}.json`);
  }
}
