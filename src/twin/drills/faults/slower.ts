/** The same faults where a cluster has less to help itself by: figures to compare with. */
import type { Fault } from "./fault.ts";

/** What a cluster can be without for a while. */
export type Help = "fencing" | "fencing and timings";

/** A fault while the cluster is without some help. It gets it back when the fault is undone. */
export const without = (help: Help, fault: Fault): Fault => ({
  ...fault,
  async prepare(scene) {
    await scene.cluster.withhold?.(help);
    await fault.prepare?.(scene);
  },
  async undo(scene) {
    await fault.undo(scene);
    await scene.cluster.giveBack?.();
  },
});
