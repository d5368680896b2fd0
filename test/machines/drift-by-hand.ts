/** What people do to a host by hand, how they undo it, and what is to be told of it. */

/** An Ed25519 public key of ones; nobody has the private one. */
export const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

export const RULES = `#!/usr/sbin/nft -f
table inet farm
delete table inet farm
table inet farm {
  counter dropped_in { }
  chain input {
    type filter hook input priority filter; policy accept;
    iif "lo" accept
    ip saddr { 192.0.2.9, 192.0.2.1, 192.0.2.4 } tcp dport { 22, 8088 } accept comment "known"
    counter name dropped_in
  }
}
`;

export interface ByHand {
  readonly what: string;
  readonly script: string;
  readonly undo: string;
  /** `kind name: what` of every finding. */
  readonly found: readonly string[];
  /** What the diffs have to show; without it there is none. */
  readonly diff?: RegExp;
}

const listen = (kind: string, port: number): string =>
  `systemd-run --quiet --unit=t-port /usr/bin/python3 -c 'import socket, time; s = socket.socket(type=socket.SOCK_${kind}); s.bind(("", ${port})); ${kind === "STREAM" ? "s.listen(); " : ""}time.sleep(600)'
until ss -Hlntu | grep -q ':${port} '; do sleep 0.1; done`;
const silence = "systemctl stop t-port.service";

