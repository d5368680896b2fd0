/** All drills there are. */
import type { Cluster } from "../../inventory/schema.ts";
import { FarmError } from "../../shell/errors.ts";
import { clockRefusal } from "./faults/clock.ts";
import { diskFull } from "./faults/disk-full.ts";
import { distance } from "./faults/distance.ts";
import type { Fault, Scene } from "./faults/fault.ts";
import { handedOver } from "./faults/hand-over.ts";
import { cutFromEachOther, cutFromMembers, isolated } from "./faults/partition.ts";
import { paused } from "./faults/pause.ts";
import { killed, withoutFlushing, withoutPower } from "./faults/power.ts";
import { processKilled } from "./faults/process.ts";
import { without } from "./faults/slower.ts";
import type { Expectation } from "./record.ts";

interface Entry {
  readonly name: string;
  /** The kind of cluster that it is for; any where none is given. */
  readonly software?: Cluster["software"];
  /** What happens to the targets. */
  readonly title: { readonly en: string; readonly ru: string };
  /** Who the targets are unless they are named. */
  readonly targets: "writer" | "members";
}

/** A fault under a stream of writes, and what is expected of the cluster. */
export interface Drill extends Entry {
  readonly fault: Fault;
  /**
   * Seconds for which the fault stays in force once it is proven; or until the cluster has surely noticed it and gone on
   * without the target.
   */
  readonly lasts: "until noticed" | number;
  readonly expects: Expectation;
}

/** A drill that can't be done on this twin; `refusal` looks and says why. */
export interface RefusedDrill extends Entry {
  refusal(scene: Scene): Promise<string>;
}

/** A power failure that is over at once: the machines boot together. */
const AT_ONCE = 0;

/** Longer than a cluster with Patroni's own times needs (33 s were measured), seconds. */
const AS_SHIPPED = 45;

const FAR = { roundTrip: 100, loss: 0.01 };

/** In the order in which `farm drill all` does them. */
export const drills: readonly (Drill | RefusedDrill)[] = [
  {
    name: "kill",
    title: { en: "machine killed, booted again", ru: "машина убита и снова включена" },
    ...{ targets: "writer", fault: killed, lasts: "until noticed", expects: {} },
  },
  {
    name: "process-kill",
    title: { en: "the server's process killed", ru: "процесс сервера убит" },
    ...{ targets: "writer", fault: processKilled, lasts: "until noticed", expects: {} },
  },
  {
    name: "kill-unfenced",
    software: "postgresql",
    title: {
      en: "machine killed, and nobody may switch it off for sure",
      ru: "машина убита, и никто не может её наверняка выключить",
    },
    ...{ targets: "writer", fault: without("fencing", killed), lasts: "until noticed", expects: {} },
  },
  {
    name: "kill-defaults",
    software: "postgresql",
    title: { en: "the same with Patroni's own times", ru: "то же со сроками самой Patroni" },
    ...{ targets: "writer", fault: without("fencing and timings", killed), lasts: AS_SHIPPED, expects: {} },
  },
  {
    name: "process-kill-defaults",
    software: "postgresql",
    title: {
      en: "the server's process killed, with Patroni's own times",
      ru: "процесс сервера убит, со сроками самой Patroni",
    },
    ...{
      targets: "writer",
      fault: without("fencing and timings", processKilled),
      lasts: AS_SHIPPED,
      expects: {},
    },
  },
  {
    name: "hand-over",
    title: { en: "writes handed over, as planned", ru: "запись передана другому узлу, по плану" },
    ...{ targets: "writer", fault: handedOver, lasts: AT_ONCE, expects: { oneRetry: true } },
  },
  {
    name: "pause",
    title: { en: "machine stands still, then goes on", ru: "машина замирает и оживает" },
    ...{ targets: "writer", fault: paused, lasts: "until noticed", expects: {} },
  },
  {
    name: "partition-one",
    title: {
      en: "cut off from the other members; clients still reach it",
      ru: "отрезан от остальных узлов, но не от клиентов",
    },
    ...{ targets: "writer", fault: cutFromMembers, lasts: "until noticed", expects: {} },
  },
  {
    name: "isolate",
    title: { en: "cut off from members and clients", ru: "отрезан от узлов и от клиентов" },
    ...{ targets: "writer", fault: isolated, lasts: "until noticed", expects: {} },
  },
  {
    name: "partition-majority",
    title: { en: "cut off from each other, no majority left", ru: "отрезаны друг от друга, большинства нет" },
    ...{ targets: "members", fault: cutFromEachOther, lasts: "until noticed", expects: { blocks: true } },
  },
  {
    name: "distance",
    title: {
      en: `${FAR.roundTrip} ms round trip, ${FAR.loss * 100} % of frames lost each way`,
      ru: `${FAR.roundTrip} мс туда и обратно, в каждую сторону теряется ${FAR.loss * 100} % кадров`,
    },
    ...{ targets: "writer", fault: distance(FAR), lasts: "until noticed", expects: {} },
  },
  {
    name: "disk-full",
    title: { en: "disk full", ru: "диск заполнен" },
    ...{ targets: "writer", fault: diskFull, lasts: "until noticed", expects: { bites: true } },
  },
  {
    name: "all-at-once",
    title: { en: "machines killed together, booted together", ru: "машины убиты и включены разом" },
    ...{ targets: "members", fault: killed, lasts: AT_ONCE, expects: {} },
  },
  {
    name: "power-cut",
    title: {
      en: "power cut together, unflushed writes gone",
      ru: "питание пропало разом, несброшенное потеряно",
    },
    ...{ targets: "members", fault: withoutPower, lasts: AT_ONCE, expects: {} },
  },
  {
    name: "power-cut-control",
    title: {
      en: "the same without flushing at commit: must lose writes",
      ru: "то же без сброса на диск: записи должны пропасть",
    },
    ...{ targets: "members", fault: withoutFlushing, lasts: AT_ONCE, expects: { loses: true } },
  },
  {
    name: "clock-jump",
    title: { en: "clock jumps", ru: "часы прыгают" },
    targets: "writer",
    refusal: clockRefusal,
  },
];

/** The drills that a kind of cluster has. */
export const drillsOf = (software: Cluster["software"]): (Drill | RefusedDrill)[] =>
  drills.filter((drill) => drill.software === undefined || drill.software === software);

/** A drill by its name. Throws a FarmError (exit code 2) that lists the names. */
export function drillNamed(name: string): Drill | RefusedDrill {
  const drill = drills.find((d) => d.name === name);
  if (drill === undefined)
    throw new FarmError(
      `there is no drill "${name}"`,
      `name one of: ${drills.map((d) => d.name).join(", ")}; or all of them: all`,
      2,
    );
  return drill;
}
