/** Faults of the lab for tests and figures: drills, and the same check of a stream of page edits, as users see it. */
import assert from "node:assert/strict";
import { edgeHosts } from "../../src/inventory/domains.ts";
import { hostOf } from "../../src/inventory/load.ts";
import { drilledCluster } from "../../src/twin/drills/cluster.ts";
import { type Drill, drillNamed } from "../../src/twin/drills/drills.ts";
import { type Attempt, type Checked, type Copy, checkRecord, rowKey } from "../../src/twin/drills/record.ts";
import { type Run, runDrill, setScene } from "../../src/twin/drills/run.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { bootAgain, kill } from "../../src/twin/machines/machine.ts";
import { client, on } from "./lab-farm.ts";

/** The wiki's first host name. */
function nameOf({ inventory, stack }: TwinFarm): string {
  const name = inventory.applications.find(({ id }) => id === "pravka")?.hostnames[0];
  assert(name, `${stack} has a wiki`);
  return name;
}

/** The host that takes the cluster's writes. */
export const writerOf = (lab: TwinFarm): Promise<string> => drilledCluster(lab).writer();

/** A drill by name, to be run or changed. */
export function realDrill(name: string): Drill {
  const drill = drillNamed(name);
  assert("fault" in drill, `${name} can't be done`);
  return drill;
}

/** Runs a drill once; the farm is healthy before and after it. */
export async function drilled(lab: TwinFarm, drill: Drill): Promise<Run> {
  const watch = { say: () => {}, signal: new AbortController().signal };
  return (await runDrill(await setScene(lab, drill, []), drill, watch)).run;
}

/** A run in one line. */
export const told = ({ checked: c, targets }: Pick<Run, "checked" | "targets">): string =>
  `${targets.join(", ")}: ${c?.acknowledged} of ${c?.attempts} acknowledged, longest gap ${c?.gap.toFixed(1)} s, ${c?.lost} lost`;

const after = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Pages under a prefix, as the wiki's table of pages on one member has them. */
async function pages(lab: TwinFarm, host: string, prefix: string): Promise<Copy> {
  const query = `SELECT page_title FROM pravka.page WHERE page_title LIKE '${prefix}/%'`;
  const titles = await on(lab, host, "mariadb --batch --skip-column-names", query);
  const numbers = titles.trim().split("\n").filter(Boolean);
  return { host, counts: new Map(numbers.map((title) => [rowKey(1, Number(title.split("/")[1])), 1])) };
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
): Promise<Checked> {
  const prefix = `Stream${Date.now()}`;
  const [edge = ""] = edgeHosts(lab.inventory);
  const stream = client(
    lab,
    "edit-stream.ts",
    [hostOf(lab.inventory, edge).address, "80", nameOf(lab), prefix],
    {
      WIKI_PASSWORD: lab.keys.secret("password/mediawiki/pravka/admin"),
    },
  );
  let lines: string[] = [];
  let [from, to] = [0, 0];
  try {
    await after(before);
    from = Date.now();
    await fault();
    to = Date.now();
    await after(afterwards);
  } finally {
    lines = await stream.stop();
  }
  const attempts = lines.map((line): Attempt => JSON.parse(line));
  const copy = await pages(lab, await writerOf(lab), prefix);
  return checkRecord({ attempts, reads: [] }, [copy], { from, to });
}

/** Kills a host's machine. */
export async function killHost(lab: TwinFarm, host: string): Promise<void> {
  await kill(lab.stack, [host]);
  await lab.ssh.close(lab.target(host));
}

export const bootHost = (lab: TwinFarm, host: string): Promise<void> => bootAgain(lab.stack, host);
