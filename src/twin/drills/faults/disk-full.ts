/** Disks without any space left. */
import { FarmError } from "../../../shell/errors.ts";
import { inMachine, isRunning } from "../../machines/inside.ts";
import { bootAgain } from "../../machines/machine.ts";
import { lastLines } from "../../machines/run.ts";
import type { Fault, Scene } from "./fault.ts";

/** A machine of the twin has one disk, so this file takes the space of its databases too. */
const FILLER = "/var/lib/farm-drill-filler";

/** Takes all that is free, in ever smaller pieces. Space is taken without being written, so it takes none outside. */
const FILL = `
umask 077
: >>${FILLER}
for piece in 1G 64M 1M 64K 4K; do
  while fallocate --offset "$(stat -c %s ${FILLER})" --length $piece ${FILLER} 2>/dev/null; do :; done
done`;

/** What a write of 1 MB to the same file system gets for an answer. */
const TRY = `
trial=$(mktemp /var/lib/farm-drill-XXXXXX) && dd if=/dev/zero of="$trial" bs=1M count=1 conv=fsync 2>&1
rm -f "$trial"`;

async function onEach({ farm, targets }: Scene, script: string): Promise<string[]> {
  return Promise.all(
    targets.map(async (host) => {
      const { code, stdout, stderr } = await inMachine(farm.stack, host, ["sh", "-c", script]);
      if (code !== 0) throw new FarmError(`${host}: ${lastLines(stderr || stdout, 2)}`);
      return `${stdout}${stderr}`;
    }),
  );
}

/** The targets' disks are full. */
export const diskFull: Fault = {
  async begin(scene) {
    await onEach(scene, FILL);
  },
  async prove(scene) {
    const answers = await onEach(scene, TRY);
    for (const [index, answer] of answers.entries())
      if (!/No space left on device/.test(answer))
        throw new FarmError(`not in force: ${scene.targets[index]} still writes: ${lastLines(answer, 1)}`);
    return `a write of 1 MB on ${scene.targets.join(", ")} says: No space left on device`;
  },
  async undo(scene) {
    const { stack } = scene.farm;
    const off = scene.targets.filter((host) => !isRunning(stack, host));
    await Promise.all(off.map((host) => bootAgain(stack, host)));
    await onEach(scene, `rm -f ${FILLER}`);
  },
};
