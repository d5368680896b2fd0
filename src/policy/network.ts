/** Policies about who reaches our hosts, and whom they reach. */
import { isHypervisor } from "../inventory/machines.ts";
import type { HostPlan } from "../plan/plan.ts";
import { GUEST_BRIDGE } from "../roles/guest-network.ts";
import { hostViolations, notFromBoot, type Policy, textOf } from "./policy.ts";

const RULES = "/etc/farm/firewall.nft";

const open = ({ state }: HostPlan): HostPlan["state"]["listens"] =>
  state.listens.filter(({ reach }) => reach === "world");

const PORTMAPPER = 111;

export const rpcbindClosed: Policy = {
  name: "rpcbind-closed",
  severity: "mandatory",
  rule: {
    en: "rpcbind runs nowhere, and nothing listens on port 111",
    ru: "rpcbind нигде не работает, порт 111 никто не слушает",
  },
  reason: {
    en: "an open portmapper multiplies other people's attacks",
    ru: "открытый portmapper умножает чужие атаки",
  },
  incident: {
    en: "2021-12-14, CERT-Bund: portmapper open on 111/udp",
    ru: "14.12.2021, CERT-Bund: portmapper открыт на 111/udp",
  },
  violations: hostViolations(({ state }) => [
    ...["rpcbind.service", "rpcbind.socket"]
      .filter((unit) => !state.units.some(({ name, state: wanted }) => name === unit && wanted === "masked"))
      .map((unit) => ({ what: `${unit} is not masked`, instead: "leave it masked (src/roles/base.ts)" })),
    ...state.listens
      .filter(({ port }) => port === PORTMAPPER)
      .map(({ protocol, role }) => ({
        what: `role "${role}" listens on ${PORTMAPPER}/${protocol}`,
        instead: "take the port out of the role: NFS 4 needs no portmapper",
      })),
  ]),
};

/** Ports of databases, of their clusters and of machines' web interfaces, by what they are. */
const INNER: ReadonlyMap<number, string> = new Map([
  [1433, "SQL Server"],
  [2379, "etcd"],
  [2380, "etcd"],
  [3306, "MariaDB"],
  [4444, "Galera"],
  [4567, "Galera"],
  [4568, "Galera"],
  [5432, "PostgreSQL"],
  [5433, "PostgreSQL"],
  [6379, "Redis"],
  [6432, "PgBouncer"],
  [8006, "Proxmox VE"],
  [8008, "Patroni"],
  [9092, "H2"],
  [9200, "the MariaDB cluster's daemon"],
  [11211, "memcached"],
  [27017, "MongoDB"],
]);

export const innerPortsClosed: Policy = {
  name: "inner-ports-closed",
  severity: "mandatory",
  rule: {
    en: "no port of a database, a cluster or a machine's web interface is open to the world",
    ru: "порты баз данных, кластеров и веб-интерфейсов машин закрыты для мира",
  },
  reason: {
    en: "they are found within hours and tried until a password or a hole fits",
    ru: "их находят за часы и перебирают, пока не подойдёт пароль или уязвимость",
  },
  violations: hostViolations((host) =>
    open(host)
      .filter(({ port }) => INNER.has(port))
      .map(({ port, protocol, role }) => ({
        what: `role "${role}" opens ${port}/${protocol} (${INNER.get(port)}) to the world`,
        instead: 'write reach: "mesh" for the port',
      })),
  ),
};

/** Whether a chain of our table of a family drops what no rule of it takes. */
function drops(rules: string, family: "inet" | "bridge", chain: string): boolean {
  const [, table = ""] = rules.split(`\ntable ${family} farm {\n`);
  const own = table.split("\n}\n")[0] ?? "";
  return new RegExp(`chain ${chain} \\{\\s*type filter hook ${chain} [^\\n]*policy drop;`).test(own);
}

