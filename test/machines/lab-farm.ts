/** The lab's twin for tests: brought up by the very command of the README, left running, put back after each fault. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { awaitHealth } from "../../src/twin/health.ts";
import { inNamespace } from "../../src/twin/machines/network.ts";
import { type Result, run } from "../../src/twin/machines/run.ts";

export const ROOT = join(import.meta.dirname, "../..");
/** Why a test that boots machines is skipped, or false when it is not. */
export const withoutRoot: string | false =
  process.getuid?.() === 0 ? false : "boots machines, which needs root";
/** Why a rehearsal of many minutes is skipped, or false when it is not. `npm test` is to end within an hour or so. */
export const unlessLong: string | false =
  withoutRoot ||
  (process.env.FARM_TEST_LONG ? false : "takes five to ten minutes more: FARM_TEST_LONG=1 npm test");

/** Runs `farm` as a person does. `limit` in seconds; `root` is another checkout of the program. */
export function farm(argv: readonly string[], limit = 900, root = ROOT): Promise<Result> {
  return run([join(root, "scripts/farm"), ...argv], { limit });
}

/**
 * Runs `farm` in a process group of its own and does something as soon as it prints a line, which it has to; returns its
 * exit code and its output, both streams in one.
 */
export async function farmUntil(
  argv: readonly string[],
  line: string,
  act: (pid: number) => unknown,
  root = ROOT,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(join(root, "scripts/farm"), argv, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let acted: Promise<unknown> | undefined;
  for (const pipe of [child.stdout, child.stderr])
    pipe.on("data", (chunk: Buffer) => {
      output += chunk;
      const { pid } = child;
      if (acted === undefined && output.includes(line) && pid !== undefined) acted = (async () => act(pid))();
    });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  assert(acted, `"${line}" was never printed:\n${output}`);
  await acted;
  return { code, output };
}

/** A copy of the program in a folder of its own, to be changed and removed again; npm packages are shared. */
export function copyOfProgram(): string {
  const copy = mkdtempSync(join(tmpdir(), "farms-"));
  for (const part of [
    "package.json",
    "package-lock.json",
    "Pulumi.yaml",
    "Pulumi.lab.yaml",
    "Pulumi.prod.yaml",
    "scripts",
    "src",
    "stacks",
  ])
    cpSync(join(ROOT, part), join(copy, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Changes one file of a copy; the change has to do something. */
export function editFile(copy: string, file: string, change: (text: string) => string): void {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  const changed = change(text);
  assert(changed !== text, `${file} is not changed`);
  writeFileSync(path, changed);
}

/** Changes one line of the proxy's configuration on edge hosts, without any effect but that it is another one. */
export function commentOnEdge(copy: string, comment: string): void {
  editFile(copy, "src/roles/edge/config.ts", (text) =>
    text.replace('"timeout http-keep-alive', `"# ${comment}", $&`),
  );
}

/** Declares one more farm in a copy of the program, by an expression in its language. */
export function declare(copy: string, stack: string, declaration: string): void {
  editFile(copy, "stacks/declarations.ts", (text) =>
    text.replace("= { lab,", `= { lab, ${stack}: ${declaration},`),
  );
}

/** A copy of the program whose lab has one more guest, extra1. */
export function copyWithExtraGuest(): string {
  const copy = copyOfProgram();
  const guest = `{ id: "extra1", site: "fsn1", origin: { kind: "guest", parent: "zhelezo1", vmid: 199 }, mesh: "10.80.0.99", memory: "1 GB", disk: "5 GB" },`;
  editFile(copy, "stacks/lab.ts", (text) => text.replace(/\n {2}\],\n\n {2}clusters:/, `\n${guest}$&`));
  editFile(copy, "Pulumi.lab.yaml", (text) =>
    text.replace("    edge1:", "    extra1: 10.90.0.99\n    edge1:"),
  );
  return copy;
}

/** Runs a shell command on a host; it has to succeed. */
export async function on(lab: TwinFarm, host: string, command: string, input?: string): Promise<string> {
  const { code, stdout, stderr } = await lab.ssh.run(
    lab.target(host),
    command,
    input === undefined ? {} : { input },
  );
  assert.equal(code, 0, `${host}: ${command}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Waits until every probe of every host says yes. Returns the seconds that took. */
export async function awaitGreen(lab: TwinFarm, limit: number): Promise<number> {
  const began = performance.now();
  await awaitHealth(lab, limit);
  return (performance.now() - began) / 1000;
}

/** A command at work: its lines of output so far, when it has ended by itself, or when `stop` ends it. */
export interface AtWork {
  lines(): string[];
  readonly ended: Promise<string[]>;
  stop(): Promise<string[]>;
}

/** Starts a command with these settings beside those of its environment. */
export function start(argv: readonly string[], env: NodeJS.ProcessEnv): AtWork {
  const [command = "", ...rest] = argv;
  const child = spawn(command, rest, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const lines = () => output.split("\n").slice(0, -1).filter(Boolean);
  const ended = new Promise<string[]>((resolve) => child.on("close", () => resolve(lines())));
  return {
    lines,
    ended,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** A program of this folder as a command. */
export const program = (name: string, args: readonly string[]): string[] => [
  process.execPath,
  join(import.meta.dirname, name),
  ...args,
];

/** A program of this folder at work inside a twin's network. */
export const client = (
  { stack }: TwinFarm,
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): AtWork => start(inNamespace(stack, program(name, args)), env);
