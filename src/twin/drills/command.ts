/** `farm drill`: breaks the twin on purpose, puts it back, and tells what its users would have noticed and lost. */
import Table from "cli-table3";
import { FarmError } from "../../shell/errors.ts";
import { openRunningFarm, type TwinFarm } from "../farm.ts";
import { awaitHealth } from "../health.ts";
import { lockStack } from "../machines/lock.ts";
import { ensurePrerequisites } from "../machines/prerequisites.ts";
import { type DrilledCluster, drilledCluster } from "./cluster.ts";
import { type Drill, drillNamed, drills, drillsOf, type RefusedDrill } from "./drills.ts";
import type { Scene } from "./faults/fault.ts";
import { undoLeftFault, writtenFault } from "./left-over.ts";
import { terminalReport } from "./report.ts";
import { Results } from "./results.ts";
import { type Run, runDrill, setScene, type Watch } from "./run.ts";

/** Signals by which a person, a terminal that closes or a service manager ends a program. */
const ENDINGS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Seconds for the farm to be well after a run that failed, before the next one. */
const WELL_AGAIN = 120;

/** What one can ask for, as a table. */
export function listDrills(): string {
  const table = new Table({ head: ["drill", "what happens", "to", "of"], style: { head: [], border: [] } });
  for (const drill of drills) {
    table.push([
      drill.name,
      drill.title.en,
      drill.targets === "writer" ? "the writer" : "all members",
      drill.software ?? "any cluster",
    ]);
  }
  return `${table}\nAll in one: farm drill all. Another cluster than the first: --cluster NAME. Others than those: --target HOST…\n`;
}

/** Says each line with the seconds since the beginning; a reader that has gone is no reason to stop half-way. */
function teller(): (text: string) => void {
  const began = performance.now();
  process.stderr.on("error", () => {});
  return (text) => {
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
  };
}

/** Aborted by the first of the signals that end a program, which then do not end it. */
function onEnding(say: (text: string) => void): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const end = (): void => {
    if (!controller.signal.aborted) say("interrupted: undoing what is in force");
    controller.abort();
  };
  for (const name of ENDINGS) process.on(name, end);
  return {
    signal: controller.signal,
    dispose() {
      for (const name of ENDINGS) process.off(name, end);
    },
  };
}

const told = (run: Run): string => {
  if (run.failures.length > 0) return `FAILED: ${run.failures.join("; ")}`;
  const c = run.checked;
  return `passed: ${c?.gap.toFixed(1)} s without writes, ${c?.lost} of ${c?.acknowledged} acknowledged lost`;
};

/** One run. What goes wrong in it is its result, unless the run was interrupted or asked for in a wrong way. */
async function runOnce(
  farm: TwinFarm,
  cluster: DrilledCluster,
  drill: Drill,
  targets: readonly string[],
  watch: Watch,
  results: Results,
): Promise<void> {
  const began = new Date().toISOString();
  let scene: Scene | undefined;
  try {
    scene = await setScene(farm, drill, targets, cluster);
    const { run, record } = await runDrill(scene, drill, watch);
    watch.say(told(run));
    results.addRun(run, record);
  } catch (error) {
    if (watch.signal.aborted || !(error instanceof FarmError) || error.exitCode === 2) throw error;
    const nothing = { evidence: null, wholeAfter: null, checked: null };
    const hosts = scene?.targets ?? targets;
    const run = { drill: drill.name, targets: hosts, began, ...nothing, failures: [error.message] };
    watch.say(told(run));
    results.addRun(run);
    // One whose undoing failed is tried again; nothing more is broken on top of it.
    await undoLeftFault(farm);
    await awaitHealth(farm, WELL_AGAIN, { signal: watch.signal });
  }
}

interface Options {
  /** Name of the cluster; the first that is declared where none is given. */
  readonly cluster?: string;
  readonly targets: readonly string[];
  /** How often each drill is done. */
  readonly runs: number;
}

/** Does the drills that were asked for, one after another. */
async function runAll(
  farm: TwinFarm,
  cluster: DrilledCluster,
  asked: readonly (Drill | RefusedDrill)[],
  { targets, runs }: Options,
  watch: Watch,
  results: Results,
): Promise<void> {
  const left = await undoLeftFault(farm);
  if (left !== undefined) {
    watch.say(`undone, left by a drill that was killed: ${left}`);
    await awaitHealth(farm, WELL_AGAIN, { signal: watch.signal });
  }
  for (const drill of asked) {
    if (!("fault" in drill)) {
      results.addRefusal(drill.name, await drill.refusal(await setScene(farm, drill, targets, cluster)));
      continue;
    }
    for (let run = 1; run <= runs; run += 1) {
      watch.say(`── ${drill.name}, run ${run} of ${runs}`);
      await runOnce(farm, cluster, drill, targets, watch, results);
    }
  }
}

function finish(results: Results, began: number): number {
  const { runs, refused } = results.report;
  if (runs.length + refused.length === 0) return 1;
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  process.stdout.write(
    `${terminalReport(results.report)}\n${results.paths.join("\n")}\nDone in ${minutes} minutes.\n`,
  );
  return runs.length > 0 && runs.every((run) => run.failures.length === 0) ? 0 : 1;
}

/**
 * Does a drill, or all of them, and prints and stores what came of it. Returns the exit code: 0 when all was as
 * expected, 1 otherwise. Throws a FarmError for wrong input (exit code 2) and when it was interrupted, everything undone.
 * @param name of a drill, or "all"
 */
export async function drill(stack: string, name: string, options: Options): Promise<number> {
  if (name === "all" && options.targets.length > 0)
    throw new FarmError("each drill has targets of its own", "name targets for one drill, not for all", 2);
  const named = name === "all" ? undefined : drillNamed(name);
  const farm = await openRunningFarm(stack);
  const cluster = drilledCluster(farm, options.cluster);
  const asked = drillsOf(cluster.software).filter((drill) => named === undefined || drill === named);
  if (asked.length === 0)
    throw new FarmError(
      `${name} is a drill of ${named?.software}, and ${cluster.id} is ${cluster.software}`,
      "name another cluster: --cluster NAME",
      2,
    );
  await ensurePrerequisites();
  const began = performance.now();
  const lock = await lockStack(stack, `farm drill ${name}`);
  const say = teller();
  const { signal, dispose } = onEnding(say);
  const results = new Results(stack, cluster.id, name);
  try {
    await runAll(farm, cluster, asked, options, { say, signal }, results);
  } catch (error) {
    finish(results, began);
    if (!signal.aborted || writtenFault(stack) !== undefined) throw error;
    throw new FarmError(
      "interrupted; no fault is in force any more",
      "look whether all is well: farm twin status",
    );
  } finally {
    dispose();
    lock.release();
  }
  return finish(results, began);
}
