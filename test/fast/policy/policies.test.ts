/** Each policy, broken: what its author would read; and exceptions, which end. */
import assert from "node:assert/strict";
import test from "node:test";
import type { ConnectState, HostState, ListenState } from "../../../src/host/state.ts";
import type { Host } from "../../../src/inventory/schema.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { POLICIES } from "../../../src/policy/policies.ts";
import { type Exception, isBlocking, judge } from "../../../src/policy/policy.ts";
import { restoreProbe } from "../../../src/policy/upkeep.ts";
import { enforcePolicies, policyReport } from "../../../src/shell/policy-view.ts";
import { labInventory, planOf, prodInventory } from "../farms.ts";

const TODAY = "2026-11-26";

/** A plan of which a test may change everything. */
type Mutable<T> = { -readonly [K in keyof T]: Mutable<T[K]> };
type Broken = Mutable<Plan>;

const prod = planOf(prodInventory());

/** The production cloud after a change, as if its clusters had backups. */
function broken(change: (plan: Broken) => void): Plan {
  const plan = structuredClone(prod) as Broken;
  for (const { id } of plan.inventory.clusters)
    stateOf(plan, "db1").probes.push({ role: "a role", name: restoreProbe(id), command: "true", within: 1 });
  change(plan);
  return plan as Plan;
}

const plannedOf = (plan: Broken, id: string): Broken["hosts"][number] => {
  const found = plan.hosts.find(({ host }) => host.id === id);
  assert(found);
  return found;
};
const stateOf = (plan: Broken, id: string): Mutable<HostState> => plannedOf(plan, id).state;
const hostOf = (plan: Broken, id: string): Mutable<Host> => plannedOf(plan, id).host;
const listens = (
  plan: Broken,
  id: string,
  port: number,
  protocol: "tcp" | "udp",
  reach: ListenState["reach"] = "world",
) => stateOf(plan, id).listens.push({ role: "a new role", service: "something", port, protocol, reach });
const connects = (plan: Broken, id: string, to: ConnectState["to"], port: number) =>
  stateOf(plan, id).connects.push({ role: "a new role", service: "something", port, protocol: "tcp", to });
const edit = (plan: Broken, id: string, path: string, change: (text: string) => string) => {
  const file = stateOf(plan, id).files.find((each) => each.path === path);
  assert(file, path);
  const before = file.content;
  file.content = change(before);
  assert.notEqual(file.content, before, "the edit does something");
};
const without = (plan: Broken, id: string, unit: string) => {
  const state = stateOf(plan, id);
  assert(state.units.some(({ name }) => name === unit));
  state.units = state.units.filter(({ name }) => name !== unit);
};
const RULES = "/etc/farm/firewall.nft";
const SSHD = "/etc/ssh/sshd_config.d/10-farm.conf";

test("both stacks keep all policies without an exception, but one: no backup was ever restored", () => {
  for (const plan of [prod, planOf(labInventory())])
    assert.deepEqual(
      judge(POLICIES, plan, TODAY).map(({ policy, violation }) => `${policy.name}, ${violation.where}`),
      plan.inventory.clusters.map(({ id }) => `restore-checked, cluster ${id}`),
    );
});

