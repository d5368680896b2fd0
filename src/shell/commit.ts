/** Which commit of the program is at work. */
import { execFileSync } from "node:child_process";

/** The repository of the program, wherever it is called from. */
const root = new URL("../../", import.meta.url);

function git(...argv: string[]): string {
  return execFileSync("git", argv, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

/** How many commits lie between one, in the form of `presentCommit`, and HEAD; undefined when it is not known here. */
export function commitsSince(commit: string): number | undefined {
  const [name = ""] = commit.split("+");
  try {
    return Number(git("rev-list", "--count", "--end-of-options", `${name}..HEAD`));
  } catch {
    return undefined;
  }
}

/**
 * The commit that is checked out, 12 digits, with `+changes` when files differ from it. `unknown` where the program
 * is no git repository or there is no git.
 */
export function presentCommit(): string {
  try {
    const commit = git("rev-parse", "--short=12", "HEAD");
    return git("status", "--porcelain") === "" ? commit : `${commit}+changes`;
  } catch {
    return "unknown";
  }
}

/** The first line of the message of a commit as `presentCommit` writes it; undefined where it is not known here. */
export function subjectOf(commit: string): string | undefined {
  const hash = /^([0-9a-f]{7,64})(\+changes)?$/.exec(commit)?.[1];
  if (hash === undefined) return undefined;
  try {
    return git("log", "-1", "--format=%s", hash, "--");
  } catch {
    return undefined;
  }
}
