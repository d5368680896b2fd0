/**
 * A Proxmox host: the program that drives `pct` and `qm` for its guests, and its own settings. Its mirror is scrubbed and trimmed
 * monthly by Debian's zfsutils-linux and watched by zed, as they come; the rest is here. The web interface listens on
 * loopback: administrators reach it through SSH.
 */
import { readFileSync } from "node:fs";
import { file, unit } from "../host/entries.ts";
import type { FileState } from "../host/state.ts";
import { arcLimit } from "../inventory/capacity.ts";
import { GUEST_BRIDGE } from "./guest-network.ts";
import type { HostRole } from "./role.ts";

export const PROGRAMS = "/usr/local/lib/farm";
export const PROXMOX_PROGRAM = `${PROGRAMS}/proxmox`;
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
Before=pveproxy.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${PROXMOX_PROGRAM} settle

[Install]
WantedBy=multi-user.target
`;

const daily = `[Unit]
Description=Copy of the settings of Proxmox VE, and what needs a person

[Service]
Type=oneshot
ExecStart=${PROXMOX_PROGRAM} backup
ExecStart=${PROXMOX_PROGRAM} check
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

export const hypervisor: HostRole = ({ host }) => {
  const arcMax = arcLimit(host.memory);
  const settings = { arcMax, bridge: GUEST_BRIDGE, calmedDrivers: ["e1000e"] };
  const settled = [
    file(SETTINGS, `${JSON.stringify(settings, null, 2)}\n`),
    file(PACKAGE_SOURCE, packageSource),
    file(ARC, `options zfs zfs_arc_max=${arcMax}\n`),
    file(WEB, 'LISTEN_IP="127.0.0.1"\n'),
    file(DISKS, disks),
    program(PROXMOX_PROGRAM, "proxmox.py"),
    file(unitPath(SETTLE), settle),
  ];
  return {
    role: "hypervisor",
    packages: ["ethtool", "python3", "smartmontools"],
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
