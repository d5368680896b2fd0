/** A host that votes on who may write, and has no data. */
import type { ClusterRole } from "../role.ts";
import { postgres } from "./parts.ts";
import { program } from "./program.ts";
import { vote } from "./vote.ts";

/** An odd vote in etcd, best at a provider of its own. It needs no secret. */
export const postgresWitness: ClusterRole = (context, declared) => {
  const cluster = postgres(declared);
  const base = program(context, cluster);
  const own = vote(context, cluster);
  return {
    ...base,
    ...own,
    packages: [...(base.packages ?? []), ...(own.packages ?? [])],
    files: [...(base.files ?? []), ...(own.files ?? [])],
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
