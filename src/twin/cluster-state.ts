/** What the members of a cluster say of themselves, each asked on its own host. */
import { hostOf } from "../inventory/load.ts";
import type { Cluster } from "../inventory/schema.ts";
import { STATE_PORT } from "../roles/mariadb/ports.ts";
import type { TwinFarm } from "./farm.ts";

/** What a member of a MariaDB cluster answers on its state port; null where it has no answer. */
export interface MemberState {
  readonly host: string;
  readonly status: string | null;
  readonly state: string | null;
  readonly size: number | null;
  readonly committed: number | null;
  readonly writer: boolean;
}

async function memberState(farm: TwinFarm, host: string): Promise<MemberState> {
  const nothing = { host, status: null, state: null, size: null, committed: null, writer: false };
  const url = `http://${hostOf(farm.inventory, host).mesh}:${STATE_PORT}/state`;
  try {
    const { code, stdout } = await farm.ssh.run(farm.target(host), `curl -fsS --max-time 3 ${url}`, {
      limit: 15,
    });
    if (code !== 0) return nothing;
    const { wsrep, writer, name = host } = JSON.parse(stdout);
    return { ...nothing, ...wsrep, host, writer: writer === true || writer === name };
  } catch {
    return nothing;
  }
}

/** What the members of a cluster say of themselves, in the order of the declaration. */
export function clusterStates(farm: TwinFarm, cluster: Cluster): Promise<MemberState[]> {
  return Promise.all(cluster.members.map((member) => memberState(farm, member)));
}
