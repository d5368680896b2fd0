/** Asking the agent of one host, and understanding its answer. */
import { AGENT } from "../host/agent.ts";
import { FarmError, Unreachable } from "../shell/errors.ts";
import { lastLines } from "../twin/machines/run.ts";
import type { Farm } from "./farm.ts";

/** The agent's exit codes (src/host/agent/main.py), and those of a shell and of ssh. */
const REFUSED = 2;
const BUSY = 75;
const NOT_THERE = 127;
const UNREACHABLE = 255;

export interface AskOptions {
  /** Over a connection of its own, dialled now. */
  readonly fresh?: boolean;
  /** Seconds. */
  readonly limit?: number;
  /** Given what the agent says while it works. */
  readonly onProgress?: (part: Buffer) => void;
}

/** Why an answer is none. */
function failure(host: string, code: number, said: { error?: string }, stderr: string): FarmError {
  if (code === UNREACHABLE)
    return new Unreachable(
      `${host} gives no answer: ${lastLines(stderr, 2) || "the connection is lost"}`,
      "a change that was under way goes on without you; `history` shows how it ended",
    );
  if (code === NOT_THERE)
    return new FarmError(`${host} has no agent yet`, "it gets one when the farm is applied to it first");
  if (code === BUSY)
    return new FarmError(`${host}: ${said.error}`, "nothing was changed; try again when that run has ended");
  return new FarmError(
    `${host}: ${said.error ?? lastLines(stderr, 5)}`,
    undefined,
    code === REFUSED ? REFUSED : 1,
  );
}

/**
 * Runs a command of the agent's on a host and returns its answer. Throws a FarmError when the host can't be reached,
 * has no agent, is busy with another run, refuses (exit code 2) or fails.
 */
export async function askAgent<Answer>(
  farm: Farm,
  host: string,
  command: string,
  { fresh = false, limit = 60, onProgress }: AskOptions = {},
): Promise<Answer> {
  const { code, stdout, stderr } = await farm.ssh.run(farm.target(host), `${AGENT} ${command}`, {
    fresh,
    limit,
    ...(onProgress ? { onStderr: onProgress } : {}),
  });
  const line = lastLines(stdout, 1);
  const answer = line.startsWith("{") ? JSON.parse(line) : {};
  if (code !== 0) throw failure(host, code, answer, stderr);
  return answer;
}
