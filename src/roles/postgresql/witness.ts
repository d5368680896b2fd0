/** A host that votes on who may write, and has no data. */
import type { Contribution } from "../../host/state.ts";
import type { PostgresCluster } from "../../inventory/schema.ts";
import type { ClusterRole, RoleContext } from "../role.ts";
import { postgres } from "./parts.ts";
import { program } from "./program.ts";
import { vote } from "./vote.ts";

/** The program and a vote: all that a host without data has. */
function voteAlone(context: RoleContext, cluster: PostgresCluster): Contribution {
  const base = program(context, cluster);
  const own = vote(context, cluster);
  return {
    ...base,
    ...own,
    packages: [...(base.packages ?? []), ...(own.packages ?? [])],
    files: [...(base.files ?? []), ...(own.files ?? [])],
  };
}

/** A witness whose vote is given up: it does nothing any more but be heard. */
export const formerWitness: ClusterRole = (context, declared) => voteAlone(context, postgres(declared));

/** An odd vote in etcd, best at a provider of its own. It needs no secret. */
export const postgresWitness: ClusterRole = (context, declared) => {
  const cluster = postgres(declared);
  return {
    ...voteAlone(context, cluster),
    gates: [
      {
        name: `the votes of ${cluster.id} are a majority without this host`,
        command: "farm-postgresql may-change",
        within: 60,
      },
    ],
    probes: [
      {
        name: `vote in ${cluster.id}`,
        command: "farm-postgresql ready",
        within: 60,
      },
    ],
  };
};
