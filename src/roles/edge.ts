/** The edge: takes users' requests on a host's own address and passes them over the mesh to nodes that live. */
import { readFileSync } from "node:fs";
import { healthOf } from "../apps/health.ts";
import { file, unit } from "../host/entries.ts";
import type { FileState, ProbeState } from "../host/state.ts";
import type { Host } from "../inventory/schema.ts";
import {
  farmCertificate,
  hostAuthority,
  hostCertificate,
  LEAST_DAYS,
  servedNames,
} from "./edge/authority.ts";
import { edgeConfig, type Served } from "./edge/config.ts";
import type { HostRole, RoleContext } from "./role.ts";
import { WEB_PORT } from "./web.ts";

const ROLE = "edge";
const CONFIG = "/etc/farm/edge/haproxy.cfg";
const HOSTNAMES = "/etc/farm/edge/hostnames";
/** The farm's authority, the host's own, and the key of that. */
const TRUSTED = "/etc/farm/edge/farm-authority.pem";
const AUTHORITY = "/etc/farm/edge/authority.pem";
const AUTHORITY_KEY = "/etc/farm/edge/authority.key";
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
      command: `curl --silent --show-error --fail --cacert ${TRUSTED} --max-time 10 --resolve '${name}:80:${address}' --resolve '${name}:443:${address}' '${scheme}://${name}${health.path}' | grep -F '${health.contains}'`,
      // In a new farm the nodes' turn comes later, and they have 120 s themselves.
      within: 180,
    })),
  );
}

/** Asks how long the certificate lasts that users are shown now. */
function lastingProbe({ address }: Host, name: string): ProbeState {
  const shown = `openssl s_client -connect ${address}:443 -servername ${name} </dev/null 2>/dev/null`;
  return {
    name: `the certificate lasts ${LEAST_DAYS} days more`,
    command: `${shown} | openssl x509 -noout -checkend ${LEAST_DAYS * 86_400}`,
    within: 30,
  };
}

/** What the edge's certificates are made from, and by what. */
function certificateFiles({ inventory, host, keys, secret }: RoleContext): FileState[] {
  const secretly = { owner: "root:root", mode: "0600" };
  return [
    file(HOSTNAMES, `${servedNames(inventory).join("\n")}\n`),
    file(TRUSTED, farmCertificate(inventory, keys) ?? ""),
    file(AUTHORITY, hostCertificate(inventory, keys, host.id)),
    file(AUTHORITY_KEY, `${secret(hostAuthority(host.id))}\n`, secretly),
    file(PROGRAM, TEXTS.program, { validate: 'python3 -c \'compile(open("%s").read(), "%s", "exec")\'' }),
  ];
}

/** Takes users' requests for all applications, on http and https. */
export const edge: HostRole = (context) => {
  const { inventory, host } = context;
  const applications = [...inventory.applications].sort((a, b) => (a.id < b.id ? -1 : 1));
  const served: Served[] = applications.map((application) => ({
    application,
    health: healthOf[application.software],
  }));
  const certificates = certificateFiles(context);
  const [name] = servedNames(inventory);
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
      ...certificates,
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
        reloadOn: [CONFIG, ...certificates.map(({ path }) => path), "package:haproxy"],
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
    probes: [
      ...served.flatMap((each) => probesOf(host, each)),
      ...(name === undefined ? [] : [lastingProbe(host, name)]),
    ],
  };
};
