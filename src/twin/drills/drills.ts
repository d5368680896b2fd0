/** All drills there are. */
import { FarmError } from "../../shell/errors.ts";
import { clockRefusal } from "./faults/clock.ts";
import { diskFull } from "./faults/disk-full.ts";
import { distance } from "./faults/distance.ts";
import type { Fault, Scene } from "./faults/fault.ts";
import { cutFromEachOther, cutFromMembers, isolated } from "./faults/partition.ts";
import { paused } from "./faults/pause.ts";
import { killed, withoutFlushing, withoutPower } from "./faults/power.ts";
import type { Expectation } from "./record.ts";

interface Entry {
  readonly name: string;
  /** What happens to the targets. */
  readonly title: { readonly en: string; readonly ru: string };
  /** Who the targets are unless they are named. */
  readonly targets: "writer" | "members";
}

/** A fault under a stream of writes, and what is expected of the cluster. */
export interface Drill extends Entry {
  readonly fault: Fault;
  /** Seconds for which the fault stays in force once it is proven. */
  readonly seconds: number;
  readonly expects: Expectation;
}

/** A drill that can't be done on this twin; `refusal` looks and says why. */
export interface RefusedDrill extends Entry {
  refusal(scene: Scene): Promise<string>;
}

/** Longer than a cluster needs to notice a fault and to go on without the target (7 s were measured). */
const LONG_ENOUGH = 10;
/** A power failure that is over at once: the machines boot together. */
const AT_ONCE = 0;

const FAR = { roundTrip: 100, loss: 0.01 };

/** In the order in which `farm drill all` does them. */
export const drills: readonly (Drill | RefusedDrill)[] = [
  {
    name: "kill",
    title: { en: "machine killed, booted again", ru: "машина убита и снова включена" },
    ...{ targets: "writer", fault: killed, seconds: LONG_ENOUGH, expects: {} },
  },
  {
    name: "pause",
    title: { en: "machine stands still, then goes on", ru: "машина замирает и оживает" },
    ...{ targets: "writer", fault: paused, seconds: LONG_ENOUGH, expects: {} },
  },
  {
    name: "partition-one",
    title: {
      en: "cut off from the other members; clients still reach it",
      ru: "отрезан от остальных узлов, но не от клиентов",
    },
    ...{ targets: "writer", fault: cutFromMembers, seconds: LONG_ENOUGH, expects: {} },
  },
  {
    name: "isolate",
    title: { en: "cut off from members and clients", ru: "отрезан от узлов и от клиентов" },
    ...{ targets: "writer", fault: isolated, seconds: LONG_ENOUGH, expects: {} },
  },
  {
    name: "partition-majority",
    title: { en: "cut off from each other, no majority left", ru: "отрезаны друг от друга, большинства нет" },
    ...{ targets: "members", fault: cutFromEachOther, seconds: LONG_ENOUGH, expects: { blocks: true } },
  },
  {
    name: "distance",
    title: {
      en: `${FAR.roundTrip} ms round trip, ${FAR.loss * 100} % of frames lost each way`,
      ru: `${FAR.roundTrip} мс туда и обратно, в каждую сторону теряется ${FAR.loss * 100} % кадров`,
    },
    ...{ targets: "writer", fault: distance(FAR), seconds: LONG_ENOUGH, expects: {} },
  },
  {
    name: "disk-full",
    title: { en: "disk full", ru: "диск заполнен" },
    ...{ targets: "writer", fault: diskFull, seconds: LONG_ENOUGH, expects: { bites: true } },
  },
  {
    name: "all-at-once",
    title: { en: "machines killed together, booted together", ru: "машины убиты и включены разом" },
    ...{ targets: "members", fault: killed, seconds: AT_ONCE, expects: {} },
  },
  {
    name: "power-cut",
    title: {
      en: "power cut together, unflushed writes gone",
      ru: "питание пропало разом, несброшенное потеряно",
    },
    ...{ targets: "members", fault: withoutPower, seconds: AT_ONCE, expects: {} },
  },
  {
    name: "power-cut-control",
    title: {
      en: "the same without flushing at commit: must lose writes",
      ru: "то же без сброса на диск: записи должны пропасть",
    },
    ...{ targets: "members", fault: withoutFlushing, seconds: AT_ONCE, expects: { loses: true } },
  },
  {
    name: "clock-jump",
    title: { en: "clock jumps", ru: "часы прыгают" },
    targets: "writer",
    refusal: clockRefusal,
  },
];

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
