/** PostgreSQL with Patroni as a kind of cluster. */
import type { ClusterKind, MemberState, StateQuestion } from "../../clusters/kind.ts";
import type { Contribution } from "../../host/state.ts";
import { databasesOf } from "../../inventory/clusters.ts";
import { extensionPackage } from "../../inventory/extensions.ts";
import type { Cluster } from "../../inventory/schema.ts";
import { pgbouncer } from "../pgbouncer.ts";
import type { RoleContext } from "../role.ts";
import { answers, loginOf } from "./client.ts";
import { fencedGuests, fencer } from "./fencing.ts";
import { postgresData } from "./member.ts";
import { dataHosts, partOf, postgres, voters } from "./parts.ts";
import {
  CLIENT_PORT,
  ETCD_CLIENT_PORT,
  PROXY_PORT,
  READ_PROXY_PORT,
  REST_PORT,
  WRITER_PORT,
} from "./ports.ts";
import { formerWitness, postgresWitness } from "./witness.ts";

/** A host with the data, as Patroni's `GET /patroni` and `GET /cluster` tell of it. */
interface Told {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly lag?: number | string;
}

const WORKS = new Set(["running", "streaming", "in archive recovery"]);

function dataState(id: string): StateQuestion["read"] {
  return ([own, { members }]): Partial<MemberState> => {
    const told: readonly Told[] = members;
    const seen = told.find(({ name }) => name === id);
    const { location, received_location, replayed_location } = own.xlog ?? {};
    return {
      status: seen?.role ?? null,
      state: own.replication_state ?? own.state,
      size: told.filter(({ state }) => WORKS.has(state)).length,
      committed: location ?? (received_location || replayed_location) ?? null,
      lag: typeof seen?.lag === "number" ? seen.lag : null,
      writer: own.role === "primary" && own.state === "running",
    };
  };
}

/** A vote alone, as etcd tells of it. */
const voteState: StateQuestion["read"] = ([{ health }]) => ({
  status: "vote",
  state: health === "true" ? "healthy" : "unhealthy",
});

/** What has to be installed for the extensions of a cluster's databases. */
const extensions = ({ inventory }: RoleContext, cluster: Cluster): Contribution => ({
  role: `extensions of ${cluster.id}`,
  packages: databasesOf(inventory, cluster).flatMap(({ needs }) =>
    needs.extensions.flatMap((name) => extensionPackage(name, postgres(cluster).version) ?? []),
  ),
});

export const postgresql: ClusterKind = {
  token: "farms:clusters:PostgresCluster",
  packages: ["^postgresql-", "^patroni$", "^etcd-"],
  port: CLIENT_PORT,
  part(context, declared) {
    const cluster = postgres(declared);
    const plays = partOf(context.host, cluster);
    if (plays === "former") return [formerWitness(context, cluster)];
    return [
      ...(plays === "witness"
        ? [postgresWitness(context, cluster)]
        : [postgresData(context, cluster), extensions(context, cluster)]),
      ...(plays === "replica" ? [] : fencer(context, cluster)),
    ];
  },
  founding: (later) => `farm-postgresql founding ${later.join(" ")}`,
  beside: fencedGuests,
  client: pgbouncer,

  // HEAD: when HAProxy has seen the status it goes away, and Patroni, in the middle of the body that goes with a GET, then
  // fills the journal (seen: 3,000 of 3,094 lines).
  ways: (inventory, cluster) => [
    {
      name: cluster.id,
      port: PROXY_PORT,
      // Far copies too: the day they have to take over, the way is there.
      targets: dataHosts(inventory, cluster),
      balance: "first",
      check: { port: WRITER_PORT, method: "GET", uri: "/writer", every: "500ms" },
      sessions:
        "A former primary that lives ends its clients' sessions itself: PostgreSQL restarts as a copy.",
      // The longest that a planned hand-over takes, twice.
      hold: 4,
      probe: `way to the primary of ${cluster.id}`,
    },
    {
      name: `${cluster.id}-reading`,
      port: READ_PROXY_PORT,
      targets: dataHosts(inventory, cluster),
      balance: "leastconn",
      // Patroni writes a page of complaints when HAProxy hangs up on an answer with a body.
      check: { port: REST_PORT, method: "OPTIONS", uri: "/replica?lag=16MB", every: "2s" },
      sessions: "A copy that falls behind, or becomes the primary, keeps the sessions that it has.",
    },
  ],
  answers,
  idle: "PostgreSQL ends no idle session by itself: who was silent for so long is taken for gone.",

  database: ({ id, needs }) => ({ engine: "postgresql", name: id, extensions: needs.extensions }),
  account: ({ id, needs }, secret) => ({
    engine: "postgresql",
    name: id,
    secret,
    connections: needs.connections,
  }),
  login: loginOf,

  questions: (inventory, cluster) => [
    ...dataHosts(inventory, cluster).map(
      ({ id, mesh }): StateQuestion => ({
        host: id,
        urls: ["/patroni", "/cluster"].map((path) => `http://${mesh}:${REST_PORT}${path}`),
        read: dataState(id),
      }),
    ),
    ...voters(inventory, cluster)
      .filter((host) => partOf(host, postgres(cluster)) === "witness")
      .map(({ id, mesh }) => ({
        host: id,
        urls: [`http://${mesh}:${ETCD_CLIENT_PORT}/health`],
        read: voteState,
      })),
  ],
};
