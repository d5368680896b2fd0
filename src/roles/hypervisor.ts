/**
 * A Proxmox host: the program that drives `pct` and `qm` for its guests, and its own settings. Its mirror is scrubbed and trimmed
 * monthly by Debian's zfsutils-linux and watched by zed, as they come; the rest is here. The web interface listens on
 * loopback: administrators reach it through SSH.
 */
import { readFileSync } from "node:fs";
import { file, unit } from "../host/entries.ts";
import type { DirectoryState, FileState } from "../host/state.ts";
import { arcLimit } from "../inventory/capacity.ts";
import type { Host } from "../inventory/schema.ts";
import { GUEST_BRIDGE, OUTSIDE_BRIDGE } from "./guest-network.ts";
import type { HostRole } from "./role.ts";

export const PROGRAMS = "/usr/local/lib/farm";
const PROGRAM = `${PROGRAMS}/proxmox`;
export const GUEST_PROGRAM = `${PROGRAMS}/guest`;
/** Parts of it, which Python finds beside it. */
const GUEST_MODULES = ["guest_mounts.py", "guest_tool.py", "guest_vm.py"];

const source = (name: string): string =>
  readFileSync(new URL(`./hypervisor/${name}`, import.meta.url), "utf8");

const program = (path: string, name: string): FileState =>
  file(path, source(name), { mode: "0755", validate: "python3 %s --help >/dev/null" });

const SETTINGS = "/etc/farm/proxmox.json";
/** The file that names it, and where apt finds that. */
export const PACKAGE_SOURCE = "/etc/farm/proxmox.sources";
export const PACKAGE_LINK = "/etc/apt/sources.list.d/farm-proxmox.sources";
const ARC = "/etc/modprobe.d/60-farm-zfs.conf";
const WEB = "/etc/default/pveproxy";
const DISKS = "/etc/smartd.conf";
/** Where the file that Proxmox VE keeps, /etc/network/interfaces, finds what is not its own. */
const INTERFACES = "/etc/network/interfaces.d";

/** Repository without subscription: Proxmox VE Administration Guide, "Package Repositories". */
export const packageSource = `Types: deb
URIs: http://download.proxmox.com/debian/pve
Suites: trixie
Components: pve-no-subscription
Signed-By: /usr/share/keyrings/proxmox-archive-keyring.gpg
`;

/** Every disk; a short test of its own each night and a long one on Saturdays; heat of 4 degrees' change or over 45. */
const disks = "DEVICESCAN -a -o on -S on -s (S/../.././02|L/../../6/03) -W 4,45,55 -m root\n";

const SETTLE = "farm-proxmox.service";
const DAILY = "farm-proxmox-daily";
const unitPath = (name: string): string => `/etc/systemd/system/${name}`;

const settle = `[Unit]
Description=Settings of the farm for Proxmox VE
After=networking.service
Before=pveproxy.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${PROGRAM} settle

[Install]
WantedBy=multi-user.target
`;

const daily = `[Unit]
Description=Copy of the settings of Proxmox VE, and what needs a person

[Service]
Type=oneshot
ExecStart=${PROGRAM} backup
ExecStart=${PROGRAM} check
`;

const timer = `[Unit]
Description=Daily look at Proxmox VE

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=yes

[Install]
WantedBy=timers.target
`;

/**
 * The host's own IPv6 address, which Proxmox's installer does not ask for beside one of IPv4; ifupdown2 adds it to the bridge.
 * Alone in its network, since the rest of the /64 is behind the host. Hetzner's router is the same everywhere
 * (docs.hetzner.com/robot/dedicated-server/network/net-config-debian-ubuntu).
 */
function outside6({ address6 }: Host): { directories: DirectoryState[]; files: FileState[] } {
  if (address6 === undefined) return { directories: [], files: [] };
  const content = `iface ${OUTSIDE_BRIDGE} inet6 static\n\taddress ${address6}/128\n\tgateway fe80::1\n`;
  return {
    directories: ["/etc/network", INTERFACES].map((path) => ({ path, owner: "root:root", mode: "0755" })),
    files: [file(`${INTERFACES}/60-farm`, content)],
  };
}

export const hypervisor: HostRole = ({ host }) => {
  const arcMax = arcLimit(host.memory);
  const outside = { bridge: OUTSIDE_BRIDGE, addresses6: host.address6 === undefined ? [] : [host.address6] };
  const settings = { arcMax, bridge: GUEST_BRIDGE, calmedDrivers: ["e1000e"], outside };
  const { directories, files: interfaces } = outside6(host);
  const settled = [
    ...interfaces,
    file(SETTINGS, `${JSON.stringify(settings, null, 2)}\n`),
    file(PACKAGE_SOURCE, packageSource),
    file(ARC, `options zfs zfs_arc_max=${arcMax}\n`),
    file(WEB, 'LISTEN_IP="127.0.0.1"\n'),
    file(DISKS, disks),
    program(PROGRAM, "proxmox.py"),
    file(unitPath(SETTLE), settle),
  ];
  return {
    role: "hypervisor",
    packages: ["ethtool", "python3", "smartmontools"],
    directories,
    files: [
      program(GUEST_PROGRAM, "guest.py"),
      ...GUEST_MODULES.map((name) => file(`${PROGRAMS}/${name}`, source(name))),
      ...settled,
      file(unitPath(`${DAILY}.service`), daily),
      file(unitPath(`${DAILY}.timer`), timer),
    ],
    units: [
      unit(SETTLE, { restartOn: settled.map(({ path }) => path) }),
      unit(`${DAILY}.timer`, { restartOn: [unitPath(`${DAILY}.timer`)] }),
    ],
  };
};
