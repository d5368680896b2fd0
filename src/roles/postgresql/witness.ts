import type { ClusterRole } from "../role.ts";
import { ETCD_CLIENT_PORT } from "./ports.ts";

export const postgresWitness: ClusterRole = (_, cluster) => ({
  role: `witness of ${cluster.id}`,
  listens: [{ service: "etcd", protocol: "tcp", port: ETCD_CLIENT_PORT, reach: "mesh" }],
});
