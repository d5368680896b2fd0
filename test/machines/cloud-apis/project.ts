/** Pulumi projects in folders of their own, run by the real engine with the real providers against stand-ins of the clouds. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { FarmDeclaration, Inventory } from "../../../src/inventory/schema.ts";
import type { Settings } from "../../../src/shell/stack.ts";
import { type Result, run } from "../../../src/twin/machines/run.ts";
import { engineEnvironment, loseState } from "../engine-project.ts";
import { copyOfProgram, declare, ROOT } from "../lab-farm.ts";

/** Where the providers find their clouds, instead of on the internet, and with which token: variables of their environment. */
export type Endpoints = Readonly<Record<string, string>>;

/** A project with one stack and its own state. */
export class Project {
  /** All that the engine has said. */
  said = "";
  protected readonly dir: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(dir: string, endpoints: Endpoints) {
    this.dir = dir;
    this.#env = { ...engineEnvironment(dir), ...endpoints };
  }

  /** Runs the engine for at most 300 s, whatever its exit code is. */
  async pulumi(...argv: readonly string[]): Promise<Result> {
    const command = ["env", "-C", this.dir, "pulumi", "--non-interactive", ...argv];
    const result = await run(command, { env: this.#env, limit: 300 });
    this.said += result.stdout + result.stderr;
    return result;
  }

  loseState(): void {
    loseState(this.dir);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

/** What a farm declares at its clouds alone, which can be made and changed without the hosts being there. */
export class CloudsAlone extends Project {
  /** `program` is the file beside this one that registers it. */
  constructor(endpoints: Endpoints, program: string) {
    super(mkdtempSync(join(tmpdir(), "clouds-")), endpoints);
    const project = {
      name: "farms",
      main: "index.ts",
      runtime: { name: "nodejs", options: { typescript: false } },
    };
    const files = {
      "Pulumi.yaml": stringify(project),
      "package.json": JSON.stringify({ type: "module" }),
      "index.ts": `export * from ${JSON.stringify(join(import.meta.dirname, program))};\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.dir, name), text);
    symlinkSync(join(ROOT, "node_modules"), join(this.dir, "node_modules"));
  }

  /** What is declared from now on. */
  declare(inventory: Inventory): void {
    writeFileSync(join(this.dir, "inventory.json"), JSON.stringify(inventory));
  }
}

/** A copy of the whole program, with one farm more. */
export class WholeProgram extends Project {
  constructor(endpoints: Endpoints) {
    super(copyOfProgram(), endpoints);
  }

  /** Declares a farm and makes its stack, with settings that are no secrets. */
  async declare(stack: string, farm: FarmDeclaration, settings: Settings): Promise<void> {
    declare(this.dir, stack, JSON.stringify(farm));
    await this.configure(stack, settings);
  }

  /** The settings under `farms:` that lie in the repository for a stack. */
  settings(stack: string): Settings {
    const { config } = parse(readFileSync(this.#path(stack), "utf8")) as { config: Settings };
    return Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key.replace("farms:", ""), value]),
    );
  }

  /** Makes a stack with these settings and no others. */
  async configure(stack: string, settings: Settings): Promise<void> {
    rmSync(this.#path(stack), { force: true });
    await this.pulumi("stack", "init", stack);
    const path = this.#path(stack);
    const config = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`farms:${key}`, value]),
    );
    // The engine takes a day without quotes for a moment in time.
    const text = stringify({ config }, { defaultStringType: "QUOTE_DOUBLE" });
    writeFileSync(path, readFileSync(path, "utf8") + text);
  }

  readonly #path = (stack: string): string => join(this.dir, `Pulumi.${stack}.yaml`);
}
