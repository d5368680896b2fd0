/** A small farm whose hosts take over from each other, as `farm move` prints it step by step, while rows are written. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { insideMachine } from "../../src/twin/machines/inside.ts";
import { type Result, run } from "../../src/twin/machines/run.ts";
import { editFile, farm } from "./lab-farm.ts";
import { exampleAddresses, smallProgram, writeSettings } from "./small-farm.ts";

/** Seconds for what comes by itself after a run, such as a full copy of some MB, on two busy cores. */
const PATIENCE = 120;

/** Where a test's farm stands beside the others. */
export interface Place {
  readonly stack: string;
  readonly range: string;
  /** On 127.0.0.1. */
  readonly port: string;
}

/** What `farm move` says of the step that is due. */
interface Due {
  readonly code: number | null;
  readonly title: string;
  readonly isNext: boolean;
  readonly lines: readonly string[];
}

type Entry = Record<string, unknown> & { id: string };

/** A shell command inside a machine. Not over SSH, whose hosts come and go with the declaration. */
export const inside = (stack: string, host: string, command: string): Promise<Result> =>
  run(insideMachine(stack, host, ["sh", "-c", command]), { limit: 30 });

/** The program with one farm alone, in a folder of its own, whose declaration can be written anew, and the farm's twin. */
export class MovingFarm {
  readonly #root: string;
  readonly #place: Place;
  readonly #farm: FarmDeclaration;
  readonly #addresses: Record<string, string>;

  constructor(place: Place, declaration: FarmDeclaration) {
    this.#place = place;
    this.#farm = structuredClone(declaration);
    this.#addresses = exampleAddresses(declaration);
    this.#root = smallProgram(place.stack, place.range, declaration);
  }

  async up(): Promise<void> {
    const { stack, port } = this.#place;
    const { code, stdout, stderr } = await farm(["twin", "up", stack, "--port", port], 900, this.#root);
    assert.equal(code, 0, stdout + stderr);
  }

  async remove(): Promise<void> {
    await farm(["twin", "down", this.#place.stack, "--purge"], 120, this.#root);
    rmSync(this.#root, { recursive: true });
  }

  /**
   * Does each step by which `to` takes over from `from` as it is printed, until all are done. Returns what was to be done
   * ("next: …") or waited for ("waits: …") in turn. Fails where nothing moves on for two minutes.
   */
  async move(from: string, to: string): Promise<string[]> {
    const told: string[] = [];
    let due = await this.#ask(from, to);
    while (due.code !== 0) {
      told.push(`${due.isNext ? "next" : "waits"}: ${due.title}`);
      due = await this.#follow(from, to, due);
    }
    return told;
  }

  async #ask(from: string, to: string): Promise<Due> {
    const { code, stdout, stderr } = await farm(
      ["twin", "move", from, to, this.#place.stack],
      120,
      this.#root,
    );
    assert.notEqual(code, 2, stderr);
    const steps = stdout.split(/^(?=\d\. )/m).slice(1);
    const [head = "", ...lines] = (steps.find((step) => !/^\d\. done/.test(step)) ?? "").split("\n");
    const [, state, title = ""] = /^\d\. (NEXT |waits) {2}(.*)$/.exec(head) ?? [];
    return { code, title, isNext: state === "NEXT ", lines: lines.map((line) => line.trim()) };
  }

  /** Does what is due, or waits for it, and returns what is due then. */
  async #follow(from: string, to: string, due: Due): Promise<Due> {
    const [, host, command] = due.lines.map((line) => /; on (\w+): (.*)$/.exec(line)).find(Boolean) ?? [];
    if (host && command) {
      const { code, stderr } = await inside(this.#place.stack, host, command);
      assert.equal(code, 0, stderr);
    }
    if (due.isNext) {
      this.#write(due.lines);
      await this.up();
    }
    const end = performance.now() + PATIENCE * 1000;
    for (;;) {
      const next = await this.#ask(from, to);
      if (next.title !== due.title || (next.isNext && !due.isNext)) return next;
      assert(performance.now() < end, `nothing moves on: ${due.title}\n${next.lines.join("\n")}`);
    }
  }

  /** Does what lines of `farm move` say is to be written and set. */
  #write(lines: readonly string[]): void {
    const former = JSON.stringify(this.#farm);
    for (const line of lines) this.#do(line);
    writeSettings(this.#root, this.#place.stack, this.#addresses);
    editFile(this.#root, "stacks/declarations.ts", (text) =>
      text.replace(former, () => JSON.stringify(this.#farm)),
    );
  }

  #do(line: string): void {
    const value = (text: string | undefined) => runInNewContext(`(${text})`);
    const [, added] = /^in stacks\/\w+\.ts, add a host: (.*)$/.exec(line) ?? [];
    const [, removed] = /^in stacks\/\w+\.ts, remove the host (\w+)$/.exec(line) ?? [];
    const [, cluster, key, present] = /^in stacks\/\w+\.ts, cluster (\w+): (\w+): (.*)$/.exec(line) ?? [];
    const [, plain, gone] = /^in stacks\/\w+\.ts, cluster (\w+): remove (\w+)$/.exec(line) ?? [];
    const [, set, name = ""] = /config (set|rm) --path 'farms:addresses\.(\w+)'/.exec(line) ?? [];
    const clusterNamed = (id: string): Entry =>
      (this.#farm.clusters?.find((c) => c.id === id) as Entry | undefined) ?? assert.fail(`no cluster ${id}`);
    if (added) this.#farm.hosts.push(value(added));
    else if (removed) {
      const index = this.#farm.hosts.findIndex(({ id }) => id === removed);
      this.#farm.hosts.splice(index, 1);
    } else if (cluster && key) clusterNamed(cluster)[key] = value(present);
    else if (plain && gone) delete clusterNamed(plain)[gone];
    else if (set === "set") this.#addresses[name] = "192.0.2.99";
    else if (set === "rm") delete this.#addresses[name];
  }
}

/** Inserts rows one after another at whoever takes the writes, until it is stopped. */
export class Rows {
  readonly #stack: string;
  /** Shell command that inserts row `n` on a host if this takes the writes, and fails otherwise. */
  readonly #insertion: (host: string, n: number) => string;
  /** The one that was good last is asked first. */
  #hosts: readonly string[];
  readonly #times: number[] = [];
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(stack: string, hosts: readonly string[], insertion: (host: string, n: number) => string) {
    this.#stack = stack;
    this.#hosts = hosts;
    this.#insertion = insertion;
    this.#running = this.#run();
  }

  async #insert(host: string): Promise<boolean> {
    try {
      return (await inside(this.#stack, host, this.#insertion(host, this.#times.length))).code === 0;
    } catch {
      return false; // It is not there yet, or no more.
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      for (const host of this.#hosts)
        if (await this.#insert(host)) {
          this.#times.push(Date.now());
          this.#hosts = [host, ...this.#hosts.filter((other) => other !== host)];
          break;
        }
      await pause(100);
    }
  }

  /** How many rows were acknowledged, and the longest time between two, seconds. */
  async stop(): Promise<{ count: number; gap: number }> {
    this.#stopped = true;
    await this.#running;
    const gaps = this.#times.slice(1).map((time, index) => time - (this.#times[index] ?? time));
    return { count: this.#times.length, gap: Math.max(...gaps) / 1000 };
  }
}
