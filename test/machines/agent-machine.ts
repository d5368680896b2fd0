import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { AGENT, agentText, INSTALL_AGENT } from "../../src/host/agent.ts";
import { bundle } from "../../src/host/bundle.ts";
import { file, unit } from "../../src/host/entries.ts";
import { merge } from "../../src/host/merge.ts";
import type { Contribution, UnitState } from "../../src/host/state.ts";
import { inMachine, insideMachine } from "../../src/twin/machines/inside.ts";
import type { Lock } from "../../src/twin/machines/lock.ts";
import { boot, bootAgain, powerCut, stop } from "../../src/twin/machines/machine.ts";
import { controllerAddress, inNamespace } from "../../src/twin/machines/network.ts";
import { must, run } from "../../src/twin/machines/run.ts";
import { closeStack, openStack } from "./own-stack.ts";

/** The one booted machine that a file of the agent's tests has, and the words in which they speak of it. */
const STACK = `${basename(process.argv[1] ?? "", ".test.ts")}-test`;
const RANGE = "10.93.0.0/24";
export const HOST = "farmhand";

export const skip = process.getuid?.() === 0 ? false : "needs root, to boot a machine";

const ADDRESS = "10.93.0.11";
/** Where the tests come in from. */
export const CONTROLLER = controllerAddress(RANGE);

let lock: Lock | undefined;
/** Where the key lies by which the tests come in, as administrators do. */
let keys = "";

export async function openMachine(): Promise<void> {
  lock = await openStack(STACK, RANGE, "the agent's tests");
  keys = mkdtempSync(join(tmpdir(), "farm-agent-test-"));
  await boot(STACK, {
    name: HOST,
    address: ADDRESS,
    prefixLength: 24,
    diskBytes: 2 * 2 ** 30,
    authorizedKeys: [await newKey("key")],
    fresh: true,
  });
  await sh(INSTALL_AGENT, agentText);
  const hostKey = await sh("cat /etc/ssh/ssh_host_ed25519_key.pub");
  writeFileSync(join(keys, "known_hosts"), `${ADDRESS} ${hostKey}\n`);
}

/** Makes a key by which tests come in; returns its public half. */
export async function newKey(name: string): Promise<string> {
  const file = join(keys, name);
  await must("make a key", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file]);
  return readFileSync(`${file}.pub`, "utf8").trim();
}

export async function closeMachine(): Promise<void> {
  if (lock === undefined) return;
  rmSync(keys, { recursive: true });
  await closeStack(STACK, lock);
}

/** Switches the machine off in order and on again. */
export async function restart(): Promise<void> {
  await stop(STACK, HOST);
  await bootAgain(STACK, HOST);
}

/** Cuts the power and gives it back: what was not synced is lost. */
export async function cutPower(): Promise<void> {
  await powerCut(STACK, [HOST]);
  await bootAgain(STACK, HOST);
}

/** Runs a shell script inside that has to succeed; returns its output without the last newline. */
export async function sh(script: string, input: string | Uint8Array = ""): Promise<string> {
  const { code, stdout, stderr } = await inMachine(STACK, HOST, ["/bin/sh", "-euc", script], {
    input,
    limit: 200,
  });
  assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
  return stdout.replace(/\n$/, "");
}

/** What the agent answers; see its docstring. */
export interface Report {
  readonly ok: boolean;
  readonly error?: string;
  readonly journal?: string;
  readonly changed?: boolean;
  readonly changes?: readonly string[];
  readonly differences?: readonly string[];
  readonly diff?: string;
  readonly left?: readonly string[];
  readonly wentBack?: boolean;
  /** Seconds within which the change has to be confirmed. */
  readonly unconfirmed?: number;
  readonly confirmed?: boolean;
  readonly inSync?: boolean;
  readonly healthy?: boolean;
  readonly unhealthy?: readonly string[];
  readonly units?: Readonly<Record<string, number>>;
  readonly applied?: string | null;
  readonly sha256?: string;
  readonly seconds: number;
}

export interface Answer {
  readonly code: number;
  readonly report: Report;
  /** Both streams: whatever a person or a log may get to see. */
  readonly output: string;
  readonly said: string;
}

export async function agent(args: string, input = ""): Promise<Answer> {
  const { code, stdout, stderr } = await inMachine(STACK, HOST, [AGENT, ...args.split(" ")], {
    input,
    limit: 300,
  });
  assert.match(stdout, /^\{.*\}\n$/, `not one line of JSON:\n${stdout}${stderr}`);
  return { code, report: JSON.parse(stdout), output: stdout + stderr, said: stderr };
}

/** The command line of ssh, up to the command that is to run; each makes a connection of its own. */
export function sshCommand(key = "key", account = "root"): string[] {
  const options = ["BatchMode=yes", "ConnectTimeout=5", `UserKnownHostsFile=${join(keys, "known_hosts")}`];
  return inNamespace(STACK, [
    ...["ssh", "-F", "none", "-i", join(keys, key)],
    ...options.flatMap((option) => ["-o", option]),
    `${account}@${ADDRESS}`,
  ]);
}

