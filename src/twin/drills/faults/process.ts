/** Servers whose process dies while their machine goes on. */
import { FarmError } from "../../../shell/errors.ts";
import { inMachine } from "../../machines/inside.ts";
import { lastLines, waitUntil } from "../../machines/run.ts";
import type { Fault, Scene } from "./fault.ts";

/** Seconds since its start by which a process is known as one that came after the kill. */
const YOUNG = 5;
/** Seconds until the last process of a killed server is gone. */
const GONE_WITHIN = 10;

async function onEach({ farm, targets }: Scene, script: string): Promise<string[]> {
  return Promise.all(
    targets.map(async (host) => {
      const { code, stdout, stderr } = await inMachine(farm.stack, host, ["sh", "-c", script]);
      if (code !== 0) throw new FarmError(`${host}: ${lastLines(stderr || stdout, 2)}`);
      return stdout.trim();
    }),
  );
}

/** The oldest process of the server's name, which is the one that all others come from. Brings itself back, so nothing is undone. */
export const processKilled: Fault = {
  async begin(scene) {
    await onEach(scene, `kill -KILL "$(pgrep -o -x ${scene.cluster.process})"`);
  },
  async prove(scene) {
    const { process } = scene.cluster;
    const began = performance.now();
    const waited = (): number => (performance.now() - began) / 1000;
    let ages: string[] = [];
    // Those that came from it end by themselves once they notice.
    await waitUntil(
      async () => {
        ages = await onEach(scene, `pid=$(pgrep -o -x ${process}) && ps -o etimes= -p "$pid" || true`);
        return ages.every((age) => age === "" || Number(age) <= YOUNG + waited());
      },
      GONE_WITHIN,
      () => `not in force: ${process} on ${scene.targets.join(", ")} has run for ${ages.join(", ")} s`,
    );
    const told = ages.map((age) => (age === "" ? "gone" : `a new one, ${age} s old`));
    return `${process} on ${scene.targets.join(", ")} is ${told.join(", ")}`;
  },
  async undo() {},
};
