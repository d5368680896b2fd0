import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stackLayout } from "./layout.ts";
import { type Call, commands, execCommand } from "./pct-commands.ts";
import { PctError, parseCall } from "./pct-options.ts";

/**
 * The other end of pct.py: answers `pct` on a machine that plays a Proxmox host. Its guests become sibling machines of
 * the twin; their configuration is kept with the stack and survives a kill of this program at any moment.
 */

type Answer = { to: 1 | 2; bytes: string } | { exit: number };

/**
 * What the machine of a Proxmox host needs as `binds` in order to have a `pct`; servePct() answers it.
 * @param node name of the host
 */
export function pctBinds(stack: string, node: string): string[] {
  const dir = socketDirectory(stack, node);
  mkdirSync(dir, { recursive: true });
  // A copy, because root in the machine may write to what is bound.
  copyFileSync(join(import.meta.dirname, "pct.py"), join(dir, "pct"));
  chmodSync(join(dir, "pct"), 0o755);
  return [`${dir}:/run/farm-twin-pct`, `${join(dir, "pct")}:/usr/sbin/pct`];
}

/**
 * Answers the calls of `pct` from one host for as long as this program runs, or until close().
 * @param node name of the host, which is what its guests' configuration paths show
 */
export async function servePct(stack: string, node: string): Promise<{ close(): Promise<void> }> {
  const socket = join(socketDirectory(stack, node), "pct.sock");
  mkdirSync(socketDirectory(stack, node), { recursive: true });
  rmSync(socket, { force: true });
  const queue = new Queue();
  const server = createServer((connection) => {
    // A caller that is killed needs no answer any more.
    connection.on("error", () => {});
    serve(stack, node, connection, queue);
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(socket, resolve);
  });
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** The directory is bound into the machine, not the socket itself: each run makes a new one in it. */
function socketDirectory(stack: string, node: string): string {
  return join(stackLayout(stack).state, "pct", node);
}

async function serve(stack: string, node: string, connection: Socket, queue: Queue): Promise<void> {
  const send = (answer: Answer) => connection.writable && connection.write(`${JSON.stringify(answer)}\n`);
  const print = (to: 1 | 2, bytes: Buffer) => send({ to, bytes: bytes.toString("base64") });
  const lines = createInterface({ input: connection })[Symbol.asyncIterator]();
  try {
    const { value } = await lines.next();
    const { argv, files } = JSON.parse(value ?? "{}");
    const call: Call = { ...parseCall(argv), stack, node, files };
    const command = commands[call.command];
    if (!command) {
      send({ exit: await execute(execCommand(call), connection, lines, print) });
      return;
    }
    print(1, Buffer.from(await queue.add(call.values.vmid ?? "", () => command(call))));
    send({ exit: 0 });
  } catch (error) {
    print(2, Buffer.from(`${error instanceof Error ? error.message : error}\n`));
    send({ exit: error instanceof PctError ? error.exitCode : 255 });
  } finally {
    connection.end();
  }
}

/** Runs a command with the caller's input and output; its exit code is the caller's. */
async function execute(
  argv: string[],
  connection: Socket,
  lines: AsyncIterator<string>,
  print: (to: 1 | 2, bytes: Buffer) => void,
): Promise<number> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdout.on("data", (bytes: Buffer) => print(1, bytes));
  child.stderr.on("data", (bytes: Buffer) => print(2, bytes));
  child.stdin.on("error", () => {});
  connection.on("close", () => child.kill());
  const feed = async () => {
    for (let { value } = await lines.next(); value !== undefined; { value } = await lines.next()) {
      const { input } = JSON.parse(value);
      if (input === null) break;
      child.stdin.write(Buffer.from(input, "base64"));
    }
    child.stdin.end();
  };
  feed();
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 255));
  });
}

/** One change of a guest at a time, as Proxmox's lock on its configuration file sees to. */
class Queue {
  readonly #last = new Map<string, Promise<unknown>>();

  add<T>(key: string, work: () => Promise<T>): Promise<T> {
    const next = (this.#last.get(key) ?? Promise.resolve()).then(work);
    this.#last.set(
      key,
      next.catch(() => {}),
    );
    return next;
  }
}
