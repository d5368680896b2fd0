/** `farm rollback`: a host is brought back to a bundle that was applied to it before. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { FarmError } from "../shell/errors.ts";
import { askAgent } from "./ask-agent.ts";
import { type Farm, namedHost } from "./farm.ts";
import type { KeptBundle } from "./history.ts";

/** Seconds for all that a change may need, there and back: packages and units (GO_BACK_PATIENCE of the agent), probes. */
const CHANGE_LIMIT = 9_500;
/** Seconds; the host undoes after 60 what nobody has confirmed. */
const CONFIRM_LIMIT = 50;

interface Preview extends KeptBundle {
  readonly differences: readonly string[];
  readonly diff: string;
}

interface Done {
  readonly changes: readonly string[];
  /** Seconds within which the change has to be confirmed over a new connection, where it has to be. */
  readonly unconfirmed?: number;
}

function describe(host: string, { number, sha256, commit, at, differences, diff }: Preview): string {
  const what = `${host}, to bundle ${number} (${sha256.slice(0, 12)}, commit ${commit}, applied ${at}):`;
  const lines = differences.map((line) => `  ${line}`);
  return `${[what, ...lines, diff.trimEnd()].filter(Boolean).join("\n")}\n`;
}

async function askPerson(host: string): Promise<void> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D close it, which is an answer too.
  const nothing = once(prompt, "close").then(() => "");
  const answer = prompt.question(`Type ${host} to go ahead: `).catch(() => "");
  const typed = await Promise.race([answer, nothing]);
  prompt.close();
  if (typed.trim() !== host) throw new FarmError("nothing was changed: its name was not typed", undefined, 2);
}

async function confirm(farm: Farm, host: string, sha256: string): Promise<void> {
  try {
    await askAgent(farm, host, `confirm ${sha256}`, { fresh: true, limit: CONFIRM_LIMIT });
  } catch (error) {
    throw new FarmError(
      `the change is made, but could not be confirmed over a new connection: ${(error as Error).message}`,
      `${host} undoes it by itself within a minute, and goes on as it was before`,
    );
  }
}

/**
 * Shows what a rollback of a host to the bundle of that number would change; makes it so when the person has typed the
 * host's name, or `yes`; confirms it where the host wants that. Throws a FarmError: with exit code 2 when nothing was
 * touched, because nobody can be asked or the host has no such bundle; with 1 when the host is back in its former
 * state or can't be reached.
 */
export async function rollback(farm: Farm, name: string, number: number, yes: boolean): Promise<void> {
  const { id } = namedHost(farm, name);
  if (!yes && !process.stdin.isTTY)
    throw new FarmError(
      "there is no terminal to ask whether to go ahead",
      "--yes goes ahead without asking",
      2,
    );
  const preview = await askAgent<Preview>(farm, id, `rollback --check ${number}`);
  process.stdout.write(describe(id, preview));
  if (preview.number === 0 && preview.differences.length === 0) {
    process.stdout.write("that is what it is; nothing to do\n");
    return;
  }
  if (!yes) await askPerson(id);

  const began = performance.now();
  // By its hash: somebody else's change would have given the bundles other numbers meanwhile.
  const done = await askAgent<Done>(farm, id, `rollback ${preview.sha256}`, {
    limit: CHANGE_LIMIT,
    onProgress: (part) => process.stderr.write(part),
  });
  if (done.unconfirmed !== undefined) await confirm(farm, id, preview.sha256);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const confirmed = done.unconfirmed === undefined ? "" : ", confirmed over a new connection";
  process.stdout.write(
    `${id} is at bundle ${preview.sha256.slice(0, 12)} of commit ${preview.commit}: ${done.changes.length} changes in ${seconds} s${confirmed}\n`,
  );
  if (preview.number !== 0)
    process.stdout.write(
      `The declaration still says otherwise. Revert or mend the commit that said so: the next change of ${id} brings back all that is declared.\n` +
        `Forward again: rollback ${id} 1\n`,
    );
}
