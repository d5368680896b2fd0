/** What every host is, whatever else it does: reachable by administrators alone, kept up to date, quiet. */
import { kinds } from "../clusters/kinds.ts";
import { AGENT } from "../host/agent.ts";
import { file, unit } from "../host/entries.ts";
import type { AccountState, Contribution, FileState, ProbeState } from "../host/state.ts";
import { guestsOf } from "../inventory/capacity.ts";
import { endedSessions } from "./ended-sessions.ts";
import type { HostRole, RoleContext } from "./role.ts";
import { selfCheck } from "./self-check.ts";

const ROLE = "base";
const ADMINISTRATORS = "farm-admins";
export const SSHD_CONFIG = "/etc/ssh/sshd_config.d/10-farm.conf";
export const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";
const AUTHORIZED_KEYS = "/etc/ssh/authorized_keys.d";
const UNCONFIRMED = "farm-unconfirmed.service";
const JOURNALD = "/etc/systemd/journald.conf.d/60-farm.conf";

const keysOf = (account: string): string => `${AUTHORIZED_KEYS}/${account}`;

/** Whether others are reached through this host: administrators pass a Proxmox host on the way to its guests. */
const isJumpHost = ({ inventory, host }: RoleContext): boolean => guestsOf(inventory, host.id).length > 0;

function sshd(context: RoleContext): string {
  const accounts = ["root", ...context.inventory.administrators.map((a) => a.name)];
  return `# Keys only, for these accounts only. Keys lie outside of homes, so that nobody adds one unseen.
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers ${accounts.join(" ")}
AuthorizedKeysFile ${AUTHORIZED_KEYS}/%u
HostKey ${HOST_KEY}
AllowTcpForwarding ${isJumpHost(context) ? "local" : "no"}
AllowAgentForwarding no
X11Forwarding no
# Tells a session with which key it was opened: root's are those of all administrators, and the history names one.
ExposeAuthInfo yes
# The program opens several connections to a host at once; the default (10:30:100) drops some of them.
MaxStartups 64:30:128
`;
}

function sshFiles(context: RoleContext): FileState[] {
  const { administrators } = context.inventory;
  const allKeys = administrators.flatMap((a) => a.keys);
  const keyFile = (account: string, keys: readonly string[]) =>
    file(keysOf(account), `${keys.join("\n")}\n`, { confirm: true });
  return [
    file(SSHD_CONFIG, sshd(context), { validate: "sshd -t -f %s", confirm: true }),
    file(HOST_KEY, `${context.secret(`ssh-host-key/${context.host.id}`)}\n`, {
      mode: "0600",
      confirm: true,
    }),
    file(`${HOST_KEY}.pub`, `${context.keys.sshHostKey(context.host.id).publicKey} ${context.host.id}\n`),
    keyFile("root", allKeys),
    ...administrators.map((a) => keyFile(a.name, a.keys)),
  ];
}

/** Security upgrades by themselves, but never the software of a quorum: that is upgraded member by member. */
function aptFiles({ inventory }: RoleContext): FileState[] {
  const software = new Set(inventory.clusters.map((cluster) => cluster.software).sort());
  const quorums = [...software].flatMap((each) => kinds[each].packages);
  const files = [
    file(
      "/etc/apt/apt.conf.d/60farm-upgrades",
      `APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Package-Blacklist { ${quorums.map((pattern) => `"${pattern}"; `).join("")}};
Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
`,
    ),
  ];
  if (inventory.packageProxy !== undefined)
    files.push(
      file("/etc/apt/apt.conf.d/60farm-proxy", `Acquire::http::Proxy "${inventory.packageProxy}";\n`),
    );
  return files;
}

/** The timer that undoes an unconfirmed change is gone after a power cut, so a boot counts as its end. */
const undoUnconfirmed = `[Unit]
Description=Undo a change that nobody has confirmed
ConditionPathExists=/var/lib/farm/transaction/confirmation.json

[Service]
Type=oneshot
ExecStart=${AGENT} go-back

[Install]
WantedBy=multi-user.target
`;

/** Packages that are held to a version stay there when apt upgrades the rest. */
function heldVersions({ inventory }: RoleContext): FileState[] {
  const pins = Object.entries(inventory.versions).map(
    ([source, version]) => `Package: src:${source}\nPin: version ${version}\nPin-Priority: 1001\n`,
  );
  return pins.length === 0 ? [] : [file("/etc/apt/preferences.d/60-farm", pins.join("\n"))];
}

function accounts({ inventory }: RoleContext): AccountState[] {
  return inventory.administrators.map((administrator) => ({
    name: administrator.name,
    comment: "administrator of the farm",
    shell: "/bin/bash",
    home: `/home/${administrator.name}`,
    groups: [ADMINISTRATORS],
    system: false,
  }));
}

