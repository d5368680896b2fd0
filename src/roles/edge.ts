/** The edge: takes users' requests on a host's own address and passes them over the mesh to nodes that live. */
import { readFileSync } from "node:fs";
import { healthOf } from "../apps/health.ts";
import { file, unit } from "../host/entries.ts";
import type { ConnectState, ProbeState } from "../host/state.ts";
import type { Application, Host } from "../inventory/schema.ts";
import { challengeRule } from "./edge/acme.ts";
import { acmeOf, certificates, TRUSTED } from "./edge/certificates.ts";
import { edgeConfig } from "./edge/config.ts";
import type { HostRole } from "./role.ts";
import { WEB_PORT } from "./web.ts";

const ROLE = "edge";
const CONFIG = "/etc/farm/edge/haproxy.cfg";
const SERVICE = "farm-edge.service";
const UNIT = `/etc/systemd/system/${SERVICE}`;
const TEXT = readFileSync(new URL(`./edge/${SERVICE}`, import.meta.url), "utf8");

/** There is no certificate yet when the first configuration is tested: an empty directory stands for it. */
const VALIDATE = "d=$(mktemp -d) && { FARM_EDGE_CERTIFICATES=$d haproxy -c -f %s; r=$?; rmdir $d; exit $r; }";

/** The addresses at which users find a host, by the name of the protocol, written as in a URL. */
const foundAt = ({ address, address6 }: Host): readonly (readonly [string, string])[] => [
  ["IPv4", address],
  ...(address6 === undefined ? [] : [["IPv6", `[${address6}]`] as const]),
];

/** Asks an application as users do, by each way that leads to the edge. */
function probesOf(host: Host, { id, hostnames, software }: Application): ProbeState[] {
  const health = healthOf[software];
  const [name] = hostnames;
  return foundAt(host).flatMap(([protocol, address]) =>
    (["http", "https"] as const).map((scheme) => ({
      name: `${id} answers through the edge by ${scheme} over ${protocol}`,
      command: `curl --silent --show-error --fail --capath /etc/ssl/certs --cacert ${TRUSTED} --max-time 10 --resolve '${name}:80:${address}' --resolve '${name}:443:${address}' '${scheme}://${name}${health.path}' | grep -F '${health.contains}'`,
      // In a new farm the nodes' turn comes later, and they have 120 s themselves.
      within: 180,
    })),
  );
}

/** Takes users' requests for all applications, on http and https. */
export const edge: HostRole = (context) => {
  const { inventory, host } = context;
  const applications = [...inventory.applications].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { services, ...kept } = certificates(context);
  const challenge = acmeOf(inventory) ? [challengeRule(context.keys)] : [];
  const nodes = [...new Set(applications.flatMap((a) => a.nodes))].sort();
  const addresses = foundAt(host).map(([, address]) => address);
  return {
    role: ROLE,
    packages: ["haproxy", ...kept.packages],
    directories: [{ path: "/etc/farm", owner: "root:root", mode: "0755" }, ...kept.directories],
    files: [
      file(CONFIG, edgeConfig(inventory, addresses, applications, challenge), { validate: VALIDATE }),
      file(UNIT, TEXT),
      ...kept.files,
      ...services,
    ],
    // The addresses may come up after us.
    sysctls: [
      { key: "net.ipv4.ip_nonlocal_bind", value: "1" },
      ...(host.address6 === undefined ? [] : [{ key: "net.ipv6.ip_nonlocal_bind", value: "1" }]),
    ],
    units: [
      unit("haproxy.service", { state: "masked", enabled: false }),
      unit(SERVICE, {
        restartOn: [UNIT],
        // HAProxy executes itself anew when it is reloaded, so that a new version takes over without a break.
        reloadOn: [CONFIG, ...kept.files.map(({ path }) => path), "package:haproxy"],
      }),
      ...kept.units,
    ],
    listens: [
      { service: "http", protocol: "tcp", port: 80, reach: "world" },
      { service: "https", protocol: "tcp", port: 443, reach: "world" },
    ],
    connects: [
      ...nodes.map(
        (node): ConnectState => ({
          ...{ service: "web", protocol: "tcp", port: WEB_PORT },
          to: { kind: "host", host: node },
        }),
      ),
      ...kept.connects,
    ],
    probes: [...applications.flatMap((each) => probesOf(host, each)), ...kept.probes],
  };
};
