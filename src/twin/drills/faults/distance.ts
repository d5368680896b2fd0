/** Hosts far away from all others: each target becomes a site of its own, and a switch in user space lies between sites. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FarmError } from "../../../shell/errors.ts";
import { killGroup, startDetached } from "../../machines/cgroup.ts";
import { stackLayout } from "../../machines/layout.ts";
import { machineLink } from "../../machines/machine.ts";
import { BRIDGE, inNamespace } from "../../machines/network.ts";
import { must, waitUntil } from "../../machines/run.ts";
import type { Fault, Scene } from "./fault.ts";
import { ping, witnessOf } from "./reach.ts";

/** How far the sites are from each other. */
interface Distance {
  /** Round trip, milliseconds. */
  readonly roundTrip: number;
  /** Share of frames that are lost each way. */
  readonly loss: number;
}

const group = (stack: string): string => `${stack}/drill-switch`;
const counterFile = (stack: string): string => join(stackLayout(stack).run, "drill-switch");
const bridgeOf = (site: number): string => `drill${site}`;
const tapOf = (site: number): string => `drilltap${site}`;
/** Site 0 is the twin's own bridge with all that stays there. */
const SITE_BRIDGE = /^drill\d+$/;
const ECHOES = 5;

async function ip({ farm }: Scene, argv: readonly string[]): Promise<string> {
  return must("change the twin's network", inNamespace(farm.stack, ["ip", ...argv]));
}

async function links(scene: Scene): Promise<{ ifname: string; address: string }[]> {
  return JSON.parse(await ip(scene, ["-json", "link", "show"]));
}

async function startSwitch(scene: Scene, { roundTrip, loss }: Distance): Promise<void> {
  const { stack } = scene.farm;
  const taps = [0, ...scene.targets.map((_, index) => index + 1)].map(tapOf);
  const command = [
    ...["python3", join(import.meta.dirname, "switch.py")],
    ...[String(roundTrip / 2 / 1000), String(loss), counterFile(stack), ...taps],
  ];
  const log = join(stackLayout(stack).run, "drill-switch.log");
  startDetached(group(stack), inNamespace(stack, command), log);
  await waitUntil(
    async () => {
      const names = (await links(scene)).map(({ ifname }) => ifname);
      return taps.every((tap) => names.includes(tap));
    },
    5,
    () => `the switch between the sites does not start within 5 s: see ${log}`,
  );
}

/** A bridge takes the lowest address of its links unless it is given one; the machines know the present one. */
async function keepAddress(scene: Scene): Promise<void> {
  const bridge = (await links(scene)).find(({ ifname }) => ifname === BRIDGE);
  if (bridge !== undefined) await ip(scene, ["link", "set", BRIDGE, "address", bridge.address]);
}

async function connectTo(scene: Scene, link: string, bridge: string): Promise<void> {
  await ip(scene, ["link", "set", link, "master", bridge, "up"]);
}

/** The counts of the switch: frames carried and lost. */
function counters(stack: string): { carried: number; lost: number } {
  const file = counterFile(stack);
  const [carried = 0, lost = 0] = existsSync(file) ? readFileSync(file, "utf8").split(" ").map(Number) : [];
  return { carried, lost };
}

/** Moves the targets away from all others. Loss is on top of the delay. */
export function distance(far: Distance): Fault {
  return {
    refuseTargets(scene) {
      for (const target of scene.targets)
        if (witnessOf(scene, target) === undefined)
          throw new FarmError(
            `nobody is left from whom ${target} could be far away`,
            "name fewer targets, or none",
            2,
          );
    },

    async begin(scene) {
      await keepAddress(scene);
      await startSwitch(scene, far);
      await connectTo(scene, tapOf(0), BRIDGE);
      for (const [index, host] of scene.targets.entries()) {
        const bridge = bridgeOf(index + 1);
        await ip(scene, ["link", "add", bridge, "type", "bridge"]);
        await ip(scene, ["link", "set", bridge, "up"]);
        await connectTo(scene, tapOf(index + 1), bridge);
        await connectTo(scene, machineLink(host), bridge);
      }
    },

    async prove(scene) {
      const said = await Promise.all(
        scene.targets.map(async (target) => {
          const witness = witnessOf(scene, target) ?? target;
          const times = await ping(scene, witness, target, ECHOES);
          const shortest = Math.min(...times);
          if (!(shortest >= far.roundTrip && shortest < 2 * far.roundTrip))
            throw new FarmError(
              `not in force: ${times.length === 0 ? `${target} does not answer ${witness}` : `${target} answers ${witness} in ${shortest} ms, not ${far.roundTrip}`}`,
            );
          return `${target} answers ${witness} in ${shortest} ms`;
        }),
      );
      const { stack } = scene.farm;
      await waitUntil(
        () => far.loss === 0 || counters(stack).lost > 0,
        10,
        () => `not in force: of ${counters(stack).carried} frames none was lost within 10 s`,
      );
      const { carried, lost } = counters(stack);
      return `${said.join(", ")}; of ${carried + lost} frames ${lost} were lost`;
    },

    async undo(scene) {
      const { stack } = scene.farm;
      const present = (await links(scene)).map(({ ifname }) => ifname);
      for (const link of scene.targets.map(machineLink).filter((name) => present.includes(name)))
        await connectTo(scene, link, BRIDGE);
      for (const bridge of present.filter((name) => SITE_BRIDGE.test(name)))
        await ip(scene, ["link", "delete", bridge]);
      await killGroup(group(stack));
      rmSync(counterFile(stack), { force: true });
    },
  };
}
