/** SSH to the hosts of a farm: host keys pinned, guests through their Proxmox host, one connection a host kept open. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { lastLines, type Result, type RunOptions, run } from "../twin/machines/run.ts";
import { FarmError, Unreachable } from "./errors.ts";
import { writeWhole } from "./files.ts";

/** One end of a connection, in the words of the command provider's connection arguments. */
export interface End {
  readonly host: string;
  readonly hostKey?: string;
  readonly user?: string;
  readonly port?: number;
  /** Without one the SSH agent is asked, then the person's own files. */
  readonly privateKey?: string;
}

/** A host to reach, through `proxy` where there is one. */
export interface Target extends End {
  readonly proxy?: End;
}

/** Seconds until a connection counts as failed. */
const CONNECT_LIMIT = 10;
/** Seconds for which an unused connection is kept: long enough for a person's next command. */
const KEEP = 600;

/** Runs a command without input or output and returns its exit code, as soon as it has ended or gone behind. */
function silently(argv: readonly string[]): Promise<number> {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { stdio: "ignore", timeout: 3 * CONNECT_LIMIT * 1000 });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 255));
  });
}

/** Whether somebody listens on a Unix socket: what `ssh -O check` asks too, at the price of a process. */
function isListening(path: string): Promise<boolean> {
  const socket = createConnection(path);
  return new Promise((resolve) => {
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** A command as it runs where the hosts can be reached from. */
export type Wrap = (argv: readonly string[]) => readonly string[];

/** The open connections of one farm. They outlive the program, so that the next command finds them. */
export class SshPool {
  readonly #dir: string;
  readonly #wrap: Wrap;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #open = new Map<string, Promise<void>>();

  /**
   * `dir` is where keys and connections are kept, for this user alone; `wrap` is applied to every call of ssh;
   * `settings` are options of ssh_config(5) beside our own.
   */
  constructor(dir: string, wrap: Wrap, settings: Readonly<Record<string, string>> = {}) {
    this.#dir = dir;
    this.#wrap = wrap;
    this.#settings = settings;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Where the shared connection to an end is found. */
  #control({ host, hostKey = "" }: End): string {
    return join(this.#dir, `${host}-${createHash("sha256").update(hostKey).digest("hex").slice(0, 8)}`);
  }

  /** A file of ours by its content, so that the same key is written once. */
  #file(kind: string, content: string): string {
    const path = join(
      this.#dir,
      `${kind}-${createHash("sha256").update(content).digest("hex").slice(0, 12)}`,
    );
    const text = content.endsWith("\n") ? content : `${content}\n`;
    if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeWhole(path, text);
    return path;
  }

  #options(end: End): string[] {
    if (end.hostKey === undefined)
      throw new FarmError(
        `the connection to ${end.host} has no host key`,
        "pin it: a host is never trusted on first use",
      );
    const settings = {
      ControlPath: this.#control(end),
      UserKnownHostsFile: this.#file("known", `${end.host} ${end.hostKey}`),
      GlobalKnownHostsFile: "/dev/null",
      StrictHostKeyChecking: "yes",
      HostKeyAlgorithms: "ssh-ed25519",
      IdentitiesOnly: end.privateKey ? "yes" : "no",
      BatchMode: "yes",
      ConnectTimeout: String(CONNECT_LIMIT),
      ServerAliveInterval: "3",
      ServerAliveCountMax: "3",
      LogLevel: "ERROR",
      ...this.#settings,
      ...(end.privateKey ? { IdentityFile: this.#file("key", end.privateKey) } : {}),
    };
    return ["-F", "none", ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
  }

  #command(target: Target): string[] {
    const { proxy } = target;
    const jump = proxy
      ? ["-o", `ProxyCommand=ssh ${this.#options(proxy).join(" ")} -W %h:%p ${this.#name(proxy)}`]
      : [];
    return ["ssh", ...this.#options(target), ...jump];
  }

  #name(end: End): string {
    return `${end.user ?? "root"}@${end.host}`;
  }

  /** Opens the shared connection to a host unless it is open. Throws a FarmError that says why it can't. */
  async #connect(target: Target): Promise<void> {
    const known = this.#open.get(target.host);
    if (known) return known;
    const opening = (async () => {
      if (target.proxy) await this.#connect(target.proxy);
      const command = this.#wrap(this.#command(target));
      if (await isListening(this.#control(target))) return;
      // The master stays behind with whatever output it was given, so it gets none but a file.
      const log = join(this.#dir, `${target.host}.log`);
      const master = ["-f", "-N", "-M", "-o", `ControlPersist=${KEEP}`, "-E", log, this.#name(target)];
      writeFileSync(log, "");
      const code = await silently([...command, ...master]);
      if (code !== 0) {
        const why = lastLines(readFileSync(log, "utf8"), 3);
        throw new Unreachable(`no SSH connection to ${target.host}: ${why || `ssh ended with ${code}`}`);
      }
    })();
    this.#open.set(target.host, opening);
    opening.catch(() => this.#open.delete(target.host));
    return opening;
  }

  /**
   * Runs a shell command on a host and returns its exit code and output. `limit` is in seconds. `fresh` dials anew
   * instead of using the shared connection; a host that can't be reached then shows as exit code 255, as with ssh.
   * Throws a FarmError when the shared connection, or that to the Proxmox host on the way, can't be made.
   */
  async run(
    target: Target,
    command: string,
    { fresh, ...options }: Pick<RunOptions, "input" | "limit" | "onStderr"> & { fresh?: boolean } = {},
  ): Promise<Result> {
    if (!fresh) await this.#connect(target);
    else if (target.proxy) await this.#connect(target.proxy);
    const alone = fresh ? ["-o", "ControlPath=none"] : [];
    const [ssh = "", ...rest] = this.#command(target);
    const argv = this.#wrap([ssh, ...alone, ...rest]);
    return run([...argv, this.#name(target), command], { limit: 900, ...options });
  }

  /** The command that a person's terminal runs for a shell on a host (or for `argv` there). */
  async interactive(target: Target, argv: readonly string[]): Promise<string[]> {
    await this.#connect(target);
    return [
      ...this.#wrap(this.#command(target)),
      ...(argv.length > 0 ? [] : ["-t"]),
      this.#name(target),
      ...argv,
    ];
  }

  /** Forgets the kept connection to a host whose machine is gone. */
  async close(target: Target): Promise<void> {
    this.#open.delete(target.host);
    await run([...this.#wrap(this.#command(target)), "-O", "exit", this.#name(target)], {
      limit: 20,
    });
  }
}
