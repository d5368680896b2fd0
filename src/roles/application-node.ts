/** What a host owes an application because it is one of several nodes: never to be away together with the last other. */
import { healthOf } from "../apps/health.ts";
import { hostOf } from "../inventory/load.ts";
import type { ApplicationRole } from "./role.ts";
import { WEB_PORT } from "./web.ts";

/**
 * A gate: another node serves, or this one does not serve anyway. Nodes ask each other over the mesh as the edge asks
 * them. An application on one node has no gate, its changes are its downtime.
 */
export const applicationNode: ApplicationRole = ({ inventory, host }, application) => {
  const others = application.nodes
    .filter((id) => id !== host.id)
    .sort()
    .map((id) => hostOf(inventory, id));
  const { path, contains } = healthOf[application.software];
  const serves = (address: string): string =>
    `curl --silent --show-error --fail --max-time 5 --header 'Host: ${application.hostnames[0]}' 'http://${address}:${WEB_PORT}${path}' | grep -qF '${contains}'`;
  return {
    role: `node of ${application.id}`,
    gates:
      others.length === 0
        ? []
        : [
            {
              name: `another node of ${application.id} serves`,
              command: [
                ...others.map((other) => serves(other.mesh)),
                `if ${serves(host.mesh)}; then echo "no node but ${host.id} serves"; false; fi`,
              ].join(" || "),
              // What one failed check may have caused, such as a database that has just moved, is over by then.
              within: 30,
            },
          ],
    connects: others.map((other) => ({
      service: "web",
      protocol: "tcp",
      port: WEB_PORT,
      to: { kind: "host", host: other.id },
    })),
  };
};
