/** `farm diff` in a repository of its own: as an ordinary user without a home, without network, engine or secret. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

const ROOT = join(import.meta.dirname, "../../..");
/** User and group nobody of Debian. */
const NOBODY = 65534;

const works = (argv: readonly string[]): boolean => spawnSync(argv[0] ?? "", argv.slice(1)).status === 0;

/** Who is root steps down to nobody, and where the kernel lets us has no network at all. Others are ordinary already. */
function wrapper(): string[] {
  if (process.getuid?.() !== 0) return [];
  const nobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  const offline = ["unshare", "--net", ...nobody];
  return [offline, nobody].find((argv) => works([...argv, process.execPath, "--version"])) ?? [];
}

const repository = mkdtempSync(join(tmpdir(), "farms-"));
/** Where the command makes its temporary folders: it must be empty after each. */
const temporary = join(repository, "tmp");
const programs = join(repository, "bin");
const first = wrapper();
const env = { PATH: programs, TMPDIR: temporary };

/** The programs that the command may need, and no others: no npm, no engine. */
function linkPrograms(): void {
  mkdirSync(programs);
  for (const name of ["git", "tar", "unshare", "setpriv"]) {
    const folder = (process.env.PATH ?? "").split(":").find((path) => existsSync(join(path, name)));
    if (folder) symlinkSync(join(folder, name), join(programs, name));
  }
}

/** Makes the repository nobody's. Before any link stands in it: a walk through all of it would follow them. */
function giveAway(): void {
  const entries = readdirSync(repository, { recursive: true, encoding: "utf8" });
  for (const path of ["", ...entries]) lchownSync(join(repository, path), NOBODY, NOBODY);
}

const run = (...argv: string[]) => {
  const [command = "", ...args] = [...first, ...argv];
  return spawnSync(command, args, { encoding: "utf8", env, cwd: repository });
};
const cli = [process.execPath, join(repository, "src/shell/cli.ts")];
const farm = (...argv: string[]) => {
  const result = run(...cli, ...argv);
  assert.deepEqual(readdirSync(temporary), [], "something is left in the temporary folder");
  return result;
};
function git(...argv: string[]): string {
  const who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"];
  const { status, stdout, stderr } = run("git", ...who, ...argv);
  assert.equal(status, 0, stderr);
  return stdout;
}
/** Edits a file of the working tree; gives back how to undo that. */
function edit(file: string, change: (text: string) => string): () => void {
  const path = join(repository, file);
  const text = readFileSync(path, "utf8");
  const changed = change(text);
  assert.notEqual(changed, text, `${file} is not changed`);
  writeFileSync(path, changed);
  return () => writeFileSync(path, text);
}
/** Commits what `change` does to the working tree on a branch of its own, and goes back to main. */
function commit(branch: string, change: () => void): void {
  git("checkout", "--quiet", "-b", branch);
  change();
  git("add", ".");
  git("commit", "--quiet", "--message", branch);
  git("checkout", "--quiet", "main");
}
/** Commits another program in place of the command line. */
const commitProgram = (branch: string, program: string) =>
  commit(branch, () => edit("src/shell/cli.ts", () => program));

test.before(() => {
  mkdirSync(temporary);
  const parts = ["package.json", "package-lock.json", "Pulumi.yaml", "Pulumi.lab.yaml", "src", "stacks"];
  for (const part of parts) cpSync(join(ROOT, part), join(repository, part), { recursive: true });
  writeFileSync(join(repository, ".gitignore"), "/node_modules\n/tmp\n/bin\n");
  if (first.length > 0) giveAway();
  linkPrograms();
  symlinkSync(join(ROOT, "node_modules"), join(repository, "node_modules"));
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "the farm");
});
test.after(() => rmSync(repository, { recursive: true }));

test("a change of comment and of order in the sources is no difference", () => {
  const undo = [
    edit(
      "src/roles/base.ts",
      (text) => `// Another comment.\n${text.replace("/** Whether others", "/** If others")}`,
    ),
    edit("stacks/lab.ts", (text) =>
      text.replace('["db1", "db2", "db3"]', '["db3", "db1", "db2"] /* why not */'),
    ),
    edit("Pulumi.lab.yaml", (text) => text.replace(/( {4}db1: \S+\n)( {4}db2: \S+\n)/, "$2$1")),
  ];
  const people = farm("diff", "HEAD");
  assert.deepEqual([people.status, people.stdout], [0, ""], people.stderr);
  assert.match(people.stderr, /compared with HEAD \([0-9a-f]{7}\) in \d+\.\d s: no difference\n$/);
  for (const restore of undo) restore();
});

