/** A copy of the project for the real engine, with a state of its own, inside a twin's network. Needs `pulumi` on the PATH. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { type Result, run } from "../../src/twin/machines/run.ts";
import { commentOnEdge, editFile, ROOT } from "./lab-farm.ts";

/** Why a test with the real engine is skipped, or false when it is not. */
export const withoutEngine: string | false =
  (await run(["sh", "-c", "command -v pulumi"])).code === 0 ? false : "no `pulumi` on the PATH";

/** Secret settings go to the engine by stdin, the others into the stack's file. */
const SECRETS = ["masterKey", "privateKey"];

/** What the engine is given: its state in a folder, its programs first those of the checkout. */
export const engineEnvironment = (dir: string): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${ROOT}/node_modules/.bin:${process.env.PATH}`,
  PULUMI_BACKEND_URL: `file://${dir}`,
  PULUMI_CONFIG_PASSPHRASE: "of this test alone",
  PULUMI_SKIP_UPDATE_CHECK: "true",
});

/** Loses a state as a folder is lost with its laptop; what is in the repository stays. */
export const loseState = (dir: string): void => rmSync(join(dir, ".pulumi"), { recursive: true });

export class Project {
  readonly stack: string;
  /** The copy. */
  readonly dir: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `dir` is a copy of the program, whose owner this becomes. Neither the checkout nor a real state is touched. */
  constructor(stack: string, dir: string) {
    this.stack = stack;
    this.dir = dir;
    this.#env = engineEnvironment(dir);
  }

  /** Runs the engine inside the twin's network. `limit` in seconds. */
  ask(argv: readonly string[], input?: string, limit = 300): Promise<Result> {
    const command = ["env", "-C", this.dir, "pulumi", "--non-interactive", ...argv];
    const options = { env: this.#env, limit, ...(input === undefined ? {} : { input }) };
    return runInNamespace(this.stack, command, options);
  }

  /** As `ask`; it has to succeed. Returns what it prints. */
  async pulumi(argv: readonly string[], input?: string, limit?: number): Promise<string> {
    const { code, stdout, stderr } = await this.ask(argv, input, limit);
    assert.equal(code, 0, `${argv.join(" ")}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Makes the stack, with the settings of its twin. */
  async configure({ settings }: TwinFarm): Promise<void> {
    await this.pulumi(["stack", "init", this.stack]);
    const path = join(this.dir, `Pulumi.${this.stack}.yaml`);
    const file = parse(readFileSync(path, "utf8"));
    for (const [key, value] of Object.entries(settings))
      if (!SECRETS.includes(key)) file.config[`farms:${key}`] = value;
    writeFileSync(path, stringify(file));
    for (const key of SECRETS)
      await this.pulumi(["config", "set", "--secret", `farms:${key}`], String(settings[key]));
  }

  loseState(): void {
    loseState(this.dir);
  }

  edit(file: string, change: (text: string) => string): void {
    editFile(this.dir, file, change);
  }

  commentOnEdge(comment: string): void {
    commentOnEdge(this.dir, comment);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}
