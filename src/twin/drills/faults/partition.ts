/** Hosts that are cut off from each other: the bridge between their machines drops the frames. */
import { FarmError } from "../../../shell/errors.ts";
import { machineLink } from "../../machines/machine.ts";
import { runInNamespace } from "../../machines/network.ts";
import { lastLines } from "../../machines/run.ts";
import type { Fault, Scene } from "./fault.ts";
import { ping } from "./reach.ts";

/** Two hosts that are not to reach each other. */
type Pair = readonly [string, string];

const TABLE = "table bridge farm_drill";

/** Loading it replaces what an earlier drill may have left. */
function ruleset(pairs: readonly Pair[], linkOf: (host: string) => string): string {
  const rules = pairs
    .flatMap(([a, b]) => [
      [a, b],
      [b, a],
    ])
    .map(
      ([from = "", to = ""]) =>
        `    iifname "${linkOf(from)}" oifname "${linkOf(to)}" counter drop comment "${from} to ${to}"`,
    );
  return `${TABLE}
delete ${TABLE}
${TABLE} {
  chain forward {
    type filter hook forward priority filter; policy accept;
${rules.join("\n")}
  }
}
`;
}

async function nft({ farm }: Scene, argv: readonly string[], input = ""): Promise<string> {
  const { code, stdout, stderr } = await runInNamespace(farm.stack, ["nft", ...argv], { input });
  if (code !== 0) throw new FarmError(`can't change the twin's bridge: ${lastLines(stderr, 3)}`);
  return stdout;
}

/** Frames that were dropped so far, by the direction ("db1 to db2"). */
async function dropped(scene: Scene): Promise<Map<string, number>> {
  const text = await nft(scene, ["list", ...TABLE.split(" ")]);
  const rules = text.matchAll(/counter packets (\d+) bytes \d+ drop comment "(.+)"/g);
  return new Map([...rules].map(([, packets, direction = ""]) => [direction, Number(packets)]));
}

/**
 * Cuts hosts off from each other.
 * @param pairsOf who is cut off from whom
 * @param linkOf the link of a host's machine at the bridge
 */
export function partition(pairsOf: (scene: Scene) => Pair[], linkOf = machineLink): Fault {
  return {
    refuseTargets(scene) {
      if (pairsOf(scene).length === 0)
        throw new FarmError(
          `nobody is left from whom ${scene.targets.join(", ")} could be cut off`,
          "name other targets, or none",
          2,
        );
    },
    async begin(scene) {
      await nft(scene, ["-f", "-"], ruleset(pairsOf(scene), linkOf));
    },
    async prove(scene) {
      const directions = pairsOf(scene).flatMap(([a, b]) => [[a, b] as const, [b, a] as const]);
      await Promise.all(
        directions.map(async ([from, to]) => {
          if ((await ping(scene, from, to)).length > 0)
            throw new FarmError(`not in force: ${to} still answers ${from}`);
        }),
      );
      const counters = await dropped(scene);
      const idle = directions.filter(([from, to]) => !((counters.get(`${from} to ${to}`) ?? 0) > 0));
      if (idle.length > 0)
        throw new FarmError(
          `not in force: nothing was dropped from ${idle.map((d) => d.join(" to ")).join(", ")}`,
        );
      const sum = [...counters.values()].reduce((a, b) => a + b, 0);
      const parted = pairsOf(scene).map((pair) => pair.join(" and "));
      return `${sum} frames dropped, no echo between ${parted.join(", ")}`;
    },
    async undo(scene) {
      await nft(scene, ["-f", "-"], `${TABLE}\ndelete ${TABLE}\n`);
    },
  };
}

const between = (targets: readonly string[], others: readonly string[]): Pair[] =>
  targets.flatMap((target) =>
    others.filter((host) => !targets.includes(host)).map((host): Pair => [target, host]),
  );

/** The targets lose the cluster's members; if they are members, their clients still reach them. */
export const cutFromMembers = partition(({ cluster, targets }) => between(targets, cluster.members));

/** The targets lose the members, and those that are members the clients too. */
export const isolated = partition(({ cluster, targets }) => [
  ...between(targets, cluster.members),
  ...between(
    targets.filter((host) => cluster.members.includes(host)),
    cluster.clients,
  ),
]);

/** The targets lose each other. */
export const cutFromEachOther = partition(({ targets }) =>
  targets.flatMap((host, index) => targets.slice(index + 1).map((other): Pair => [host, other])),
);
