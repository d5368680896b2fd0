/** One run of one drill: a stream of writes, the fault in it, and the record of the stream compared with the data. */
import { setTimeout as pause } from "node:timers/promises";
import { isHypervisor } from "../../inventory/machines.ts";
import { namedHost } from "../../operate/farm.ts";
import { FarmError } from "../../shell/errors.ts";
import type { TwinFarm } from "../farm.ts";
import { awaitHealth } from "../health.ts";
import { isRunning } from "../machines/inside.ts";
import { bootAgain } from "../machines/machine.ts";
import { servePct } from "../machines/pct.ts";
import { type DrilledCluster, drilledCluster } from "./cluster.ts";
import type { Drill, RefusedDrill } from "./drills.ts";
import type { Scene } from "./faults/fault.ts";
import { strikeOut, writeDown } from "./left-over.ts";
import { type Checked, checkRecord, judge, type StreamRecord, type Stretch } from "./record.ts";
import { type Stream, startStream } from "./stream.ts";

/** Seconds of the undisturbed stream before and after. */
const STEADY = 3;
/** Seconds for a farm to be well before a drill: a moment's load is no illness. */
const WELL_BEFORE = 15;
/** Seconds for the cluster to have all members at work again; a member that needs a full copy takes 30 here. */
const WHOLE_WITHIN = 180;
/** Seconds for all probes afterwards. */
const WELL_AFTER = 60;

/** What came of one run. */
export interface Run {
  readonly drill: string;
  readonly targets: readonly string[];
  /** ISO 8601. */
  readonly began: string;
  /** How one saw that the fault was in force; null when it never was. */
  readonly evidence: string | null;
  /** Seconds from the beginning of the undoing until all members were at work. */
  readonly wholeAfter: number | null;
  readonly checked: Checked | null;
  /** What was not as expected; empty when the drill passed. */
  readonly failures: readonly string[];
}

/** How a run is followed and ended early. */
export interface Watch {
  say(text: string): void;
  /** Aborted when the person wants it to end: what is under way is undone at once. */
  readonly signal: AbortSignal;
}

/** The hosts that a drill is about. Throws a FarmError (exit code 2) for hosts that have no part in the cluster. */
async function targetsOf(
  farm: TwinFarm,
  cluster: DrilledCluster,
  drill: Drill | RefusedDrill,
  names: readonly string[],
): Promise<readonly string[]> {
  const possible = [...cluster.members, ...cluster.clients];
  for (const name of names)
    if (!possible.includes(namedHost(farm, name).id))
      throw new FarmError(
        `${name} has no part in the cluster ${cluster.id}`,
        `name some of: ${possible.join(", ")}`,
        2,
      );
  if (cluster.clients.every((host) => names.includes(host)))
    throw new FarmError(
      "nobody would be left to write",
      `leave one out of: ${cluster.clients.join(", ")}`,
      2,
    );
  if (names.length > 0) return [...new Set(names)];
  return drill.targets === "members" ? cluster.members : [await cluster.writer()];
}

/** The scene of a drill. Throws a FarmError (exit code 2) when the named targets make no sense. */
export async function setScene(
  farm: TwinFarm,
  drill: Drill | RefusedDrill,
  names: readonly string[],
  cluster = drilledCluster(farm),
): Promise<Scene> {
  const scene = { farm, cluster, targets: await targetsOf(farm, cluster, drill, names) };
  if ("fault" in drill) drill.fault.refuseTargets?.(scene);
  return scene;
}

/** Boots those of the cluster's machines that are off: one that was lost may have been switched off by the others. */
async function bootFenced({ farm, cluster }: Scene): Promise<void> {
  const off = cluster.members.filter((host) => !isRunning(farm.stack, host));
  await Promise.all(off.map((host) => bootAgain(farm.stack, host)));
}

async function undo(scene: Scene, drill: Drill): Promise<void> {
  const { stack } = scene.farm;
  try {
    await drill.fault.undo(scene);
    await bootFenced(scene);
  } catch (error) {
    throw new FarmError(
      `the fault of ${drill.name} could not be undone: ${(error as Error).message}`,
      `try again: farm twin mend --stack ${stack}`,
    );
  }
  strikeOut(stack);
}

