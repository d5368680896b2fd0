/** The plan of another commit, made by that commit's own program in a folder of its own. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { must, run } from "../twin/machines/run.ts";
import { FarmError } from "./errors.ts";
import { notDeclared } from "./stack.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Seconds. When nothing is in npm's cache, all packages are downloaded. */
const INSTALL_LIMIT = 600;

export interface OtherPlan {
  /** The commit's complete hash. */
  readonly commit: string;
  /** What its `farm plan STACK --json` printed; undefined when it declares no such stack. */
  readonly json: string | undefined;
}

/** A way to end early, and the folder that everything goes into. */
interface Place {
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Gives `work` a temporary folder, and removes it however that ends: Ctrl-C and a polite kill wait for it too. */
async function inTemporaryFolder<T>(work: (place: Place) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals) => stop.abort(name);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, onSignal);
  const folder = mkdtempSync(join(tmpdir(), "farm-diff-"));
  try {
    return await work({ folder, signal: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    // 128 and the signal's number is what a shell says of a command that a signal ended.
    const number = constants.signals[stop.signal.reason as NodeJS.Signals];
    throw new FarmError("interrupted; nothing is left behind", undefined, 128 + number);
  } finally {
    // A link to the packages is removed as a link: what it leads to stays.
    rmSync(folder, { recursive: true, force: true });
    for (const name of signals) process.off(name, onSignal);
  }
}

/** The complete hash of a commit. Throws a FarmError (exit code 2) that says how to come by a commit that is not there. */
async function resolve(revision: string): Promise<string> {
  const git = ["git", "-C", ROOT];
  // Asked first, for git's own words when this is no repository or belongs to somebody else.
  await must("read the repository of this program", [...git, "rev-parse", "--git-dir"]);
  const argv = [...git, "rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`];
  const { code, stdout } = await run(argv);
  if (code === 0) return stdout.trim();
  throw new FarmError(
    `there is no commit "${revision}" here`,
    "name a commit, branch or tag (git log --oneline shows them); one that only the server has is fetched first: git fetch origin main, then origin/main",
    2,
  );
}

async function unpack(commit: string, { folder, signal }: Place): Promise<void> {
  const archive = join(folder, "sources.tar");
  const purpose = `unpack the sources of ${commit}`;
  await must(purpose, ["git", "-C", ROOT, "archive", "--format=tar", `--output=${archive}`, commit], {
    signal,
  });
  await must(purpose, ["tar", "--extract", "--no-same-owner", `--file=${archive}`, `--directory=${folder}`], {
    signal,
  });
}

function sameFile(a: string, b: string): boolean {
  try {
    return readFileSync(a).equals(readFileSync(b));
  } catch {
    return false;
  }
}

/** The lines that a program that failed wrote, indented, without those that tell people nothing. */
function lines(stderr: string, idle: RegExp): string[] {
  return stripVTControlCharacters(stderr)
    .split("\n")
    .filter((line) => line.trim() !== "" && !idle.test(line))
    .map((line) => `  ${line}`);
}

/** The npm packages that a commit asks for: ours where it asks for the same ones. No script of a package is run. */
async function packages(
  revision: string,
  { folder, signal }: Place,
  say: (text: string) => void,
): Promise<void> {
  if (sameFile(join(folder, "package-lock.json"), join(ROOT, "package-lock.json"))) {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    return;
  }
  say(`the npm packages of ${revision} are others than ours: installing them aside, about half a minute`);
  const options = "--ignore-scripts --omit=dev --prefer-offline --no-audit --no-fund --loglevel=error".split(
    " ",
  );
  const argv = ["npm", "ci", "--prefix", folder, ...options];
  // npm wants a home for its cache; some build services have none.
  const env = { HOME: folder, ...process.env };
  const { code, stderr } = await run(argv, { limit: INSTALL_LIMIT, signal, env });
  if (code === 0) return;
  // npm begins with what is wrong, and goes on with its usage.
  const said = lines(stderr, /^npm error *$/).slice(0, 5);
  throw new FarmError(
    `the npm packages of ${revision} can't be installed; npm says:\n${said.join("\n")}`,
    undefined,
    2,
  );
}

/**
 * Makes the plan of `stack` at `revision` (whatever git knows a commit by) with the program of that commit. It may read
 * files but write none and start no program, and gets none of our environment.
 * @param say told of what takes longer
 * Throws a FarmError when there is no such commit, its packages can't be installed, or its program can't plan.
 */
export async function planAt(
  revision: string,
  stack: string,
  say: (text: string) => void,
): Promise<OtherPlan> {
  const commit = await resolve(revision);
  return inTemporaryFolder(async (place) => {
    await unpack(commit, place);
    await packages(revision, place, say);
    const program = join(place.folder, "src/shell/cli.ts");
    const node = [
      process.execPath,
      "--permission",
      "--allow-fs-read=*",
      "--disable-warning=ExperimentalWarning",
    ];
    const { code, stdout, stderr } = await run([...node, program, "plan", stack, "--json"], {
      env: {},
      signal: place.signal,
    });
    if (code === 0) return { commit, json: stdout };
    if (stderr.includes(notDeclared(stack))) return { commit, json: undefined };
    const said = lines(stderr, /^ {4}at |^Node\.js v/).slice(-10);
    throw new FarmError(
      `the program of ${revision} can't plan stack ${stack}; it says:\n${said.join("\n")}`,
      "a commit is compared by its own program: name one where `farm plan` works",
      2,
    );
  });
}