const CASES: readonly (readonly [policy: string, change: (plan: Broken) => void, ...expected: string[]])[] = [
  [
    "rpcbind-closed",
    (p) => listens(p, "do-nyc1-b", 111, "udp"),
    'host do-nyc1-b: role "a new role" listens on 111/udp',
  ],
  ["rpcbind-closed", (p) => without(p, "web1", "rpcbind.socket"), "host web1: rpcbind.socket is not masked"],
  [
    "inner-ports-closed",
    (p) => listens(p, "contabo-de1", 3306, "tcp"),
    'host contabo-de1: role "a new role" opens 3306/tcp (MariaDB) to the world',
  ],
  [
    "inner-ports-closed",
    (p) => listens(p, "zhelezo2", 8006, "tcp"),
    'host zhelezo2: role "a new role" opens 8006/tcp (Proxmox VE) to the world',
  ],
  [
    "egress-default-deny",
    (p) =>
      edit(p, "web1", RULES, (text) =>
        text.replace(
          "hook output priority filter; policy drop",
          "hook output priority filter; policy accept",
        ),
      ),
    `host web1: chain output of table inet in ${RULES} does not drop by default`,
  ],
  [
    "egress-default-deny",
    (p) =>
      edit(p, "zhelezo2", RULES, (text) =>
        text.replace(
          "hook forward priority filter; policy drop",
          "hook forward priority filter; policy accept",
        ),
      ),
    `host zhelezo2: chain forward of table inet in ${RULES} does not drop by default`,
  ],
  [
    "egress-default-deny",
    (p) => without(p, "db1", "farm-firewall.service"),
    "host db1: farm-firewall.service does not run from boot on",
  ],
  [
    "no-ssh-out",
    (p) => connects(p, "web1", { kind: "internet" }, 22),
    'host web1: role "a new role" connects to port 22 of anybody',
  ],
  [
    "no-ssh-out",
    (p) => connects(p, "web1", { kind: "address", address: "192.168.0.0/16" }, 22),
    'host web1: role "a new role" connects to port 22 of 192.168.0.0/16',
  ],
  [
    "no-ssh-out",
    (p) => connects(p, "web1", { kind: "host", host: "db1" }, 22),
    'host web1: role "a new role" connects to port 22 of db1',
  ],
  [
    "one-mac-address",
    (p) => {
      stateOf(p, "zhelezo2").files.push({
        role: "x",
        path: "/etc/systemd/network/10-nic.network",
        owner: "root:root",
        mode: "0644",
        content: "[Match]\nName=eno1\n[Network]\nBridge=vmbr1\n",
      });
    },
    "host zhelezo2: /etc/systemd/network/10-nic.network puts an outside interface into a bridge of guests (Bridge=vmbr1)",
  ],
  [
    "one-mac-address",
    (p) =>
      edit(
        p,
        "zhelezo2",
        "/etc/network/interfaces.d/60-farm",
        (text) => `${text}iface vmbr1 inet manual\n  bridge-ports eno1\n`,
      ),
    "host zhelezo2: /etc/network/interfaces.d/60-farm puts an outside interface into a bridge of guests (bridge-ports eno1)",
  ],
  [
    "keys-only",
    (p) =>
      edit(p, "db1", SSHD, (text) => text.replace("PasswordAuthentication no", "PasswordAuthentication yes")),
    `host db1: ${SSHD} does not say once and clearly what PasswordAuthentication is to be`,
  ],
  [
    "keys-only",
    (p) => edit(p, "db1", SSHD, (text) => `PasswordAuthentication yes\n${text}`),
    `host db1: ${SSHD} does not say once and clearly what PasswordAuthentication is to be`,
  ],
  [
    "secrets-by-placeholder",
    (p) => {
      p.hosts[0]!.bundle += "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    },
    "host contabo-de1: a private key stands in the plan",
  ],
  [
    "secrets-by-placeholder",
    (p) => {
      for (const file of stateOf(p, "web1").files)
        if (file.path === "/etc/wireguard/wg0.conf") file.mode = "0644";
    },
    "host web1: /etc/wireguard/wg0.conf has a secret and the mode 0644: everybody on the host can read it",
  ],
  [
    "automatic-updates",
    (p) => without(p, "pg1", "apt-daily-upgrade.timer"),
    "host pg1: apt-daily-upgrade.timer does not run from boot on",
  ],
  [
    "main-applications-spread",
    (p) => {
      p.inventory.applications[0]!.nodes = ["web1", "web2"];
    },
    "application pravka: it stands on 2 node(s), on 1 physical machine(s)",
  ],
  [
    "behind-the-edge",
    (p) => listens(p, "web1", 80, "tcp"),
    "host web1: it serves the web to the world past the edge",
  ],
  [
    "behind-the-edge",
    (p) => {
      p.inventory.edge = { kind: "hosts", hosts: [], nameservers: [], authority: { until: "2028-12-31" } };
    },
    "application pravka: there is no edge before it",
    "application redmine: there is no edge before it",
  ],
  [
    "copies-kept",
    (p) => {
      const { origin } = hostOf(p, "do-nyc1-b");
      assert(origin.kind === "droplet");
      origin.backups = false;
    },
    "host do-nyc1-b: DigitalOcean keeps no backups of it",
  ],
  [
    "copies-kept",
    (p) => {
      const { origin } = hostOf(p, "web1");
      assert(origin.kind === "guest");
      const snapshots = { hourly: 0, daily: 0, monthly: 0 };
      origin.mounts = [{ path: "/srv/files", size: 20e9, snapshots }];
    },
    "host web1: no snapshot of /srv/files is kept",
  ],
  [
    "restore-checked",
    (p) => {
      const state = stateOf(p, "db1");
      state.probes = state.probes.filter(({ name }) => name !== restoreProbe("postgresql"));
    },
    "cluster postgresql: nothing says that a backup of it was restored",
  ],
  [
    "on-the-wiki",
    (p) => {
      p.inventory.applications = p.inventory.applications.filter(({ id }) => id !== "pravka");
    },
    "stack prod: none of its applications is a wiki on which `farm wiki publish` could write",
  ],
  [
    "on-the-wiki",
    (p) => {
      p.inventory.sites.find(({ id }) => id === "fsn1")!.title = {
        en: "Фалькенштайн",
        ru: "Фалькенштайн",
      };
      p.inventory.hosts.find(({ id }) => id === "zhelezo2")!.title = { en: "Iron 2", ru: "Zhelezo 2" };
    },
    'site fsn1: its English title is in Russian: "Фалькенштайн"',
    'host zhelezo2: its Russian title is in English: "Zhelezo 2"',
  ],
  [
    "watched",
    (p) => without(p, "db1", "farm-drift.timer"),
    "host db1: farm-drift.timer does not run from boot on",
  ],
  [
    "watched",
    (p) => listens(p, "web1", 8090, "tcp", "mesh"),
    'host web1: role "a new role" listens on 8090/tcp, and no probe of it asks anything',
  ],
  [
    "no-idle-address",
    (p) => {
      hostOf(p, "db1").address = "203.0.113.11";
    },
    "host db1: its public address 203.0.113.11 serves nobody",
  ],
];

for (const [name, change, ...expected] of CASES)
  test(`${name}, broken: ${expected[0]}`, () => {
    const verdicts = judge(POLICIES, broken(change), TODAY).filter(({ policy }) => policy.name === name);
    assert.deepEqual(
      verdicts.map(({ violation }) => `${violation.where}: ${violation.what}`),
      expected,
    );
  });

test("each policy is shown broken", () => {
  assert.deepEqual([...new Set(CASES.map(([name]) => name))].sort(), POLICIES.map(({ name }) => name).sort());
});

const open111 = (...exceptions: Exception[]) =>
  broken((plan) => {
    listens(plan, "web1", 111, "udp");
    stateOf(plan, "web1").probes.push({ role: "a new role", name: "it answers", command: "true", within: 1 });
    plan.inventory.exceptions = exceptions;
  });
const EXCEPTION: Exception = {
  policy: "rpcbind-closed",
  where: "host web1",
  owner: "anna",
  until: TODAY,
  reason: "an NFS trial",
};

test("who opens 111/udp reads what is broken, why the rule is there, in both languages, and what to write", () => {
  const { text, blocked } = policyReport(open111(), TODAY);
  assert(blocked);
  assert.equal(
    text,
    `rpcbind-closed, host web1: role "a new role" listens on 111/udp
    stops \`pulumi up\`
    instead: take the port out of the role: NFS 4 needs no portmapper
    rpcbind runs nowhere, and nothing listens on port 111: an open portmapper multiplies other people's attacks (it happened: 2021-12-14, CERT-Bund: portmapper open on 111/udp)
    rpcbind нигде не работает, порт 111 никто не слушает: открытый portmapper умножает чужие атаки (так было: 14.12.2021, CERT-Bund: portmapper открыт на 111/udp)
${POLICIES.length} policies, 1 violation(s), 1 of which stop(s) \`pulumi up\`.
`,
  );
  assert.throws(() => enforcePolicies(open111(), TODAY), /rpcbind-closed, host web1/);
});

test("of what is broken in several places the reason is told once", () => {
  const { text } = policyReport(
    broken((p) => {
      for (const id of ["web1", "db1"]) without(p, id, "rpcbind.socket");
    }),
    TODAY,
  );
  assert.equal(text.match(/rpcbind\.socket is not masked/g)?.length, 2);
  assert.equal(text.match(/rpcbind runs nowhere/g)?.length, 1);
});

test("an exception counts to its last day, with who answers for it", () => {
  const plan = open111(EXCEPTION);
  assert.deepEqual(enforcePolicies(plan, TODAY), [
    'rpcbind-closed, host web1: role "a new role" listens on 111/udp; is excepted until 2026-11-26; anna answers for it: an NFS trial',
  ]);
  assert(judge(POLICIES, plan, "2026-11-27").some(isBlocking));
  assert.throws(
    () => enforcePolicies(plan, "2026-11-27"),
    /the exception that anna answered for ended on 2026-11-26/,
  );
});

test("an exception for what holds, or for no policy, is refused", () => {
  assert.throws(
    () => judge(POLICIES, open111(EXCEPTION, { ...EXCEPTION, where: "host web2" }), TODAY),
    /exceptions: rpcbind-closed holds at "host web2"/,
  );
  assert.throws(
    () => judge(POLICIES, open111(EXCEPTION, { ...EXCEPTION, policy: "rpcbind" }), TODAY),
    /there is no policy "rpcbind"/,
  );
});

test("an advisory policy is said, and stops nothing", () => {
  const plan = broken((p) => {
    (p.hosts.find(({ host }) => host.id === "db1")?.host as Mutable<Host>).address = "203.0.113.11";
  });
  assert.deepEqual(enforcePolicies(plan, TODAY), [
    "no-idle-address, host db1: its public address 203.0.113.11 serves nobody; is only said",
  ]);
});

test("an advisory policy whose exception has ended stops nothing either, and says so", () => {
  const plan = broken((p) => {
    (p.hosts.find(({ host }) => host.id === "db1")?.host as Mutable<Host>).address = "203.0.113.11";
    p.inventory.exceptions = [{ ...EXCEPTION, policy: "no-idle-address", where: "host db1" }];
  });
  const [told] = enforcePolicies(plan, "2026-11-27");
  assert.match(told ?? "", /is only said: the exception that anna answered for ended on 2026-11-26$/);
});
