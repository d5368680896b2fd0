/**
 * What a Proxmox host has on its outside bridge beside its IPv4 address: an IPv6 address, and its vSwitch. In a file of our own
 * that ifupdown2 reads with that of Proxmox VE's installer: networkd would have to take the bridge over to put a VLAN on it.
 */
import { file, unit } from "../host/entries.ts";
import type { Contribution } from "../host/state.ts";
import { networkOf, written } from "../inventory/addresses.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { OUTSIDE_BRIDGE, vSwitchInterface } from "./guest-network.ts";
import { PROXMOX_PROGRAM } from "./hypervisor.ts";

/** Bytes of a packet on a vSwitch (docs.hetzner.com/robot/dedicated-server/network/vswitch). */
export const VSWITCH_MTU = 1400;

const FOLDER = "/etc/network/interfaces.d";
const INTERFACES = `${FOLDER}/60-farm`;
const UNIT = "farm-interfaces.service";
const UNIT_PATH = `/etc/systemd/system/${UNIT}`;

const stanza = (head: string, lines: readonly string[]): string =>
  [head, ...lines.map((line) => `\t${line}`), ""].join("\n");

/**
 * Alone in its network, since the rest of the /64 is behind the host. Hetzner's router is the same everywhere
 * (docs.hetzner.com/robot/dedicated-server/network/net-config-debian-ubuntu).
 */
const outside6 = ({ address6 }: Host): string[] =>
  address6 === undefined
    ? []
    : [stanza(`iface ${OUTSIDE_BRIDGE} inet6 static`, [`address ${address6}/128`, "gateway fe80::1"])];

/** The vSwitch's VLAN, and by it the ways to the guests of the other Proxmox hosts there. */
function onVSwitch({ hosts }: Inventory, host: Host): string[] {
  const { id, vSwitch, vSwitchAddress } = host;
  if (vSwitchAddress === undefined) return [];
  const name = vSwitchInterface(host);
  const routes = hosts.flatMap((other) =>
    other.id !== id && other.vSwitch === vSwitch && other.vSwitchAddress && other.guestNetwork
      ? [
          `post-up ip route replace ${networkOf(other.guestNetwork)} via ${other.vSwitchAddress.address} dev ${name}`,
        ]
      : [],
  );
  const own = [`address ${written(vSwitchAddress)}`, `mtu ${VSWITCH_MTU}`];
  return [stanza(`auto ${name}\niface ${name} inet static`, [...own, ...routes])];
}

const unitText = `[Unit]
Description=What the farm adds to the outside network of Proxmox VE
After=networking.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${PROXMOX_PROGRAM} interfaces

[Install]
WantedBy=multi-user.target
`;

/** The file is there also when it says nothing, so that what it said before is taken down. */
export function outsideNetwork(inventory: Inventory, host: Host): Contribution {
  const stanzas = [...outside6(host), ...onVSwitch(inventory, host)];
  const content = ["# Beside what Proxmox VE has in /etc/network/interfaces.\n", ...stanzas].join("\n");
  return {
    role: "outside network",
    directories: ["/etc/network", FOLDER].map((path) => ({ path, owner: "root:root", mode: "0755" })),
    files: [file(INTERFACES, content, { confirm: true }), file(UNIT_PATH, unitText)],
    units: [unit(UNIT, { confirm: true, restartOn: [INTERFACES, UNIT_PATH] })],
  };
}