/** Does what may break the farm; however that ends, the fault is undone before this returns. */
async function undoneAfter<T>(scene: Scene, drill: Drill, work: () => Promise<T>): Promise<T> {
  const since = new Date().toISOString();
  const { cluster, targets } = scene;
  writeDown(scene.farm.stack, { drill: drill.name, cluster: cluster.id, targets, since });
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await undo(scene, drill);
    throw error;
  }
  await undo(scene, drill);
  return result;
}

/**
 * Waits until all members of the cluster are at work and agree on it, which says more than the hosts' own probes: a
 * member that was cut off or frozen takes itself for well until it hears from the others. Throws a FarmError after
 * `within` seconds.
 */
export async function awaitWhole(
  cluster: DrilledCluster,
  within: number,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + within * 1000;
  for (;;) {
    const ailment = await cluster.ailment();
    if (ailment === undefined) return;
    if (performance.now() > end)
      throw new FarmError(`${cluster.id} is not whole within ${within} s: ${ailment}`);
    await pause(250, undefined, { signal });
  }
}

interface InForce {
  readonly evidence: string;
  readonly stretch: Stretch;
}

async function underFault(
  scene: Scene,
  drill: Drill,
  { say, signal }: Watch,
  stream: Stream,
): Promise<InForce> {
  await stream.steady();
  await pause(STEADY * 1000, undefined, { signal });
  say(`${drill.title.en}: ${scene.targets.join(", ")}`);
  await drill.fault.begin(scene);
  const from = Date.now();
  signal.throwIfAborted();
  const evidence = await drill.fault.prove(scene);
  say(`in force: ${evidence}`);
  const seconds = drill.lasts === "until noticed" ? scene.cluster.noticesWithin : drill.lasts;
  await pause(seconds * 1000, undefined, { signal });
  say("undone now");
  return { evidence, stretch: { from, to: Date.now() } };
}

/**
 * Runs a drill once, while the caller holds the stack's lock. The farm has to be healthy, and is again afterwards.
 * Throws a FarmError when the farm is not, when the fault can't be brought in force, or when the cluster does not come
 * back; the fault is undone all the same. Throws an AbortError when the signal comes, the fault undone.
 */
export async function runDrill(
  scene: Scene,
  drill: Drill,
  watch: Watch,
): Promise<{ run: Run; record: StreamRecord }> {
  const { farm, cluster, targets } = scene;
  const { say, signal } = watch;
  const began = new Date().toISOString();
  await awaitHealth(farm, WELL_BEFORE, { signal });
  await awaitWhole(cluster, WELL_BEFORE, signal);
  // The others may have a lost member's machine stopped by its Proxmox host.
  const hypervisors = await Promise.all(
    farm.inventory.hosts
      .filter(({ origin }) => isHypervisor(origin))
      .map((host) => servePct(farm.stack, host.id)),
  );
  let stream: Stream | undefined;
  try {
    const table = await cluster.makeTable();
    const { evidence, stretch } = await undoneAfter(scene, drill, async () => {
      await drill.fault.prepare?.(scene);
      stream = await startStream(farm, cluster, table);
      return underFault(scene, drill, watch, stream);
    });
    await awaitWhole(cluster, WHOLE_WITHIN, signal);
    const wholeAfter = (Date.now() - stretch.to) / 1000;
    say(`all members at work again, ${wholeAfter.toFixed(1)} s after that`);
    await pause(STEADY * 1000, undefined, { signal });
    const record = (await stream?.stop(targets)) ?? { attempts: [], reads: [] };
    const checked = checkRecord(record, await cluster.copies(table), stretch);
    await cluster.dropTable(table);
    await awaitHealth(farm, WELL_AFTER, { signal });
    const failures = judge(checked, drill.expects);
    return { run: { drill: drill.name, targets, began, evidence, wholeAfter, checked, failures }, record };
  } finally {
    stream?.abandon();
    await Promise.all(hypervisors.map((server) => server.close()));
  }
}
