/** The local ways to a database cluster: 127.0.0.1 on every host that uses it, so no load balancer can be lost. */
import { readFileSync } from "node:fs";
import type { ClusterKind, ProxyWay } from "../clusters/kind.ts";
import { kindOf } from "../clusters/kinds.ts";
import { file } from "../host/entries.ts";
import type { ConnectState } from "../host/state.ts";
import type { Cluster } from "../inventory/schema.ts";
import type { ClusterRole } from "./role.ts";

const HOLD = "/etc/farm/database-proxy/hold.lua";
/** From beside the configuration, be it a staged copy. */
const LOAD_HOLD = "\n    default-path config\n    lua-load hold.lua";
const hold = readFileSync(new URL("./database-proxy/hold.lua", import.meta.url), "utf8");

/** Where applications find the cluster that they use. */
export const PROXY_ADDRESS = "127.0.0.1";

/** The longer delay is HAProxy's own limit for such rules. */
const holdLines = (name: string, seconds: number): string => `
    tcp-request inspect-delay ${seconds + 5}s
    tcp-request content lua.hold ${name} ${seconds}`;

/**
 * One way. The members themselves say who is to be used, in answer to `check`: so all proxies send writes to the same one,
 * and a member that returns changes nothing. Proxies that choose for themselves, by order or by what sticks, differ
 * after one of them restarts, and with two writers Galera loses updates (Jepsen, March 2026). A proxy cut off from the
 * writer alone refuses rather than write elsewhere.
 */
function section(
  kind: ClusterKind,
  { name, port, targets, balance, check, sessions, hold }: ProxyWay,
): string {
  // HAProxy 3.0.11 takes tcp-ut from the server's own line alone; default-server's is ignored (seen with strace).
  const servers = targets.map((t) => `    server ${t.id} ${t.mesh}:${kind.port} tcp-ut 3s`);
  return `listen ${name}
    bind ${PROXY_ADDRESS}:${port}
    balance ${balance}${hold === undefined ? "" : holdLines(name, hold)}
    retries 5
    option redispatch 1
    option httpchk
    http-check send meth ${check.method} uri ${check.uri}
    http-check expect status 200
    # One slow answer is forgiven. ${sessions}
    default-server check port ${check.port} inter ${check.every} fall 2 rise 1
${servers.join("\n")}
`;
}

/** All of HAProxy's configuration for one cluster. */
function config(kind: ClusterKind, cluster: Cluster, ways: readonly ProxyWay[]): string {
  return `# Database cluster ${cluster.id}
global${ways.some(({ hold }) => hold !== undefined) ? LOAD_HOLD : ""}
    stats socket /run/farm-database-proxy-${cluster.id}/stats.sock mode 600 level admin
    log stderr format raw local0 notice
    maxconn 4096

defaults
    mode tcp
    log global
    timeout connect 1s
    timeout check 1s
    # ${kind.idle}
    timeout client 9h
    timeout server 9h
    option clitcpka
    # A member whose machine vanished is noticed by the kernel: within 3 s by a session that sent something (tcp-ut
    # below), within 4 s by an idle one. Not by on-marked-down shutdown-sessions: with HAProxy 3.0.11 a session that is
    # just connecting then hangs for ever, client and all (seen on booted machines, with retries and without).
    option srvtcpka
    srvtcpka-idle 2s
    srvtcpka-intvl 1s
    srvtcpka-cnt 2

${ways.map((way) => section(kind, way)).join("\n")}`;
}

function unit(cluster: Cluster, path: string): string {
  const runtime = `farm-database-proxy-${cluster.id}`;
  return `# Of its own beside haproxy.service: another role may use that one, and clusters don't share a fate.
[Unit]
Description=Way to the database cluster ${cluster.id}
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
User=haproxy
Group=haproxy
ExecStart=/usr/sbin/haproxy -Ws -f ${path}
ExecReload=/usr/sbin/haproxy -c -q -f ${path}
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
SuccessExitStatus=143
Restart=always
RestartSec=1
RuntimeDirectory=${runtime}
RuntimeDirectoryMode=0700
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6

[Install]
WantedBy=multi-user.target
`;
}

/** HAProxy on 127.0.0.1, with the ways that a cluster of this kind has. */
export const databaseProxy: ClusterRole = ({ inventory, host }, cluster) => {
  const kind = kindOf(cluster);
  const ways = kind.ways(inventory, cluster);
  const service = `database proxy ${cluster.id}`;
  const name = `farm-database-proxy-${cluster.id}`;
  const configPath = `/etc/farm/database-proxy/${cluster.id}.cfg`;
  const unitPath = `/etc/systemd/system/${name}.service`;
  const holding = ways.some((way) => way.hold !== undefined) ? [file(HOLD, hold)] : [];
  return {
    role: service,
    packages: ["haproxy", "python3"],
    directories: [
      { path: "/etc/farm", owner: "root:root", mode: "0755" },
      { path: "/etc/farm/database-proxy", owner: "root:root", mode: "0755" },
    ],
    files: [
      {
        path: configPath,
        owner: "root:root",
        mode: "0644",
        content: config(kind, cluster, ways),
        validate: "haproxy -c -q -f %s",
      },
      { path: unitPath, owner: "root:root", mode: "0644", content: unit(cluster, configPath) },
      ...holding,
    ],
    units: [
      {
        name: `${name}.service`,
        state: "running",
        enabled: true,
        restartOn: [unitPath],
        // HAProxy executes itself anew when it is reloaded, so that a new version takes over without a break.
        reloadOn: [configPath, "package:haproxy", ...holding.map(({ path }) => path)],
      },
    ],
    listens: ways.map(({ port }) => ({ service, protocol: "tcp", port, reach: "local" })),
    connects: ways.flatMap(({ targets, check }) =>
      targets
        .filter((target) => target.id !== host.id)
        .flatMap((target) =>
          [kind.port, check.port].map(
            (port): ConnectState => ({
              service,
              protocol: "tcp",
              port,
              to: { kind: "host", host: target.id },
            }),
          ),
        ),
    ),
    probes: ways.flatMap(({ probe, port }) =>
      probe === undefined ? [] : [{ name: probe, command: kind.answers(PROXY_ADDRESS, port), within: 30 }],
    ),
  };
};
