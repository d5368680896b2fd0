/** Who talks to whom: the connections that roles declare, joined with the ports that the other end listens on. */
import type { ConnectState, Contribution, ListenState } from "../host/state.ts";
import { FarmError } from "../shell/errors.ts";

/** A declared connection between two hosts of the farm. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly via: "mesh" | "underlay";
  readonly service: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

const key = (host: string, port: ConnectState | ListenState): string =>
  `${host} ${port.port}/${port.protocol}`;

/** Which reaches let a peer in that comes by the mesh, or by the address outside it. */
const admitted = {
  mesh: new Set<ListenState["reach"]>(["mesh", "world"]),
  underlay: new Set<ListenState["reach"]>(["underlay", "world"]),
};

/**
 * All flows between hosts, by who wants them. Throws a FarmError (exit code 2) when a role connects to a port that
 * nobody listens on there, or that does not admit it: the firewall would drop it, so it is a mistake in a role.
 */
export function findFlows(contributions: ReadonlyMap<string, readonly Contribution[]>): Flow[] {
  const listening = new Map<string, ListenState>();
  for (const [host, parts] of contributions)
    for (const listen of parts.flatMap((c) => c.listens ?? []))
      if (listen.reach !== "local") listening.set(key(host, listen), listen);

  const flows: Flow[] = [];
  for (const [from, parts] of contributions)
    for (const { role, connects } of parts)
      for (const connect of connects ?? []) {
        if (connect.to.kind !== "host" && connect.to.kind !== "underlay") continue;
        const to = connect.to.host;
        const via = connect.to.kind === "host" ? "mesh" : "underlay";
        const listen = listening.get(key(to, connect));
        if (listen === undefined || !admitted[via].has(listen.reach))
          throw new FarmError(
            `host ${from}: role "${role}" connects to ${to} port ${connect.port}/${connect.protocol} by the ${via}, where ${listen ? `"${listen.service}" is for "${listen.reach}" only` : "nothing listens"}`,
            `let a role of ${to} declare that it listens there with reach "${via}"`,
            2,
          );
        flows.push({
          from,
          to,
          via,
          service: connect.service,
          protocol: connect.protocol,
          port: connect.port,
        });
      }
  return flows;
}
