import { z } from "zod";
import type { Instances } from "./instances.ts";
import type { ContaboService } from "./service.ts";

const snapshot = z.object({
  snapshotId: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  instanceId: z.int(),
  /** ISO 8601. */
  createdDate: z.string(),
  /** When Contabo deletes it by itself. */
  autoDeleteDate: z.string().nullish(),
});

export type Snapshot = z.output<typeof snapshot>;

/**
 * Snapshots of instances. `id` is Contabo's number of the instance. What destroys takes `confirm`, a name of the instance,
 * as a reinstallation does.
 */
export class Snapshots {
  readonly #service: ContaboService;
  readonly #instances: Instances;

  constructor(service: ContaboService, instances: Instances) {
    this.#service = service;
    this.#instances = instances;
  }

  list(id: number): Promise<Snapshot[]> {
    return this.#service.all(of(id), snapshot);
  }

  /** Takes a snapshot; `name` has at most 30 letters, digits, spaces and dashes. */
  create(id: number, name: string): Promise<Snapshot> {
    return this.#service.one({ method: "POST", path: of(id), body: { name } }, snapshot);
  }

  /** Puts the instance back: what came after the snapshot is lost, later snapshots too. */
  async rollback(id: number, snapshotId: string, confirm: string): Promise<void> {
    await this.#instances.checkConfirmation(id, `return of instance ${id} to ${snapshotId}`, confirm);
    await this.#service.tell({ method: "POST", path: `${of(id, snapshotId)}/rollback`, body: {} });
  }

  async delete(id: number, snapshotId: string, confirm: string): Promise<void> {
    await this.#instances.checkConfirmation(id, `deletion of ${snapshotId} of instance ${id}`, confirm);
    await this.#service.tell({ method: "DELETE", path: of(id, snapshotId) });
  }
}

function of(id: number, snapshotId?: string): string {
  const all = `/v1/compute/instances/${id}/snapshots`;
  return snapshotId === undefined ? all : `${all}/${encodeURIComponent(snapshotId)}`;
}
