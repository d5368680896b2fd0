/** Machines that die, with and without what they had not flushed to their disks. */
import { FarmError } from "../../../shell/errors.ts";
import { withGuests } from "../../farm.ts";
import { isRunning } from "../../machines/inside.ts";
import { bootAgain, kill, powerCut } from "../../machines/machine.ts";
import type { Fault, Scene } from "./fault.ts";
import { refuseAnswers } from "./reach.ts";

type Cut = (stack: string, hosts: readonly string[]) => Promise<void>;

function powerFault(cut: Cut): Fault {
  const machines = ({ farm, targets }: Scene): string[] => withGuests(farm, targets);
  return {
    async begin(scene) {
      const { farm } = scene;
      await cut(farm.stack, machines(scene));
      await Promise.all(machines(scene).map((host) => farm.ssh.close(farm.target(host))));
    },
    async prove(scene) {
      const on = machines(scene).filter((host) => isRunning(scene.farm.stack, host));
      if (on.length > 0) throw new FarmError(`not in force: ${on.join(", ")} still run`);
      return `no process of ${machines(scene).join(", ")} is left, ${await refuseAnswers(scene)}`;
    },
    async undo(scene) {
      const { stack } = scene.farm;
      const off = machines(scene).filter((host) => !isRunning(stack, host));
      await Promise.all(off.map((host) => bootAgain(stack, host)));
    },
  };
}

/** The machines are killed; what they had written reaches their disks. Undone by booting them. */
export const killed = powerFault(kill);

/** The power fails: what had not been flushed is gone. Undone by booting them. */
export const withoutPower = powerFault(powerCut);

/** The power fails while the members acknowledge commits before these are flushed. */
export const withoutFlushing: Fault = {
  ...withoutPower,
  async prepare({ cluster }) {
    await cluster.setFlushing(cluster.members, false);
  },
  async undo(scene) {
    await withoutPower.undo(scene);
    await scene.cluster.setFlushing(scene.cluster.members, true);
  },
};