export const egressDefaultDeny: Policy = {
  name: "egress-default-deny",
  severity: "mandatory",
  rule: {
    en: "what no role declares goes neither in nor out, nor through to or from guests",
    ru: "что не объявлено ролью, не входит, не выходит и не проходит к гостям и от них",
  },
  reason: {
    en: "a compromised application can then attack nobody",
    ru: "взломанное приложение никого не сможет атаковать",
  },
  incident: {
    en: "2022-01-24 and 26: brute force, a scan of 192.168.0.0/16 and port scans from a compromised WordPress guest",
    ru: "24 и 26.01.2022: подбор паролей SSH, сканирование 192.168.0.0/16 и портов со взломанного гостя с WordPress",
  },
  violations: hostViolations(({ host, state }) => {
    const rules = textOf(state, RULES);
    const chains = [
      ["inet", "input"],
      ["inet", "output"],
      ...(isHypervisor(host.origin)
        ? ([
            ["inet", "forward"],
            ["bridge", "forward"],
          ] as const)
        : []),
    ] as const;
    return [
      ...chains
        .filter(([family, chain]) => !drops(rules, family, chain))
        .map(([family, chain]) => ({
          what: `chain ${chain} of table ${family} in ${RULES} does not drop by default`,
          instead: "leave policy drop in src/roles/firewall.ts and guest-network.ts",
        })),
      ...notFromBoot(state, "farm-firewall.service"),
    ];
  }),
};

const SSH = 22;

export const noSshOut: Policy = {
  name: "no-ssh-out",
  severity: "mandatory",
  rule: {
    en: "SSH goes from Proxmox hosts to their own guests, and from no host elsewhere",
    ru: "SSH идёт с хостов Proxmox только к их гостям, и больше ниоткуда никуда",
  },
  reason: {
    en: "brute force and scans came from a host that was let out to port 22 of everybody",
    ru: "подбор паролей и сканирование шли с хоста, которому был открыт порт 22 всего мира",
  },
  incident: {
    en: "2022-01-24: SSH brute force from our host against others",
    ru: "24.01.2022: подбор паролей SSH с нашего хоста",
  },
  violations: (plan) => {
    const parents = new Map(
      plan.hosts.map(({ host: { id, origin } }) => [id, origin.kind === "guest" ? origin.parent : undefined]),
    );
    return hostViolations(({ host, state }) =>
      state.connects
        .filter(({ port, to }) => port === SSH && !("host" in to && parents.get(to.host) === host.id))
        .map(({ role, to }) => ({
          what: `role "${role}" connects to port ${SSH} of ${"host" in to ? to.host : to.kind === "address" ? to.address : "anybody"}`,
          instead: "let administrators come from their own computers",
        })),
    )(plan);
  },
};

/** Lines by which an interface becomes part of a bridge, of systemd-networkd and of ifupdown2. */
const BRIDGED = [
  { under: "/etc/systemd/network/", line: /^Bridge=.*$/gm },
  { under: "/etc/network/interfaces", line: /^\s*bridge[-_]ports\s+(?!none\b)\S.*$/gm },
];

export const oneMacAddress: Policy = {
  name: "one-mac-address",
  severity: "mandatory",
  rule: {
    en: "guests' bridges have no port on the outside network",
    ru: "мосты гостей не подключены к внешней сети",
  },
  reason: {
    en: "the provider's switch may see the host's own MAC address alone, and blocks the server otherwise",
    ru: "коммутатор провайдера должен видеть только MAC самого хоста, иначе сервер блокируют",
  },
  incident: {
    en: "repeatedly, Hetzner: different MAC addresses from those allowed",
    ru: "неоднократно, Hetzner: MAC-адреса, отличные от разрешённых",
  },
  violations: hostViolations(({ host, state }) => {
    if (!isHypervisor(host.origin)) return [];
    const lines = state.files.flatMap(({ path, content }) =>
      BRIDGED.flatMap(({ under, line }) => (path.startsWith(under) ? (content.match(line) ?? []) : [])).map(
        (line) => ({
          what: `${path} puts an outside interface into a bridge of guests (${line.trim()})`,
          instead: "leave the bridge without one: packets of guests are routed (README)",
        }),
      ),
    );
    const looks = state.probes.some(({ command }) =>
      command.includes(`/sys/class/net/${GUEST_BRIDGE}/brif/`),
    );
    const unseen = {
      what: `no probe looks who is part of ${GUEST_BRIDGE}`,
      instead: "leave it in src/roles/guest-network.ts",
    };
    return looks ? lines : [...lines, unseen];
  }),
};