test("a changed line of a role is a patch of the hosts that play it, and of no others", () => {
  const undo = edit("src/roles/web.ts", (text) =>
    text.replace("worker_connections 1024", "worker_connections 2048"),
  );
  const people = farm("diff", "HEAD");
  assert.equal(people.status, 1, people.stderr);
  assert.match(
    people.stdout,
    /^ {2}changed {3}2 hosts: web1, web2\n {2}order {5}web1; then web2\n\n=== web1, web2\n/m,
  );
  assert.match(people.stdout, /^-\s+worker_connections 1024;\n\+\s+worker_connections 2048;$/m);
  assert(!people.stdout.includes("\u001b"), "colours, and no terminal");

  const programs = farm("diff", "main", "lab", "--json");
  assert.equal(programs.status, 1);
  const { different, changed, groups } = JSON.parse(programs.stdout);
  assert.deepEqual([different, changed, groups.length], [true, ["web1", "web2"], 1]);
  assert.deepEqual(
    groups[0].changes.map((c: { name: string }) => c.name),
    ["file /etc/nginx/nginx.conf"],
  );

  const comment = farm("diff", "HEAD", "--markdown");
  assert.equal(comment.status, 1);
  assert.match(
    comment.stdout,
    /<details><summary><code>web1, web2<\/code><\/summary>\n\n```diff\n--- file \/etc\/nginx/,
  );
  undo();
});

test("a stack that only one side declares", () => {
  commit("second", () => {
    edit("stacks/declarations.ts", (text) => text.replace("= { lab,", "= { second: lab, lab,"));
    cpSync(join(repository, "Pulumi.lab.yaml"), join(repository, "Pulumi.second.yaml"));
  });
  const gone = farm("diff", "second", "second");
  assert.equal(gone.status, 1, gone.stderr);
  assert.match(gone.stdout, /second is no longer declared: all of it goes\n {2}gone {6}11 hosts: /);

  git("checkout", "--quiet", "second");
  const added = farm("diff", "main", "second", "--json");
  git("checkout", "--quiet", "main");
  assert.equal(added.status, 1, added.stderr);
  const there = JSON.parse(added.stdout);
  assert.deepEqual([there.from.declared, there.added.length, there.gone], [false, 11, []]);

  const neither = farm("diff", "main", "third");
  assert.deepEqual([neither.status, neither.stdout], [2, ""]);
  assert.match(neither.stderr, /no stack "third" is declared; there is: lab/);
});

test("what can't be compared ends with 2, one message, and nothing on stdout", () => {
  commitProgram("broken", 'throw new Error("no plan today");\n');
  commitProgram("silent", "");
  commitProgram(
    "writes",
    `import { writeFileSync } from "node:fs"; writeFileSync("${repository}/planted", "");\n`,
  );
  commit("other-packages", () => edit("package-lock.json", (text) => `${text}\n`));
  const wrong: [string, RegExp][] = [
    ["nonsense", /there is no commit "nonsense" here\n {2}name a commit, branch or tag/],
    ["--upload-pack=x", /unknown option/],
    ["broken", /the program of broken can't plan stack lab; it says:\n[\s\S]*Error: no plan today\n/],
    ["silent", /what the program of silent printed as its plan is none that can be compared/],
    ["writes", /can't plan stack lab; it says:\n[\s\S]*ERR_ACCESS_DENIED/],
    ["other-packages", /installing them aside[\s\S]*can't run npm/],
  ];
  for (const [revision, message] of wrong) {
    const { status, stdout, stderr } = farm("diff", revision);
    assert.deepEqual([status, stdout], [2, ""], `${revision}: ${stderr}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
  assert(!existsSync(join(repository, "planted")));
});

test("a declaration of ours that is wrong, or no TypeScript, is refused and no difference", () => {
  const wrong: [string, string, RegExp][] = [
    ['"web1", "web2"', '"web1", "web7"', /application pravka has a node "web7", which is no host/],
    ["export const lab", "export lab", /stacks\/lab\.ts:\d+\n/],
  ];
  for (const [right, slip, message] of wrong) {
    const undo = edit("stacks/lab.ts", (text) => text.replace(right, slip));
    const { status, stdout, stderr } = farm("diff", "main");
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, message);
    undo();
  }
});

test("interrupted, it leaves nothing behind", async () => {
  commitProgram("endless", "setInterval(() => {}, 1000);\n");
  const [command = "", ...args] = [...first, ...cli, "diff", "endless"];
  const child = spawn(command, args, { env, cwd: repository, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  // The link to the packages is the last thing made before the other program starts.
  const look = setInterval(() => {
    const [folder] = readdirSync(temporary);
    if (folder && readdirSync(join(temporary, folder)).includes("node_modules")) child.kill("SIGINT");
  }, 20);
  const code = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(look);
  assert.equal(code, 130, stderr);
  assert.match(stderr, /interrupted; nothing is left behind/);
  assert.deepEqual(readdirSync(temporary), []);
});

test("the checkout is as it was: its packages too, which the other commit's program had a link to", () => {
  assert.equal(git("status", "--porcelain"), "");
  assert.equal(git("worktree", "list").trim().split("\n").length, 1);
  assert(existsSync(join(ROOT, "node_modules/zod/package.json")));
});
