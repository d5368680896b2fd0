/** The local way to a database cluster: 127.0.0.1 on every host that uses it, so no load balancer can be lost. */
import type { ConnectState } from "../host/state.ts";
import type { Cluster, Host } from "../inventory/schema.ts";
import { membersOf } from "./mariadb/config.ts";
import { CLIENT_PORT, STATE_PORT } from "./mariadb/ports.ts";
import type { ClusterRole } from "./role.ts";

/** Where applications find the writer of the cluster that they use. */
export const PROXY_ADDRESS = "127.0.0.1";

/**
 * All of HAProxy's configuration for one cluster. Exactly one member answers /writer with 200: the members agree
 * which (decide.py), so all proxies send writes to the same one, and a member that returns changes nothing. Proxies
 * that choose for themselves, by order or by what sticks, differ after one of them restarts, and with two writers
 * Galera loses updates (Jepsen, March 2026). A proxy cut off from the writer alone refuses rather than write elsewhere.
 */
function config(cluster: Cluster, members: readonly Host[]): string {
  // HAProxy 3.0.11 takes tcp-ut from the server's own line alone; default-server's is ignored (seen with strace).
  const servers = members.map((m) => `    server ${m.id} ${m.mesh}:${CLIENT_PORT} tcp-ut 3s`);
  return `# Database cluster ${cluster.id}
global
    stats socket /run/farm-database-proxy-${cluster.id}/stats.sock mode 600 level admin
    log stderr format raw local0 notice
    maxconn 4096

defaults
    mode tcp
    log global
    timeout connect 1s
    timeout check 1s
    # Longer than MariaDB's own wait_timeout (8 h): an idle session ends where its owner knows why.
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

listen ${cluster.id}
    bind ${PROXY_ADDRESS}:${CLIENT_PORT}
    balance first
    retries 5
    option redispatch 1
    option httpchk
    http-check send meth GET uri /writer
    http-check expect status 200
    # One slow answer is forgiven. A former writer that lives ends its clients' sessions itself (daemon.py).
    default-server check port ${STATE_PORT} inter 500ms fall 2 rise 1
${servers.join("\n")}
`;
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

/** HAProxy on 127.0.0.1, on the port of the cluster's software, leading to its one writer. */
export const databaseProxy: ClusterRole = ({ inventory, host }, cluster) => {
  const members = membersOf(inventory, cluster);
  const name = `farm-database-proxy-${cluster.id}`;
  const configPath = `/etc/farm/database-proxy/${cluster.id}.cfg`;
  const unitPath = `/etc/systemd/system/${name}.service`;
  return {
    role: `database proxy ${cluster.id}`,
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
        content: config(cluster, members),
        validate: "haproxy -c -q -f %s",
      },
      { path: unitPath, owner: "root:root", mode: "0644", content: unit(cluster, configPath) },
    ],
    units: [
      {
        name: `${name}.service`,
        state: "running",
        enabled: true,
        restartOn: [unitPath],
        // HAProxy executes itself anew when it is reloaded, so that a new version takes over without a break.
        reloadOn: [configPath, "package:haproxy"],
      },
    ],
    listens: [
      { service: `database proxy ${cluster.id}`, protocol: "tcp", port: CLIENT_PORT, reach: "local" },
    ],
    connects: members
      .filter((member) => member.id !== host.id)
      .flatMap((member) =>
        [CLIENT_PORT, STATE_PORT].map(
          (port): ConnectState => ({
            service: `database proxy ${cluster.id}`,
            protocol: "tcp",
            port,
            to: { kind: "host", host: member.id },
          }),
        ),
      ),
    probes: [
      {
        name: `way to the writer of ${cluster.id}`,
        // A server that takes us says "protocol 10" (a newline) in byte 5 of its greeting, an error is 255.
        command: `python3 -c 'import socket; s = socket.create_connection(("${PROXY_ADDRESS}", ${CLIENT_PORT}), 3); s.settimeout(3); assert s.recv(64)[4:5] == b"\\n", "no database answers"'`,
        within: 30,
      },
    ],
  };
};
