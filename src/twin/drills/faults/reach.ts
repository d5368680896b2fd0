/** Whether hosts reach each other over the mesh. */
import { hostOf } from "../../../inventory/load.ts";
import { FarmError } from "../../../shell/errors.ts";
import { inNetworkOf } from "../../machines/inside.ts";
import { lastLines, run } from "../../machines/run.ts";
import type { Scene } from "./fault.ts";

/** Seconds that one echo has; a round trip takes less than one millisecond, at the farthest that a drill makes it 200. */
const PATIENCE = 1;

/**
 * Pings one host from another over the mesh.
 * @param count echoes, five a second
 * @returns round-trip times in milliseconds, of those that were answered
 */
export async function ping({ farm }: Scene, from: string, to: string, count = 1): Promise<number[]> {
  const { mesh } = hostOf(farm.inventory, to);
  const command = ["ping", "-n", "-c", String(count), "-i", "0.2", "-W", String(PATIENCE), mesh];
  const { code, stdout, stderr } = await run(inNetworkOf(farm.stack, from, command));
  // 1: not all were answered; 2: it could not even try (ping(8)).
  if (code > 1) throw new FarmError(`can't ping ${to} from ${from}: ${lastLines(stderr, 2)}`);
  return [...stdout.matchAll(/ time=([\d.]+) ms/g)].map(([, time]) => Number(time));
}

/** A host of the drill that exchanges traffic with a target and is none itself; undefined when there is none left. */
export function witnessOf({ cluster, targets }: Scene, target: string): string | undefined {
  const others = cluster.members.includes(target)
    ? [...(cluster.holders.includes(target) ? cluster.clients : []), ...cluster.members]
    : cluster.holders;
  return others.find((host) => !targets.includes(host));
}

/** Makes sure that no target answers its witness. Throws a FarmError that names one that does. */
export async function refuseAnswers(scene: Scene): Promise<string> {
  const asked = scene.targets.flatMap((target) => {
    const witness = witnessOf(scene, target);
    return witness === undefined ? [] : [{ target, witness }];
  });
  await Promise.all(
    asked.map(async ({ target, witness }) => {
      if ((await ping(scene, witness, target)).length > 0)
        throw new FarmError(`not in force: ${target} still answers ${witness}`);
    }),
  );
  return asked.map(({ target, witness }) => `${target} does not answer ${witness}`).join(", ");
}
