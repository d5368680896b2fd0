/** The lab under what its users do, all at once: page edits through the edge, rows through web1's proxy. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { TestContext } from "node:test";
import type { Checked } from "../../src/twin/drills/record.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { insideMachine } from "../../src/twin/machines/inside.ts";
import { underEdits, writerOf } from "./faults.ts";
import { on } from "./lab-farm.ts";

/**
 * Inserts a row ten times a second from web1, over one connection that it keeps, with one retry over another when there
 * is no answer within 5 s; prints for each the milliseconds since 1970 at which it was acknowledged, or 0. A retry of
 * what was done already is no error. Ends with its input, whose first line is the password.
 */
const INSERTS = `mysqli_report(0);
$password = trim(fgets(STDIN));
$connect = function () use ($password) {
  $db = mysqli_init();
  mysqli_options($db, MYSQLI_OPT_CONNECT_TIMEOUT, 5);
  mysqli_options($db, MYSQLI_OPT_READ_TIMEOUT, 5);
  return @mysqli_real_connect($db, "127.0.0.1", "pravka", $password, "pravka") ? $db : null;
};
$db = $connect();
stream_set_blocking(STDIN, false);
for ($n = 1; !feof(STDIN); $n++, fgets(STDIN)) {
  $insert = "INSERT IGNORE INTO farm_rows VALUES ($n)";
  $done = $db && @mysqli_query($db, $insert) || ($db = $connect()) && @mysqli_query($db, $insert);
  echo $done ? (int)(microtime(true) * 1000) : 0, "\\n";
  usleep(100000);
}`;

export interface Inserted {
  readonly tried: number;
  readonly refused: number;
  /** Rows that were acknowledged and are not there. */
  readonly lost: number;
  /** Longest time without an acknowledged row, seconds. */
  readonly gap: number;
}

/** What the cluster's present writer answers; whatever is done to one member, there has to be one. */
const atWriter = async (lab: TwinFarm, statements: string): Promise<string> =>
  on(lab, await writerOf(lab), "mariadb -BN pravka", statements);

/** Inserts rows while something happens, with the password that is good before it. */
export async function underInserts(lab: TwinFarm, change: () => Promise<void>): Promise<Inserted> {
  await atWriter(lab, "CREATE OR REPLACE TABLE farm_rows (n BIGINT PRIMARY KEY)");
  // Not over SSH, which is among what is changed: an application's requests don't come that way either.
  const [command = "", ...args] = insideMachine(lab.stack, "web1", ["php", "-r", INSERTS]);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.stdin.write(`${lab.keys.secret("password/mariadb/pravka")}\n`);
  try {
    await change();
  } finally {
    child.stdin.end();
    await ended;
  }
  const times = output.trim().split("\n").map(Number);
  const good = times.filter((time) => time > 0);
  const rows = await atWriter(
    lab,
    "SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*) FROM farm_rows; DROP TABLE farm_rows",
  );
  return {
    tried: times.length,
    refused: times.length - good.length,
    lost: good.length - Number(rows),
    gap: Math.max(0, ...good.slice(1).map((time, index) => time - (good[index] ?? time))) / 1000,
  };
}

export interface Load {
  readonly edits: Checked;
  readonly rows: Inserted;
}

/** What came of both streams while `work` was done. */
export async function underLoad(lab: TwinFarm, work: () => Promise<void>): Promise<Load> {
  let rows: Inserted | undefined;
  const edits = await underEdits(
    lab,
    async () => {
      rows = await underInserts(lab, work);
    },
    3,
    5,
  );
  assert(rows);
  return { edits, rows };
}

/** Tells the figures, and asserts that users noticed nothing that one retry did not mend, and lost nothing. */
export function assertUnnoticed(t: TestContext, what: string, { edits, rows }: Load): void {
  t.diagnostic(
    `${what}: edits: ${edits.attempts - edits.acknowledged} of ${edits.attempts} failed, ${edits.failedTwice} also when tried again, ` +
      `longest gap ${edits.gap.toFixed(1)} s; rows: ${rows.refused} of ${rows.tried} refused twice, longest gap ${rows.gap.toFixed(1)} s`,
  );
  assert(edits.acknowledged > 10 && rows.tried > 20, "both went on");
  assert.deepEqual([edits.failedTwice, rows.refused], [0, 0], JSON.stringify(edits.errors));
  assert.deepEqual([edits.lost, rows.lost], [0, 0]);
  assert(edits.gap < 5 && rows.gap < 5, "a gap that users notice");
}
