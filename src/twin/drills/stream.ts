/** The stream of writes and reads under which a drill takes place: several clients on each application's host. */
import { type ChildProcess, spawn } from "node:child_process";
import { FarmError } from "../../shell/errors.ts";
import type { TwinFarm } from "../farm.ts";
import { lastLines, waitUntil } from "../machines/run.ts";
import type { DrilledCluster } from "./cluster.ts";
import type { Attempt, Outcome, Read, StreamRecord } from "./record.ts";

/** On each host, so that a write that one host acknowledged is looked for from the other. */
const WRITERS = 2;
const READERS = 1;
/** Seconds until a client that was told to stop has ended: it waits up to five for an answer. */
const STOP_LIMIT = 15;

interface Client {
  readonly name: string;
  readonly host: string;
  readonly process: ChildProcess;
  readonly output: string[];
  readonly errors: string[];
}

/** A stream that runs. */
export interface Stream {
  /** The record so far. */
  record(): StreamRecord;
  /** Waits until each writer has had a write acknowledged. Throws a FarmError that says what they got instead. */
  steady(): Promise<void>;
  /** Ends all clients and returns what they recorded. Throws a FarmError when one had ended before, on a host not in `broken`. */
  stop(broken: readonly string[]): Promise<StreamRecord>;
  /** Ends all clients at once, for when nobody wants their record any more. */
  abandon(): void;
}

const isRunning = ({ process }: Client): boolean => process.exitCode === null && process.signalCode === null;

async function startClient(
  farm: TwinFarm,
  { program }: DrilledCluster,
  host: string,
  table: string,
  role: "writer" | "reader",
  id: number,
): Promise<Client> {
  const [command = "", ...args] = await farm.ssh.interactive(farm.target(host), [program.command]);
  const process = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  const client: Client = { name: `${role} ${id} on ${host}`, host, process, output: [], errors: [] };
  for (const pipe of [process.stdout, process.stderr]) pipe.setEncoding("utf8");
  process.stdout.on("data", (text: string) => client.output.push(text));
  process.stderr.on("data", (text: string) => client.errors.push(text));
  process.on("error", (error) => client.errors.push(error.message));
  // One that has ended is found out by its exit code.
  process.stdin.on("error", () => {});
  process.stdin.write(`${program.task(table, role, id)}\n`);
  return client;
}

type Line =
  | ["w", writer: number, n: number, began: number, ended: number, outcome: Outcome, error: string]
  | ["r", reader: number, began: number, ended: number, seen: Read["seen"], error: string];

/** The complete lines of a client; a machine that is killed may leave half of one. */
function linesOf({ output }: Client): Line[] {
  const text = output.join("");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter(Boolean)
    .map((line): Line => JSON.parse(line));
}

function recordOf(clients: readonly Client[]): StreamRecord {
  const attempts: Attempt[] = [];
  const reads: Read[] = [];
  for (const line of clients.flatMap(linesOf)) {
    if (line[0] === "w") {
      const [, writer, n, began, ended, outcome, error] = line;
      attempts.push({ writer, n, began, ended, outcome, error });
    } else {
      const [, reader, began, ended, seen, error] = line;
      reads.push({ reader, began, ended, seen, error });
    }
  }
  return { attempts, reads };
}

async function stopAll(clients: readonly Client[]): Promise<void> {
  for (const { process } of clients) process.stdin?.end();
  await waitUntil(
    () => !clients.some(isRunning),
    STOP_LIMIT,
    () =>
      `not ended ${STOP_LIMIT} s after being told to: ${clients
        .filter(isRunning)
        .map((c) => c.name)
        .join(", ")}`,
  );
}

/** Starts two writers and a reader on each of the cluster's client hosts. */
export async function startStream(farm: TwinFarm, cluster: DrilledCluster, table: string): Promise<Stream> {
  const roles = [...Array(WRITERS).fill("writer"), ...Array(READERS).fill("reader")] as (
    | "writer"
    | "reader"
  )[];
  const wanted = cluster.clients.flatMap((host) => roles.map((role) => ({ host, role })));
  const clients = await Promise.all(
    wanted.map(({ host, role }, index) => startClient(farm, cluster, host, table, role, index + 1)),
  );
  const record = (): StreamRecord => recordOf(clients);
  const writers = cluster.clients.length * WRITERS;

  return {
    record,

    async steady() {
      const writing = (): number =>
        new Set(record().attempts.flatMap((a) => (a.outcome === "ok" ? [a.writer] : []))).size;
      const why = (): string => {
        const { attempts } = record();
        const errors = [...clients.flatMap((c) => c.errors), ...attempts.map((a) => a.error)].filter(Boolean);
        return lastLines(errors.join("\n"), 3) || "they have no answer";
      };
      await waitUntil(
        () => writing() === writers,
        5,
        () => `only ${writing()} of ${writers} writers get their writes acknowledged: ${why()}`,
      );
    },

    async stop(broken) {
      const early = clients.filter((client) => !isRunning(client) && !broken.includes(client.host));
      await stopAll(clients);
      if (early.length > 0)
        throw new FarmError(
          early.map((c) => `${c.name} ended too early: ${lastLines(c.errors.join(""), 3)}`).join("\n"),
        );
      return record();
    },

    // The program on the host ends with its input.
    abandon() {
      for (const { process } of clients) process.kill("SIGKILL");
    },
  };
}
