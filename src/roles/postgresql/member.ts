import type { ClusterRole } from "../role.ts";
import { CLIENT_PORT, ETCD_CLIENT_PORT, REST_PORT } from "./ports.ts";

export const postgresData: ClusterRole = (_, cluster) => ({
  role: `postgresql ${cluster.id}`,
  listens: [CLIENT_PORT, REST_PORT, ETCD_CLIENT_PORT].map((port) => ({
    service: "postgresql",
    protocol: "tcp",
    port,
    reach: "mesh",
  })),
});
