/** How the twin answers `command:remote:Command`: it runs it over SSH, as the real provider (1.2.1) would. */
import { setTimeout as pause } from "node:timers/promises";
import { FarmError } from "../../shell/errors.ts";
import type { SshPool, Target } from "../../shell/ssh.ts";
import { lastLines, type Result } from "../machines/run.ts";
import type { Properties, ResourceRecord } from "./state.ts";

export const REMOTE_COMMAND = "command:remote:Command";

interface CommandInputs extends Properties {
  readonly connection: Target & { readonly dialErrorLimit?: number };
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly stdin?: string;
  readonly triggers?: readonly unknown[];
}

/** A machine boots, or shows the SSH host key of an interrupted turn, within this; milliseconds. */
const DIAL_LIMIT = 300_000;
const DIAL_AGAIN = 1000;

/** As the real provider, which dials until it gets through if it is told so. ssh ends with 255 when it does not. */
async function dial(
  ssh: SshPool,
  { connection }: CommandInputs,
  command: string,
  options: { input?: string },
): Promise<Result> {
  const end = performance.now() + (connection.dialErrorLimit === -1 ? DIAL_LIMIT : 0);
  for (;;) {
    // The real provider dials for each command, and a host may care: a change is confirmed over a new connection.
    const result = await ssh.run(connection, command, { ...options, fresh: true });
    if (result.code !== 255 || performance.now() >= end) return result;
    await pause(DIAL_AGAIN);
  }
}

async function execute(
  ssh: SshPool,
  name: string,
  inputs: CommandInputs,
  command: string,
): Promise<Properties> {
  const input = inputs.stdin === undefined ? {} : { input: inputs.stdin };
  const { code, stdout, stderr } = await dial(ssh, inputs, command, input);
  if (code !== 0)
    throw new FarmError(
      `${name} failed with exit code ${code} on ${inputs.connection.host}:\n${lastLines(stderr || stdout, 25)}`,
    );
  return { stdout: stdout.trimEnd(), stderr: stderr.trimEnd() };
}

/** Whether a change of inputs means another resource: the provider replaces on these two. */
const isReplacement = (before: CommandInputs, after: CommandInputs): boolean =>
  before.connection.host !== after.connection.host ||
  JSON.stringify(before.triggers) !== JSON.stringify(after.triggers);

/**
 * Makes or changes a command resource: runs `create` for a new one, `update` (or else `create`) for a changed one,
 * `delete` and `create` for one that is replaced. Returns its outputs. Throws a FarmError with the end of what the
 * command said when it fails.
 */
export async function applyCommand(
  ssh: SshPool,
  name: string,
  inputs: Properties,
  before: ResourceRecord | undefined,
): Promise<Properties> {
  const after = inputs as CommandInputs;
  const former = before?.inputs as CommandInputs | undefined;
  let command = after.create;
  if (former !== undefined && isReplacement(former, after)) await deleteCommand(ssh, name, former);
  else if (former !== undefined) command = after.update ?? after.create;
  return { ...inputs, ...(command === undefined ? {} : await execute(ssh, name, after, command)) };
}

/** Runs the `delete` of a command resource that is no longer declared, if it has one. */
export async function deleteCommand(ssh: SshPool, name: string, inputs: Properties): Promise<void> {
  const former = inputs as CommandInputs;
  if (former.delete !== undefined) await execute(ssh, name, former, former.delete);
}