function connects({ inventory, host }: RoleContext): NonNullable<Contribution["connects"]> {
  const proxy = inventory.packageProxy && new URL(inventory.packageProxy);
  const packages = proxy
    ? [
        {
          service: "packages",
          protocol: "tcp",
          port: Number(proxy.port),
          to: { kind: "address", address: proxy.hostname },
        } as const,
      ]
    : [80, 443].map(
        (port) => ({ service: "packages", protocol: "tcp", port, to: { kind: "internet" } }) as const,
      );
  const names = inventory.nameservers.flatMap((address) =>
    (["udp", "tcp"] as const).map(
      (protocol) => ({ service: "dns", protocol, port: 53, to: { kind: "address", address } }) as const,
    ),
  );
  const guests = guestsOf(inventory, host.id).map(
    (h) => ({ service: "ssh", protocol: "tcp", port: 22, to: { kind: "underlay", host: h.id } }) as const,
  );
  return [
    ...packages,
    ...names,
    ...guests,
    { service: "ntp", protocol: "udp", port: 123, to: { kind: "internet" } },
  ];
}

/** Its provider or Proxmox host gives it to the machine; where nobody does, whoever is sent there waits for nothing. */
const hasAddress6 = (address: string): ProbeState => ({
  name: "IPv6 address",
  command: `ip -6 -oneline address show scope global -tentative | grep -F ' ${address}/' || { echo "${address} is on no interface"; exit 1; }`,
  within: 15,
});

/**
 * Accounts and keys of the administrators, SSH by key for a list of accounts, automatic security upgrades, time,
 * a bounded journal, a look for drift every quarter of an hour, and no portmapper (the CERT-Bund report of 2021-12-14: 111/udp open to the world).
 * A guest's SSH is reached through its Proxmox host, everybody else's from anywhere.
 */
export const base: HostRole = (context) => {
  const { host } = context;
  const jumped = host.origin.kind === "guest";
  const sessions = endedSessions(
    ["root", ...context.inventory.administrators.map((a) => a.name)].map(keysOf),
  );
  return {
    role: ROLE,
    packages: [
      "ca-certificates",
      "curl",
      "openssh-server",
      "python3",
      "sudo",
      "systemd-timesyncd",
      "unattended-upgrades",
    ],
    versions: Object.entries(context.inventory.versions).map(([source, version]) => ({ source, version })),
    accounts: accounts(context),
    directories: [
      { path: AUTHORIZED_KEYS, owner: "root:root", mode: "0755" },
      ...sessions.directories,
      ...selfCheck.directories,
    ],
    files: [
      ...sshFiles(context),
      ...aptFiles(context),
      ...heldVersions(context),
      file("/etc/sudoers.d/farm", `%${ADMINISTRATORS} ALL=(ALL:ALL) NOPASSWD: ALL\n`, {
        mode: "0440",
        validate: "visudo -cqf %s",
        confirm: true,
      }),
      file(`/etc/systemd/system/${UNCONFIRMED}`, undoUnconfirmed),
      file(JOURNALD, "[Journal]\nStorage=persistent\nSystemMaxUse=500M\nMaxRetentionSec=3month\n"),
      ...sessions.files,
      ...selfCheck.files,
    ],
    units: [
      unit("ssh.service", {
        confirm: true,
        restartOn: [HOST_KEY, "package:openssh-server"],
        reloadOn: [SSHD_CONFIG],
      }),
      unit("systemd-journald.service", { enabled: false, restartOn: [JOURNALD] }),
      // Whether it runs at a boot is its condition's business.
      unit(UNCONFIRMED, { state: "unmanaged" }),
      ...sessions.units,
      ...selfCheck.units,
      unit("apt-daily.timer"),
      unit("apt-daily-upgrade.timer"),
      // Containers share their host's clock: there the unit's own condition keeps it from running.
      unit("systemd-timesyncd.service", { state: "unmanaged" }),
      ...["rpcbind.service", "rpcbind.socket"].map((name) => unit(name, { state: "masked", enabled: false })),
    ],
    listens: [{ service: "ssh", protocol: "tcp", port: 22, reach: jumped ? "underlay" : "world" }],
    connects: connects(context),
    probes: [
      ...(host.address6 === undefined ? [] : [hasAddress6(host.address6)]),
      {
        name: "ssh answers",
        command: `python3 -c 'import socket; assert socket.create_connection(("127.0.0.1", 22), 2).recv(4) == b"SSH-"'`,
        within: 10,
      },
    ],
  };
};
