/** What the program says of a change of its sources, in a repository of its own: as the CI asks it for a pull request. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hunks } from "../../src/plan/patch.ts";

const ROOT = join(import.meta.dirname, "../..");
const PARTS = ["package.json", "package-lock.json", "Pulumi.yaml", "Pulumi.lab.yaml", "Pulumi.prod.yaml"];
/** What the last shown commit is called: it is another one at each change of any file. */
const COMMIT = "0123456";

/** A change of one file: a text that stands in it once, and what is written in its place. */
export interface Edit {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/** What a command printed. */
export interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** All that author and reviewer see of a change. */
export interface Seen {
  /** The change itself, as a patch without the numbers of its lines. */
  readonly patch: string;
  /** `farm diff main STACK --markdown`: the comment. */
  readonly comment: Said;
  /** `farm policy STACK`. */
  readonly policy: Said;
}

function run(command: string, argv: readonly string[], cwd: string): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].on("data", (chunk: Buffer) => {
        said[stream] += chunk;
      });
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...said, code: code ?? 1 }));
  });
}

/** Writes the change; returns it as a patch. Throws an Error where the text is not there, or more than once. */
function write(repository: string, { file, before, after }: Edit): string {
  const path = join(repository, file);
  const text = readFileSync(path, "utf8");
  if (text.split(before).length !== 2) throw new Error(`${file} has not once: ${before}`);
  const changed = text.replace(before, () => after);
  writeFileSync(path, changed);
  const lines = hunks(text, changed, "").replace(/^@@ .*\n/gm, "");
  return `--- ${file}\n+++ ${file}\n${lines}`;
}

/** Applies a change to the sources as they are, and asks what it means for a stack. */
export async function see(edit: Edit, stack: string): Promise<Seen> {
  const repository = mkdtempSync(join(tmpdir(), "farms-"));
  try {
    for (const part of [...PARTS, "src", "stacks"])
      cpSync(join(ROOT, part), join(repository, part), { recursive: true });
    writeFileSync(join(repository, ".gitignore"), "/node_modules\n");
    symlinkSync(join(ROOT, "node_modules"), join(repository, "node_modules"));
    const who = [
      "-c",
      "user.name=Author",
      "-c",
      "user.email=author@example.org",
      "-c",
      "init.defaultBranch=main",
    ];
    for (const argv of [
      ["init", "--quiet"],
      ["add", "."],
      ["commit", "--quiet", "--message", "before"],
    ]) {
      const { code, stderr } = await run("git", [...who, ...argv], repository);
      if (code !== 0) throw new Error(`git ${argv[0]}: ${stderr}`);
    }
    const patch = write(repository, edit);
    const farm = (...argv: string[]): Promise<Said> =>
      run(
        process.execPath,
        ["--disable-warning=ExperimentalWarning", join(repository, "src/shell/cli.ts"), ...argv],
        repository,
      );
    const comment = await farm("diff", "main", stack, "--markdown");
    const policy = await farm("policy", stack);
    return {
      patch,
      comment: { ...comment, stdout: comment.stdout.replace(/\([0-9a-f]{7}\)/, `(${COMMIT})`) },
      policy,
    };
  } finally {
    rmSync(repository, { recursive: true });
  }
}
