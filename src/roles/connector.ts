/**
 * A connector of Cloudflare's tunnel: it calls Cloudflare, and over what it has opened Cloudflare sends users' requests. Behind it
 * a proxy on loopback passes them to the nearest live node, since all connectors share one map and Cloudflare asks no node for
 * its health.
 */
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { healthOf } from "../apps/health.ts";
import { TUNNEL_SECRET } from "../dns/cloudflare/secret.ts";
import { ORIGIN } from "../dns/edge.ts";
import { file, unit } from "../host/entries.ts";
import type { ConnectState, FileState, ProbeState } from "../host/state.ts";
import type { Inventory } from "../inventory/schema.ts";
import { originConfig } from "./connector/origin.ts";
import type { HostRole } from "./role.ts";
import { WEB_PORT } from "./web.ts";

const ROLE = "connector";
const TOKEN = "/etc/farm/connector/token";
const CONFIG = "/etc/farm/connector/haproxy.cfg";
const KEY = "/etc/apt/keyrings/farm-cloudflared.asc";
const CONNECTOR = "farm-connector.service";
const ORIGIN_PROXY = "farm-origin.service";
const ACCOUNT = "cloudflared";

/** Where Cloudflare's servers await connectors (developers.cloudflare.com, "Tunnel with firewall"). */
const TUNNEL_PORT = 7844;
/** Its own first choice; here it is said in the unit, so that the probe finds it. */
const METRICS_PORT = 20241;

const unitPath = (name: string): string => `/etc/systemd/system/${name}`;
const ours = (name: string): string => readFileSync(new URL(`./connector/${name}`, import.meta.url), "utf8");
const TEXTS = { connector: ours(CONNECTOR), origin: ours(ORIGIN_PROXY) };

type Packages = NonNullable<Inventory["cloudflared"]>;

/** Of a checked inventory: where Cloudflare is the edge it says where cloudflared comes from. */
function packagesOf({ cloudflared }: Inventory): Packages {
  if (cloudflared === undefined) throw new Error("no farms:cloudflared in a checked inventory");
  return cloudflared;
}

/** A mirror of our own is called by address and directly; Cloudflare's own as all other packages are. */
const mirrorOf = ({ repository }: Packages): URL | undefined => {
  const url = new URL(repository);
  return isIPv4(url.hostname) ? url : undefined;
};

/** The source, and that nothing else comes from it: whoever signs it could replace any package of the host. */
function sources(packages: Packages): FileState[] {
  const { key, repository } = packages;
  const mirror = mirrorOf(packages);
  return [
    file(KEY, `${key.trimEnd()}\n`),
    file(
      "/etc/apt/sources.list.d/60-farm-cloudflared.sources",
      `Types: deb
URIs: ${repository}
Suites: any
Components: main
Signed-By: ${KEY}
`,
    ),
    file(
      "/etc/apt/preferences.d/60-farm-cloudflared",
      `Package: *
Pin: origin "${new URL(repository).hostname}"
Pin-Priority: -1

Package: cloudflared
Pin: origin "${new URL(repository).hostname}"
Pin-Priority: 500
`,
    ),
    ...(mirror
      ? [
          file(
            "/etc/apt/apt.conf.d/70farm-cloudflared",
            `Acquire::${mirror.protocol.slice(0, -1)}::Proxy::${mirror.hostname} "DIRECT";\n`,
          ),
        ]
      : []),
  ];
}

/** Cloudflare's servers have many addresses and may have others tomorrow; the packet filter knows no names. */
function connects(inventory: Inventory, host: string): ConnectState[] {
  const mirror = mirrorOf(packagesOf(inventory));
  const nodes = [...new Set(inventory.applications.flatMap((a) => a.nodes))].filter((id) => id !== host);
  return [
    { service: "tunnel", protocol: "tcp", port: TUNNEL_PORT, to: { kind: "internet" } },
    ...(mirror
      ? [
          {
            service: "packages",
            protocol: "tcp",
            port: Number(mirror.port || (mirror.protocol === "https:" ? 443 : 80)),
            to: { kind: "address", address: mirror.hostname },
          } as const,
        ]
      : []),
    ...nodes.sort().map(
      (id): ConnectState => ({
        ...{ service: "web", protocol: "tcp", port: WEB_PORT },
        to: { kind: "host", host: id },
      }),
    ),
  ];
}

function probes({ applications }: Inventory): ProbeState[] {
  const origin = new URL(ORIGIN);
  return [
    {
      name: "the tunnel is open",
      // Says as well how many of its four connections there are.
      command: `curl --silent --show-error --fail-with-body --max-time 5 http://127.0.0.1:${METRICS_PORT}/ready`,
      within: 60,
    },
    ...applications.map(({ id, hostnames, software }) => ({
      name: `${id} answers behind the connector`,
      command: `curl --silent --show-error --fail --max-time 10 --header 'Host: ${hostnames[0]}' '${origin.origin}${healthOf[software].path}' | grep -F '${healthOf[software].contains}'`,
      // In a new farm the other nodes' turn may come later, and they have 120 s themselves.
      within: 180,
    })),
  ];
}

/** Opens the tunnel, and takes what comes by it on loopback. */
export const connector: HostRole = ({ inventory, host, secret }) => {
  const packages = packagesOf(inventory);
  return {
    role: ROLE,
    packages: ["cloudflared", "haproxy"],
    accounts: [
      {
        ...{
          name: ACCOUNT,
          comment: "Cloudflare's connector",
          shell: "/usr/sbin/nologin",
          home: "/nonexistent",
        },
        ...{ groups: [], system: true },
      },
    ],
    directories: [
      { path: "/etc/apt/keyrings", owner: "root:root", mode: "0755" },
      { path: "/etc/farm", owner: "root:root", mode: "0755" },
      { path: "/etc/farm/connector", owner: "root:root", mode: "0755" },
    ],
    files: [
      ...sources(packages),
      // Handed over by systemd: the service's own account can't read the file.
      file(TOKEN, `${secret(TUNNEL_SECRET)}\n`, { mode: "0600" }),
      file(CONFIG, originConfig(inventory, host), { validate: "haproxy -c -q -f %s" }),
      file(unitPath(ORIGIN_PROXY), TEXTS.origin),
      file(unitPath(CONNECTOR), TEXTS.connector),
    ],
    units: [
      unit(ORIGIN_PROXY, {
        restartOn: [unitPath(ORIGIN_PROXY)],
        // HAProxy executes itself anew when it is reloaded, so that a new version takes over without a break.
        reloadOn: [CONFIG, "package:haproxy"],
      }),
      unit(CONNECTOR, { restartOn: [unitPath(CONNECTOR), TOKEN, "package:cloudflared"] }),
    ],
    listens: [
      { service: "cloudflared's state", protocol: "tcp", port: METRICS_PORT, reach: "local" },
      { service: "origin", protocol: "tcp", port: Number(new URL(ORIGIN).port), reach: "local" },
    ],
    connects: connects(inventory, host.id),
    probes: probes(inventory),
  };
};
