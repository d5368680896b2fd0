/** The work of the comparison with other tools, as one host's wishes: what README's table of ten machines is about. */
import { file, unit } from "../../src/host/entries.ts";
import type { Contribution } from "../../src/host/state.ts";

const HAPROXY = "/etc/haproxy/haproxy.cfg";
const NGINX = "/etc/nginx/sites-enabled/default";
const NFTABLES = "/etc/nftables.conf";
const SERVICES = ["t-one", "t-two"];

const haproxy = (host: string, line: string): string => `# ${host}
global
    log stderr format raw local0 notice
    maxconn 1000
${line}
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s

listen web
    bind 127.0.0.1:8081
    server nginx 127.0.0.1:8080
`;

const nginx = (host: string): string => `server {
  listen 127.0.0.1:8080;
  server_name ${host};
  location = /ping { return 200 "pong\\n"; }
}
`;

/** Only a table of its own: the machines of the comparison are reached by whoever measures. */
const nftables = (host: string): string => `#!/usr/sbin/nft -f
table inet t_ten
delete table inet t_ten
table inet t_ten {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport { 25, 111, 3306 } drop comment "${host}"
  }
}
`;

const service = (name: string): string => `[Unit]
Description=Service ${name}

[Service]
ExecStart=/bin/sleep infinity

[Install]
WantedBy=multi-user.target
`;

const timer = "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n";
const unitPath = (name: string): string => `/etc/systemd/system/${name}`;

/** Files that are texts with the host's name in them and nothing else. */
const templates = (host: string) =>
  [1, 2, 3, 4, 5].map((n) => file(`/etc/t-ten-${n}.conf`, `host = ${host}\nnumber = ${n}\n`));

/**
 * Three accounts, twelve files, a packet filter, HAProxy and nginx with their validators, a timer, six units, and
 * probes of what serves. `line` goes into haproxy.cfg.
 */
export const work = (host: string, line = ""): Contribution => ({
  role: "work",
  packages: ["haproxy", "nftables", "nginx"],
  accounts: ["anna", "boris", "vera"].map((name) => ({
    name,
    comment: "of the comparison",
    shell: "/bin/bash",
    home: `/home/${name}`,
    groups: [],
    system: false,
  })),
  files: [
    ...templates(host),
    file(HAPROXY, haproxy(host, line), { validate: "haproxy -c -q -f %s" }),
    file(NGINX, nginx(host), { validate: "test -s %s && nginx -t -q" }),
    file(NFTABLES, nftables(host), { validate: "nft --check -f %s" }),
    ...SERVICES.map((name) => file(unitPath(`${name}.service`), service(name))),
    file(unitPath("t-daily.service"), "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
    file(unitPath("t-daily.timer"), timer),
  ],
  units: [
    unit("haproxy.service", { reloadOn: [HAPROXY] }),
    unit("nginx.service", { reloadOn: [NGINX] }),
    unit("nftables.service", { reloadOn: [NFTABLES] }),
    ...SERVICES.map((name) => unit(`${name}.service`, { restartOn: [unitPath(`${name}.service`)] })),
    unit("t-daily.timer", { restartOn: [unitPath("t-daily.timer")] }),
  ],
  probes: [
    {
      name: "the proxy leads to nginx",
      command: 'test "$(curl --silent --max-time 5 http://127.0.0.1:8081/ping)" = pong',
      within: 10,
    },
  ],
});
