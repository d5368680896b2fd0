/** Writes that are handed over from one member to another, as before maintenance: what should hurt nobody. */
import { FarmError } from "../../../shell/errors.ts";
import { lastLines } from "../../machines/run.ts";
import type { Fault } from "./fault.ts";

/** Seconds for the command; a member that restarts catches up before it ends. */
const LIMIT = 120;

/** The target hands the writes over. Nothing is undone: any member may have them. */
export const handedOver: Fault = {
  refuseTargets({ targets }) {
    if (targets.length !== 1)
      throw new FarmError("one member at a time hands the writes over", "name one target, or none", 2);
  },
  async begin({ farm, cluster, targets: [target = ""] }) {
    const { code, stdout, stderr } = await farm.ssh.run(farm.target(target), cluster.handOver, {
      limit: LIMIT,
    });
    if (code !== 0)
      throw new FarmError(`${target} does not hand the writes over: ${lastLines(stderr || stdout, 3)}`);
  },
  async prove({ cluster, targets: [target = ""] }) {
    const writer = await cluster.writer();
    if (writer === target) throw new FarmError(`not in force: ${target} still takes the writes`);
    return `${writer} takes the writes in place of ${target}`;
  },
  async undo() {},
};