export const byHand: readonly ByHand[] = [
  {
    what: "a file edited",
    script: "sed -i s/two/2/ /etc/t-a",
    undo: "sed -i s/2/two/ /etc/t-a",
    found: ["file /etc/t-a: content changed"],
    diff: /^--- \/etc\/t-a \(applied\)\n\+\+\+ \/etc\/t-a \(present\)\n@@ .* @@\n one\n-two\n\+2\n three$/,
  },
  {
    what: "a password written into a file that holds none",
    script: "echo 'db_password = tell-nobody' >>/etc/t-a",
    undo: "sed -i /db_password/d /etc/t-a",
    found: ["file /etc/t-a: content changed"],
    diff: /^\+db_password = \[hidden\]$/m,
  },
  {
    what: "a file removed",
    script: "mv /etc/t-a /run/t-kept",
    undo: "mv /run/t-kept /etc/t-a",
    found: ["file /etc/t-a: missing"],
  },
  {
    what: "a file replaced by a link",
    script: "mv /etc/t-a /run/t-kept; ln -s /run/t-kept /etc/t-a",
    undo: "mv /run/t-kept /etc/t-a",
    found: ["file /etc/t-a: a link to /run/t-kept"],
  },
  {
    what: "a file's mode",
    script: "chmod 0644 /etc/t-token",
    undo: "chmod 0600 /etc/t-token",
    found: ["mode /etc/t-token: 0600 → 0644"],
  },
  {
    what: "a file's owner",
    script: "chown www-data:4242 /etc/t-a",
    undo: "chown root:root /etc/t-a",
    found: ["owner /etc/t-a: root:root → www-data:4242"],
  },
  {
    what: "a link turned",
    script: "ln -sfn /etc/passwd /etc/t-link",
    undo: "ln -sfn /etc/t-a /etc/t-link",
    found: ["link /etc/t-link: a link to /etc/t-a → a link to /etc/passwd"],
  },
  {
    what: "a directory opened for all",
    script: "chmod 0777 /srv/t-dir",
    undo: "chmod 0755 /srv/t-dir",
    found: ["mode /srv/t-dir: 0755 → 0777"],
  },
  {
    what: "a directory removed",
    script: "rmdir /srv/t-dir",
    undo: "mkdir /srv/t-dir",
    found: ["directory /srv/t-dir: missing"],
  },
  {
    what: "a kernel setting",
    script: "sysctl -qw net.ipv4.tcp_fin_timeout=60",
    undo: "sysctl -qw net.ipv4.tcp_fin_timeout=17",
    found: ["sysctl net.ipv4.tcp_fin_timeout: 17 → 60"],
  },
  {
    what: "a service stopped",
    script: "systemctl stop t-listen.service",
    undo: "systemctl start t-listen.service; until ss -Hlnt | grep -q :8088; do sleep 0.1; done",
    found: [
      "unit t-listen.service: does not run (inactive, dead)",
      "port 8088/tcp: nobody listens there any more",
    ],
  },
  {
    what: "a service disabled",
    script: "systemctl disable -q t-web.service",
    undo: "systemctl enable -q t-web.service",
    found: ["unit t-web.service: does not start at boot (disabled)"],
  },
  {
    what: "a service unmasked",
    script: "systemctl unmask -q t-foreign.service",
    undo: "systemctl mask -q t-foreign.service",
    found: ["unit t-foreign.service: is not masked any more"],
  },
  {
    what: "a service masked until the next boot",
    script: "systemctl mask -q --runtime cron.service",
    undo: "systemctl unmask -q --runtime cron.service",
    found: ["unit-file /run/systemd/system/cron.service: is new and not declared"],
    diff: /^\+link to \/dev\/null$/m,
  },
  {
    what: "a setting of a service (systemctl edit)",
    script:
      "printf '[Service]\\nNice=5\\nEnvironment=PASSWORD=tell-nobody\\n' | systemctl edit --stdin t-web.service",
    undo: "systemctl revert t-web.service 2>/dev/null || true; rm -rf /etc/systemd/system/t-web.service.d; systemctl daemon-reload",
    found: ["drop-in /etc/systemd/system/t-web.service.d/override.conf: is new and not declared"],
    diff: /^\+Nice=5\n\+Environment=\(not shown\)$/m,
  },
  {
    what: "a property of a service (systemctl set-property)",
    script: "systemctl set-property t-web.service CPUWeight=50",
    undo: "rm -r /etc/systemd/system.control/t-web.service.d; systemctl daemon-reload",
    found: ["drop-in /etc/systemd/system.control/t-web.service.d/50-CPUWeight.conf: is new and not declared"],
    diff: /^\+CPUWeight=50$/m,
  },
  {
    what: "a service of somebody's own",
    script: "printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/miner.service",
    undo: "rm /etc/systemd/system/miner.service",
    found: ["unit-file /etc/systemd/system/miner.service: is new and not declared"],
    diff: /^\+ExecStart=\/bin\/true$/m,
  },
  {
    what: "a package removed",
    script: "dpkg --purge hello >/dev/null",
    undo: "apt-get install -qqy hello >/dev/null 2>&1",
    found: ["package hello: is removed"],
  },
  {
    what: "a package held",
    script: "apt-mark hold hello",
    undo: "apt-mark unhold hello",
    found: ["package hello: selection install → hold"],
  },
  {
    what: "a hold lifted that was there before the farm",
    script: "apt-mark unhold bash",
    undo: "apt-mark hold bash",
    found: ["package bash: selection hold → install"],
  },
  {
    what: "a package added",
    script: "apt-get install -qqy tree >/dev/null 2>&1",
    undo: "dpkg --purge tree >/dev/null",
    found: ["package tree: is installed and not declared"],
  },
  {
    what: "an open TCP port",
    script: listen("STREAM", 8099),
    undo: silence,
    found: ["port 8099/tcp: python3 (pid) listens on 0.0.0.0, and nobody declared it"],
  },
  {
    what: "an open UDP port",
    script: listen("DGRAM", 161),
    undo: silence,
    found: ["port 161/udp: python3 (pid) listens on 0.0.0.0, and nobody declared it"],
  },
  {
    what: "an account added",
    script: "useradd --create-home --shell /bin/bash --groups sudo eve",
    undo: "userdel --remove eve 2>/dev/null",
    found: ["account eve: is new: uid 1002, shell /bin/bash, groups sudo, password locked"],
  },
  {
    what: "a second root",
    script: "useradd --non-unique --uid 0 --shell /bin/sh toor",
    undo: "userdel --force toor 2>/dev/null || true",
    found: ["account toor: is new: uid 0, shell /bin/sh, password locked"],
  },
  {
    what: "an account's shell and groups",
    script: "usermod --shell /bin/sh --append --groups sudo t-ops",
    undo: "usermod --shell /bin/bash --groups adm t-ops",
    found: ["account t-ops: shell /bin/bash → /bin/sh, groups adm → adm sudo"],
  },
  {
    what: "a password set",
    script: "echo root:tell-nobody | chpasswd",
    undo: "usermod --password '*' root",
    found: ["account root: password locked → set"],
  },
  {
    what: "an account of old removed",
    script: "cp -a /etc/passwd /etc/shadow /etc/group /run/; sed -i /^old:/d /etc/passwd",
    undo: "cp -a /run/passwd /run/shadow /run/group /etc/",
    found: ["account old: is removed"],
  },
  {
    what: "a stray key where sshd reads it",
    script: `echo '${KEY} eve' >/etc/ssh/authorized_keys.d/old`,
    undo: "rm /etc/ssh/authorized_keys.d/old",
    found: ["key /etc/ssh/authorized_keys.d/old: is new and not declared"],
    diff: / eve$/m,
  },
  {
    what: "a stray key in a home",
    script: `echo '${KEY} eve' >>~old/.ssh/authorized_keys`,
    undo: `echo '${KEY} old' >~old/.ssh/authorized_keys`,
    found: ["key /home/old/.ssh/authorized_keys: content changed"],
    diff: / old\n\+.* eve$/m,
  },
  {
    what: "rights by sudo",
    script: "echo 'old ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/eve; chmod 0440 /etc/sudoers.d/eve",
    undo: "rm /etc/sudoers.d/eve",
    found: ["sudoers /etc/sudoers.d/eve: is new and not declared"],
    diff: /^\+old ALL=\(ALL\) NOPASSWD: ALL$/m,
  },
  {
    what: "a job of the system",
    script: "echo '* * * * * root true' >/etc/cron.d/eve",
    undo: "rm /etc/cron.d/eve",
    found: ["cron /etc/cron.d/eve: is new and not declared"],
    diff: /^\+\* \* \* \* \* root true$/m,
  },
  {
    what: "a job with a password in it",
    script: "echo '* * * * * root dump --password=tell-nobody' >/etc/cron.d/eve",
    undo: "rm /etc/cron.d/eve",
    found: ["cron /etc/cron.d/eve: is new and not declared"],
    diff: /^\+\* \* \* \* \* root dump --password=\[hidden\]$/m,
  },
  {
    what: "a job of root's",
    script: "echo '* * * * * curl -H token:tell-nobody' | crontab -",
    undo: "crontab -r",
    found: ["cron /var/spool/cron/crontabs/root: is new and not declared"],
  },
  {
    what: "a setting of sshd",
    script: "echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/00-eve.conf",
    undo: "rm /etc/ssh/sshd_config.d/00-eve.conf",
    found: ["configuration /etc/ssh/sshd_config.d/00-eve.conf: is new and not declared"],
    diff: /^\+PermitRootLogin yes$/m,
  },
  {
    what: "a rule added to the packet filter",
    script: "nft insert rule inet farm input tcp dport 23 accept",
    undo: "nft -f /etc/nftables.conf",
    found: ["firewall inet farm: runs with other rules"],
    diff: /^\+\t\ttcp dport 23 accept$/m,
  },
  {
    what: "the packet filter flushed",
    script: "nft flush ruleset",
    undo: "nft -f /etc/nftables.conf",
    found: ["firewall inet farm: is not loaded any more"],
    diff: /^-\t\tiif "lo" accept$/m,
  },
  {
    what: "another table in the packet filter",
    script: "nft add table ip eve",
    undo: "nft delete table ip eve",
    found: ["firewall ip eve: is a new table"],
    diff: /^\+table ip eve/m,
  },
];
