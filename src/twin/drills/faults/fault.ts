/** A fault: how it is brought about, how one knows that it is in force, how it is undone. */
import type { TwinFarm } from "../../farm.ts";
import type { DrilledCluster } from "../cluster.ts";

/** Where a fault happens. */
export interface Scene {
  readonly farm: TwinFarm;
  readonly cluster: DrilledCluster;
  /** The hosts that it is about: members of the cluster, or hosts of its clients. */
  readonly targets: readonly string[];
}

export interface Fault {
  /** Throws a FarmError (exit code 2) for targets with which it makes no sense, where there are such. */
  refuseTargets?(scene: Scene): void;
  /** Changes what has to be different before the stream of writes begins, where there is such a thing. */
  prepare?(scene: Scene): Promise<void>;
  /** When this returns, the fault is in force. */
  begin(scene: Scene): Promise<void>;
  /** Makes sure that it is, and returns how one sees that, in words. Throws a FarmError when it is not. */
  prove(scene: Scene): Promise<string>;
  /** Takes back all that `prepare` and `begin` did, or the part of it that there is; also in another process, later. */
  undo(scene: Scene): Promise<void>;
}
