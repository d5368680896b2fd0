/** Faults of the lab's databases under load, each measured: what was refused, for how long, and what was lost. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hostOf } from "../../src/inventory/load.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { bootAgain, kill, powerCut } from "../../src/twin/machines/machine.ts";
import { readStatus } from "../../src/twin/status.ts";
import { client, on } from "./lab-farm.ts";

export const DATABASES = ["db1", "db2", "db3"];
const NAME = "pravka.lab.opplet.net";

interface Attempt {
  readonly title: string;
  readonly began: number;
  readonly ended: number;
  readonly acknowledged: boolean;
  readonly why: string;
}

export interface Measured {
  readonly attempts: number;
  readonly refused: number;
  readonly acknowledged: number;
  /** Longest time without an acknowledged write, seconds. */
  readonly gap: number;
  /** Acknowledged and not there afterwards. */
  readonly lost: number;
}

/** The host that takes the cluster's writes. */
export async function writerOf(lab: TwinFarm): Promise<string> {
  const { clusters } = await readStatus(lab);
  const writer = clusters.mariadb?.find((m) => m.writer)?.host;
  assert(writer, "no member takes the writes");
  return writer;
}

/** Longest time without an acknowledgement, seconds, up to the end: an attempt that hangs until then counts. */
const gapOf = (acknowledged: readonly number[], end: number): number => {
  const times = [...acknowledged, end];
  return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? time))) / 1000;
};

const after = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Pages under a prefix, as the wiki's table of pages has them. */
async function pages(lab: TwinFarm, prefix: string): Promise<Set<string>> {
  const query = `SELECT page_title FROM pravka.page WHERE page_title LIKE '${prefix}/%'`;
  const titles = await on(lab, await writerOf(lab), "mariadb --batch --skip-column-names", query);
  return new Set(titles.trim().split("\n"));
}

/**
 * Edits pages through the edge while `fault` happens, for `before` seconds before it (a steady stream to compare with)
 * and `afterwards` seconds after it.
 */
export async function underEdits(
  lab: TwinFarm,
  fault: () => Promise<void>,
  before = 4,
  afterwards = 12,
): Promise<Measured> {
  const prefix = `Stream${Date.now()}`;
  const [edge = ""] = lab.inventory.edge.hosts;
  const stream = client(lab, "edit-stream.ts", [hostOf(lab.inventory, edge).address, "80", NAME, prefix], {
    WIKI_PASSWORD: lab.keys.secret("password/mediawiki/pravka/admin"),
  });
  await after(before);
  await fault();
  await after(afterwards);
  const attempts = (await stream.stop()).map((line): Attempt => JSON.parse(line));
  const good = attempts.filter((a) => a.acknowledged);
  const there = await pages(lab, prefix);
  return {
    attempts: attempts.length,
    acknowledged: good.length,
    refused: attempts.length - good.length,
    gap: gapOf(
      good.map((a) => a.ended),
      attempts.at(-1)?.ended ?? 0,
    ),
    lost: good.filter((a) => !there.has(a.title)).length,
  };
}

/** Seconds of inserts: some for a steady stream, a fault, and about twice what the cluster needs to come back. */
const INSERTS = 45;
const BEFORE_FAULT = 3;

/** Inserts rows through web1's database proxy, one after another, while `fault` happens. */
export async function underInserts(lab: TwinFarm, fault: () => Promise<void>): Promise<Measured> {
  const table = `farm_drill_${Date.now()}`;
  await on(lab, await writerOf(lab), "mariadb pravka", `CREATE TABLE ${table} (n BIGINT PRIMARY KEY)`);
  const program = readFileSync(join(import.meta.dirname, "writer.php"), "utf8");
  await on(lab, "web1", "cat >/run/farm-writer.php", program);
  const password = lab.keys.secret("password/mariadb/pravka");
  const command = `FARM_SECONDS=${INSERTS} FARM_TABLE=${table} php /run/farm-writer.php`;
  const stream = on(lab, "web1", command, `${password}\n`);
  await after(BEFORE_FAULT);
  await fault();
  const lines = (await stream)
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  const good = lines.filter(([answer]) => answer === "ok");
  const rows = await on(
    lab,
    await writerOf(lab),
    "mariadb --batch --skip-column-names pravka",
    `SELECT n FROM ${table}`,
  );
  const there = new Set(rows.trim().split("\n"));
  await on(lab, await writerOf(lab), "mariadb pravka", `DROP TABLE ${table}`);
  await on(lab, "web1", "rm /run/farm-writer.php");
  return {
    attempts: lines.length,
    acknowledged: good.length,
    refused: lines.length - good.length,
    gap: gapOf(
      good.map(([, , time]) => Number(time)),
      Number(lines.at(-1)?.[2]),
    ),
    lost: good.filter(([, n = ""]) => !there.has(n)).length,
  };
}

/** Kills hosts' machines and asserts that they are dead: their addresses answer nothing. */
export async function killHosts(lab: TwinFarm, hosts: readonly string[]): Promise<void> {
  await kill("lab", hosts);
  await forget(lab, hosts);
}

/** Cuts the power of hosts: what they had not flushed is gone. */
export async function cutPower(lab: TwinFarm, hosts: readonly string[]): Promise<void> {
  await powerCut("lab", hosts);
  await forget(lab, hosts);
}

async function forget(lab: TwinFarm, hosts: readonly string[]): Promise<void> {
  await Promise.all(hosts.map((host) => lab.ssh.close(lab.target(host))));
}

/** Boots hosts again, all at once. */
export async function bootHosts(hosts: readonly string[]): Promise<void> {
  await Promise.all(hosts.map((host) => bootAgain("lab", host)));
}

/** Takes all databases off at once by `fault`, and switches them on again. */
export async function offAndOn(lab: TwinFarm, fault: typeof killHosts): Promise<void> {
  await fault(lab, DATABASES);
  await bootHosts(DATABASES);
}
