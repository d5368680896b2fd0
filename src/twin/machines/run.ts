import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { FarmError } from "../../shell/errors.ts";

export type Result = { code: number; stdout: string; stderr: string };

export type RunOptions = {
  /** Given to the command on its standard input; without it the input is empty. */
  input?: string | Uint8Array;
  env?: NodeJS.ProcessEnv;
  /** Given each part of the command's standard error as it comes. */
  onStderr?: (part: Buffer) => void;
  /** Seconds after which the command is killed and a FarmError thrown; 60 unless given. */
  limit?: number;
  /** Ends the command early; the promise then rejects, once the command is gone. */
  signal?: AbortSignal;
};

/**
 * Runs a command and returns its exit code and output, whatever the code is.
 * Throws a FarmError when the command can't be started or takes longer than its limit.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  const [command = "", ...args] = argv;
  const limit = options.limit ?? 60;
  const child = spawn(command, args, {
    env: options.env ?? process.env,
    stdio: ["pipe", "pipe", "pipe"],
    signal: options.signal,
    killSignal: "SIGKILL",
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => {
    err.push(chunk);
    options.onStderr?.(chunk);
  });
  // A command may end without reading all its input; its exit code says whether that was a failure.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");

  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limit * 1000);
  try {
    let failure: FarmError | undefined;
    child.on("error", (error) => {
      failure = new FarmError(`can't run ${command}: ${error.message}`);
    });
    const code = await new Promise<number>((resolve) => {
      child.on("close", (status) => resolve(status ?? 255));
    });
    if (failure) throw failure;
    if (late) throw new FarmError(`"${argv.join(" ")}" took longer than ${limit} s and was stopped`);
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a command that has to succeed and returns its standard output.
 * @param purpose what the command was for, in the words of a message: "build the image"
 * Throws a FarmError with the last lines the command wrote otherwise.
 */
export async function must(
  purpose: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code === 0) return stdout;
  throw new FarmError(`can't ${purpose}: ${lastLines(stderr || stdout, 5) || `exit code ${code}`}`);
}

/** The last `count` lines of a text that aren't empty. */
export function lastLines(text: string, count: number): string {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .join("\n");
}

/**
 * Looks every 10 ms whether something has come true, because the kernel offers nothing to wait on for it.
 * @param limit seconds; after them a FarmError with the given message
 */
export async function waitUntil(
  isTrue: () => boolean | Promise<boolean>,
  limit: number,
  message: () => string,
): Promise<void> {
  const end = performance.now() + limit * 1000;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new FarmError(message());
    await pause(10);
  }
}
