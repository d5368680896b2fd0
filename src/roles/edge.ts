/** The edge: takes users' requests on a host's own address and passes them over the mesh to nodes that live. */
import { readFileSync } from "node:fs";
import { healthOf } from "../apps/health.ts";
import { edgeNames } from "../dns/edge.ts";
import { file, unit } from "../host/entries.ts";
import type { ProbeState } from "../host/state.ts";
import type { Host } from "../inventory/schema.ts";
import { edgeConfig, type Served } from "./edge/config.ts";
import type { HostRole } from "./role.ts";
import { WEB_PORT } from "./web.ts";

const ROLE = "edge";
const CONFIG = "/etc/farm/edge/haproxy.cfg";
const HOSTNAMES = "/etc/farm/edge/hostnames";
const PROGRAM = "/usr/local/lib/farm-edge/certificate.py";
const SERVICE = "farm-edge.service";
const RENEWAL = "farm-edge-certificate";

const ours = (name: string): string => readFileSync(new URL(`./edge/${name}`, import.meta.url), "utf8");
const TEXTS = {
  program: ours("certificate.py"),
  service: ours(SERVICE),
  renewal: ours(`${RENEWAL}.service`),
  timer: ours(`${RENEWAL}.timer`),
};

/** There is no certificate yet when the first configuration is tested: an empty directory stands for it. */
const VALIDATE = "d=$(mktemp -d) && { FARM_EDGE_CERTIFICATES=$d haproxy -c -f %s; r=$?; rmdir $d; exit $r; }";

/** The addresses at which users find a host, by the name of the protocol, written as in a URL. */
const foundAt = ({ address, address6 }: Host): readonly (readonly [string, string])[] => [
  ["IPv4", address],
  ...(address6 === undefined ? [] : [["IPv6", `[${address6}]`] as const]),
];

/** Asks an application as users do, by each way that leads to the edge. */
function probesOf(host: Host, { application: { id, hostnames }, health }: Served): ProbeState[] {
  const [name] = hostnames;
  return foundAt(host).flatMap(([protocol, address]) =>
    (["http", "https"] as const).map((scheme) => ({
      name: `${id} answers through the edge by ${scheme} over ${protocol}`,
      command: `curl --silent --show-error --fail --insecure --max-time 10 --resolve '${name}:80:${address}' --resolve '${name}:443:${address}' '${scheme}://${name}${health.path}' | grep -F '${health.contains}'`,
      // In a new farm the nodes' turn comes later, and they have 120 s themselves.
      within: 180,
    })),
  );
}

/** Takes users' requests for all applications, on http and https. */
export const edge: HostRole = ({ inventory, host }) => {
  const applications = [...inventory.applications].sort((a, b) => (a.id < b.id ? -1 : 1));
  const served: Served[] = applications.map((application) => ({
    application,
    health: healthOf[application.software],
  }));
  const hostnames = edgeNames(inventory)
    .map(({ name }) => name)
    .sort();
  const nodes = [...new Set(applications.flatMap((a) => a.nodes))].sort();
  const addresses = foundAt(host).map(([, address]) => address);
  return {
    role: ROLE,
    packages: ["haproxy", "openssl"],
    directories: [
      { path: "/etc/farm", owner: "root:root", mode: "0755" },
      { path: "/etc/farm/edge", owner: "root:root", mode: "0755" },
      { path: "/usr/local/lib/farm-edge", owner: "root:root", mode: "0755" },
      { path: "/var/lib/farm-edge", owner: "root:haproxy", mode: "0750" },
    ],
    files: [
      file(CONFIG, edgeConfig(inventory, addresses, served), { validate: VALIDATE }),
      file(HOSTNAMES, `${hostnames.join("\n")}\n`),
      file(PROGRAM, TEXTS.program, { validate: 'python3 -c \'compile(open("%s").read(), "%s", "exec")\'' }),
      file(`/etc/systemd/system/${SERVICE}`, TEXTS.service),
      file(`/etc/systemd/system/${RENEWAL}.service`, TEXTS.renewal),
      file(`/etc/systemd/system/${RENEWAL}.timer`, TEXTS.timer),
    ],
    // The addresses may come up after us.
    sysctls: [
      { key: "net.ipv4.ip_nonlocal_bind", value: "1" },
      ...(host.address6 === undefined ? [] : [{ key: "net.ipv6.ip_nonlocal_bind", value: "1" }]),
    ],
    units: [
      unit("haproxy.service", { state: "masked", enabled: false }),
      unit(SERVICE, {
        restartOn: [`/etc/systemd/system/${SERVICE}`],
        // HAProxy executes itself anew when it is reloaded, so that a new version takes over without a break.
        reloadOn: [CONFIG, HOSTNAMES, PROGRAM, "package:haproxy"],
      }),
      unit(`${RENEWAL}.timer`, { restartOn: [`/etc/systemd/system/${RENEWAL}.timer`] }),
    ],
    listens: [
      { service: "http", protocol: "tcp", port: 80, reach: "world" },
      { service: "https", protocol: "tcp", port: 443, reach: "world" },
    ],
    connects: nodes.map((node) => ({
      service: "web",
      protocol: "tcp",
      port: WEB_PORT,
      to: { kind: "host", host: node },
    })),
    probes: served.flatMap((each) => probesOf(host, each)),
  };
};