/** Comes in over a new connection and confirms a change. */
export async function confirm(sha256: string, options = ""): Promise<Answer> {
  const command = `${AGENT} confirm ${options} ${sha256}`;
  const { code, stdout, stderr } = await run([...sshCommand(), command], { limit: 120 });
  assert.match(stdout, /^\{.*\}\n$/, `not one line of JSON:\n${stdout}${stderr}`);
  return { code, report: JSON.parse(stdout), output: stdout + stderr, said: stderr };
}

/** Runs the agent where it has to succeed, and confirms what has to be confirmed. */
export async function good(args: string, input = ""): Promise<Report> {
  const { code, report, output } = await agent(args, input);
  assert.equal(code, 0, output);
  assert.equal(report.ok, true);
  if (report.unconfirmed === undefined) return report;
  const confirmed = await confirm(report.sha256 ?? "");
  assert.equal(confirmed.code, 0, confirmed.output);
  return report;
}

/** Starts the agent; `seen` is called with each line that it says, and may kill it, whole group and all. */
export function start(args: string, input: string, seen: (line: string, kill: () => void) => void) {
  const [command = "", ...rest] = insideMachine(STACK, HOST, [AGENT, ...args.split(" ")]);
  const child = spawn(command, rest, { detached: true, stdio: ["pipe", "ignore", "pipe"] });
  const ended = new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 137)));
  const kill = () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  createInterface({ input: child.stderr }).on("line", (line) => seen(line, kill));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return { ended, kill };
}

export { file, unit };

export type Wants = Omit<Contribution, "role">;

/** The bundle of this host with what the parts want; the secrets in it are of generation 1 unless told otherwise. */
export function bundleOf(parts: readonly Wants[], generations: Record<string, number> = {}): string {
  const contributions = parts.map((part, index) => ({ role: `role-${index}`, ...part }));
  const state = merge(HOST, contributions);
  const named = state.files.flatMap(({ content }) =>
    [...content.matchAll(/\$\{secret:([^}]+)\}/g)].map((m) => m[1]),
  );
  const secrets = [...named, ...state.databaseAccounts.map((account) => account.secret)];
  const first = Object.fromEntries(secrets.map((name) => [name, 1]));
  return bundle(state, new Map(Object.entries({ ...first, ...generations })));
}

/** An account of a person. */
export const OPS = {
  name: "t-ops",
  comment: "Ops",
  shell: "/bin/bash",
  home: "/home/t-ops",
  groups: ["adm"],
  system: false,
};

export const no = (name: string, command: string) => ({ name, command, within: 0 });

export const secrets = (values: Record<string, string>, generations: Record<string, number> = {}): string =>
  JSON.stringify({ host: HOST, secrets: values, generations });

/** A service of our own that notes each of its starts and reloads in files below /run. */
export function service(name: string, more: Partial<UnitState> = {}): Wants {
  const path = `/etc/systemd/system/${name}.service`;
  const content = `[Unit]
Description=Test service ${name}

[Service]
ExecStartPre=/bin/sh -c 'echo start >>/run/${name}.log'
ExecStart=/bin/sleep infinity
ExecReload=/bin/sh -c 'echo reload >>/run/${name}.log'

[Install]
WantedBy=multi-user.target
`;
  return {
    files: [file(path, content)],
    units: [unit(`${name}.service`, { ...more, restartOn: [path, ...(more.restartOn ?? [])] })],
  };
}

/** What matters of a host: every path with its owner, mode and hash, and what systemd and the kernel hold. */
export function listing(): Promise<string> {
  return sh(`
    find /etc /var/lib/farm /usr/sbin -xdev -not -type d -not -name '*-' -not -path /etc/.pwd.lock \\
      -printf '%p %y %#m %u:%g %l\\n' | sort
    find /etc /var/lib/farm /usr/sbin -xdev -type d -not -path '*/staged' -printf '%p %y %#m %u:%g\\n' | sort
    find /etc /var/lib/farm /usr/sbin -xdev -type f -not -name '*-' -print0 | sort -z | xargs -0 sha256sum
    ${SYSTEM}`);
}

/** The same of what the agent itself does not write while it works: for comparing before and after a way back. */
export function state(): Promise<string> {
  return sh(`
    find /etc -xdev -not -path '/etc/*-' -not -name .pwd.lock \\
      -printf '%p %y %#m %u:%g %l\\n' | sort
    find /etc -xdev -type f -not -name '*-' -print0 | sort -z | xargs -0 sha256sum
    find /var/lib/farm -type f -not -path '*/staged/*' -not -path '*/replaced/*' -not -name 'history.*' -not -path '*/bundles/*' -print0 | sort -z | xargs -0 sha256sum
    ${SYSTEM}`);
}

/** Two listings are the same; says only in which lines they are not. */
export function assertSame(now: string, before: string): void {
  const [a, b] = [now, before].map((text) => text.split("\n"));
  const extra = (a ?? []).filter((line) => !b?.includes(line)).map((line) => `now: ${line}`);
  const lost = (b ?? []).filter((line) => !a?.includes(line)).map((line) => `before: ${line}`);
  assert.deepEqual([...extra, ...lost], []);
}

const SYSTEM = `
    systemctl list-units --all --plain --no-legend --type=service,socket,timer | awk '{print $1, $2, $3, $4}' | grep ^t- | sort
    systemctl list-unit-files --no-legend | awk '{print $1, $2}' | sort
    sysctl -a 2>/dev/null | grep -E '^net.(core.somaxconn|ipv4.(ip_forward|tcp_fin_timeout))'`;
