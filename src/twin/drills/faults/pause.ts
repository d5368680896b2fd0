/** Machines that stand still and then go on, as a hypervisor that swaps or a guest that migrates makes them. */
import { FarmError } from "../../../shell/errors.ts";
import { freeze, isFrozen, thaw } from "../../machines/cgroup.ts";
import { machineGroup } from "../../machines/inside.ts";
import type { Fault, Scene } from "./fault.ts";
import { refuseAnswers } from "./reach.ts";

const groups = ({ farm, targets }: Scene): string[] => targets.map((host) => machineGroup(farm.stack, host));

/** All processes of the machines stand still. */
export const paused: Fault = {
  async begin(scene) {
    await Promise.all(groups(scene).map(freeze));
  },
  async prove(scene) {
    const awake = scene.targets.filter((host) => !isFrozen(machineGroup(scene.farm.stack, host)));
    if (awake.length > 0) throw new FarmError(`not in force: ${awake.join(", ")} still run`);
    return `the kernel says that all processes of ${scene.targets.join(", ")} are frozen, ${await refuseAnswers(scene)}`;
  },
  async undo(scene) {
    for (const group of groups(scene)) thaw(group);
  },
};
