/** The WireGuard mesh: a host is a peer of those it exchanges declared traffic with, and of no others. */
import { readFileSync } from "node:fs";
import { file, unit } from "../host/entries.ts";
import type { Contribution, FileState, RotationState } from "../host/state.ts";
import type { Host } from "../inventory/schema.ts";
import { calledAt, cannotMeet, keepsOpen, overVSwitch } from "../inventory/underlay.ts";
import { FarmError } from "../shell/errors.ts";
import { VSWITCH_MTU } from "./outside-network.ts";
import type { RoleContext } from "./role.ts";

const ROLE = "mesh";
const INTERFACE = "wg0";
const CONFIG = `/etc/wireguard/${INTERFACE}.conf`;
const UNIT = `wg-quick@${INTERFACE}.service`;
const DROP_IN = `/etc/systemd/system/${UNIT}.d/60-farm.conf`;
const RELOAD_DROP_IN = `/etc/systemd/system/${UNIT}.d/61-farm-reload.conf`;
const FOLLOWER = "farm-mesh.service";
const PROGRAM = "/usr/local/lib/farm-mesh";

const shipped = (name: string): string => readFileSync(new URL(`./mesh/${name}`, import.meta.url), "utf8");
/** They bring the interface to its configuration without losing a peer whose key changes; see main.py. */
const programFiles: readonly FileState[] = [
  file(`${PROGRAM}/main.py`, shipped("main.py"), { mode: "0755" }),
  file(`/etc/systemd/system/${FOLLOWER}`, shipped(FOLLOWER)),
  file(RELOAD_DROP_IN, shipped("wg-quick.conf")),
];

/** WireGuard's customary port. */
export const MESH_PORT = 51820;
export const MESH_INTERFACE = INTERFACE;

/** Seconds between packets that keep a translated way open; wg(8) advises 25, since some routers forget after 30. */
const KEEP_OPEN = 25;

/** Bytes that WireGuard adds to a packet over IPv4: 20 of IP, 8 of UDP, 32 of its own (wireguard.com/papers, 5.4.6). */
const OVERHEAD = 60;

/** Where a peer is behind a vSwitch its packets have to fit in; wg-quick knows the host's own interface alone. */
const mtuOf = (host: Host, peers: readonly Host[]): number | undefined =>
  peers.some((peer) => overVSwitch(host, peer)) ? VSWITCH_MTU - OVERHEAD : undefined;

/** The lines on where a peer is; none for one that calls us. */
function wayTo(host: Host, peer: Host): string {
  const address = calledAt(host, peer);
  const endpoint = address === undefined ? "" : `\nEndpoint = ${address}:${MESH_PORT}`;
  return keepsOpen(host, peer) ? `${endpoint}\nPersistentKeepalive = ${KEEP_OPEN}` : endpoint;
}

/** Throws a FarmError (exit code 2) for peers that can't find each other. */
function refuseUnreachable(host: Host, peers: readonly Host[]): void {
  const lost = peers.find((peer) => cannotMeet(host, peer));
  if (lost === undefined) return;
  throw new FarmError(
    `${host.id} and ${lost.id} have traffic with each other, and are guests with private addresses of two Proxmox hosts: neither can call the other`,
    "give one of them a public address, move it to the other's Proxmox host, or join the two Proxmox hosts by a vSwitch",
    2,
  );
}

function config({ host, keys, secret }: RoleContext, peers: readonly Host[]): string {
  const mtu = mtuOf(host, peers);
  const head = `[Interface]
PrivateKey = ${secret(`wireguard/${host.id}`)}
Address = ${host.mesh}/32
ListenPort = ${MESH_PORT}${mtu === undefined ? "" : `\nMTU = ${mtu}`}`;
  const peer = (other: Host) => `
# ${other.id}
[Peer]
PublicKey = ${keys.wireguard(other.id).publicKey}
AllowedIPs = ${other.mesh}/32${wayTo(host, other)}`;
  return `${[head, ...peers.map(peer)].join("\n")}\n`;
}

function hostsFile(host: Host, peers: readonly Host[]): string {
  const lines = [host, ...peers].map((h) => `${h.mesh} ${h.id}`);
  return `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n${lines.join("\n")}\n`;
}

/** This host's own raised key is taken up when all its peers know it, a peer's former one refused when that has turned. */
function rotations({ host, keys }: RoleContext, peers: readonly Host[]): RotationState[] {
  const raised = ({ id }: Host): boolean => keys.generation(`wireguard/${id}`) > 1;
  const of = (id: string, step: Omit<RotationState, "secret">): RotationState => ({
    secret: `wireguard/${id}`,
    ...step,
  });
  const key = (id: string): string => keys.wireguard(id).publicKey;
  return [
    ...(raised(host) ? [of(host.id, { turn: `${PROGRAM}/main.py turn ${key(host.id)}` })] : []),
    ...peers.filter(raised).map(({ id }) => of(id, { retire: `${PROGRAM}/main.py retire ${id} ${key(id)}` })),
  ];
}

/**
 * The mesh on one host. `peers` are the hosts that it has declared traffic with over the mesh, sorted by name.
 * wg-quick uses the kernel's WireGuard, and wireguard-go in user space where the kernel has none.
 */
export function mesh(context: RoleContext, peers: readonly Host[]): Contribution {
  const { host } = context;
  refuseUnreachable(host, peers);
  const mtu = mtuOf(host, peers);
  return {
    role: ROLE,
    packages: ["python3", "wireguard-tools", "wireguard-go"],
    directories: [
      { path: PROGRAM, owner: "root:root", mode: "0755" },
      { path: "/etc/wireguard", owner: "root:root", mode: "0700" },
    ],
    files: [
      ...programFiles,
      {
        path: CONFIG,
        owner: "root:root",
        mode: "0600",
        content: config(context, peers),
        validate: `wg-quick strip %d${CONFIG} >/dev/null`,
        confirm: true,
      },
      // A reload keeps the tunnels and changes peers; only a new address of our own, or size of packets, needs a restart.
      {
        path: DROP_IN,
        owner: "root:root",
        mode: "0644",
        content: `[Unit]
Description=Mesh of the farm, as ${host.mesh}${mtu === undefined ? "" : `, packets of ${mtu} bytes`}
# One failed start at boot must not leave the host outside for good.
StartLimitIntervalSec=0

[Service]
Restart=on-failure
RestartSec=1
`,
      },
      { path: "/etc/hosts", owner: "root:root", mode: "0644", content: hostsFile(host, peers) },
    ],
    links: [{ path: "/usr/local/sbin/farm-mesh", target: `${PROGRAM}/main.py` }],
    units: [
      unit(UNIT, { confirm: true, restartOn: [DROP_IN], reloadOn: [CONFIG] }),
      // Runs only while a peer has two keys.
      unit(FOLLOWER, { state: "unmanaged", enabled: false }),
    ],
    rotations: rotations(context, peers),
    listens: [{ service: "wireguard", protocol: "udp", port: MESH_PORT, reach: "underlay" }],
    connects: peers.map((peer) => ({
      service: "wireguard",
      protocol: "udp",
      port: MESH_PORT,
      to: { kind: "underlay", host: peer.id },
    })),
    probes: [
      {
        name: "mesh address",
        command: `ip -4 -oneline address show dev ${INTERFACE} | grep -qF ' ${host.mesh}/32 '`,
        within: 15,
      },
    ],
  };
}
