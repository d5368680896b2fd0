/** What the twin remembers of each resource, so that a second run does nothing and what is gone is removed. */
import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { writeWhole } from "../../shell/files.ts";

export type Properties = Record<string, unknown>;

export interface ResourceRecord {
  readonly type: string;
  readonly name: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

interface Stored {
  readonly resources: ResourceRecord[];
  readonly outputs: Properties;
}

/**
 * The records of one stack in one file that root alone can read, replaced whole after each change. A resource is
 * known by type and name: the SDK's mock hook does not hand over its parents, and names are unique in our program.
 */
export class ResourceState {
  readonly #path: string;
  readonly #records: Map<string, ResourceRecord>;
  /** What the last complete run exported. */
  #outputs: Properties;

  constructor(path: string) {
    this.#path = path;
    const stored: Stored = existsSync(path)
      ? JSON.parse(readFileSync(path, "utf8"))
      : { resources: [], outputs: {} };
    this.#records = new Map(stored.resources.map((record) => [ResourceState.urn(record), record]));
    this.#outputs = stored.outputs;
  }

  get outputs(): Properties {
    return this.#outputs;
  }

  keepOutputs(outputs: Properties): void {
    if (isDeepStrictEqual(this.#outputs, outputs)) return;
    this.#outputs = outputs;
    this.#save();
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
    const present = this.find(record.type, record.name);
    if (isDeepStrictEqual(present, record)) return;
    this.#records.set(ResourceState.urn(record), record);
    this.#save();
  }

  remove(record: ResourceRecord): void {
    this.#records.delete(ResourceState.urn(record));
    this.#save();
  }

  #save(): void {
    const stored: Stored = { resources: this.all(), outputs: this.#outputs };
    writeWhole(this.#path, JSON.stringify(stored, null, 1));
  }
}
