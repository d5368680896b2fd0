/** What the agent finds of changes that others made by hand on a booted machine, and that it finds nothing else. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  closeMachine,
  file,
  good,
  listing,
  OPS,
  openMachine,
  secrets,
  service,
  sh,
  skip,
  unit,
  type Wants,
} from "./agent-machine.ts";
import { byHand, KEY, RULES } from "./drift-by-hand.ts";

interface Finding {
  readonly kind: string;
  readonly name: string;
  readonly what: string;
  readonly diff: string | null;
}

interface Drift {
  readonly applied: string | null;
  readonly differences: readonly Finding[];
  readonly notes: readonly string[];
  readonly changing: string | null;
  readonly seconds: number;
}

async function drift(args = ""): Promise<Drift> {
  const report = await good(`drift${args}`);
  return report as unknown as Drift;
}

const RESULT = "/run/t-drift.json";

const LISTENER = `[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 0.0.0.0 8088
[Install]
WantedBy=multi-user.target
`;

const wants: Wants[] = [
  service("t-web", { restartOn: ["/etc/t-a"] }),
  {
    packages: ["hello", "nftables", "cron"],
    files: [
      file("/etc/t-a", "one\ntwo\nthree\n"),
      file("/etc/t-token", `a=1\ntoken=\${secret:token}\n`, { mode: "0600" }),
      file("/etc/ssh/authorized_keys.d/root", `${KEY} ours\n`),
      file("/etc/sudoers.d/farm", "%adm ALL=(ALL:ALL) ALL\n", { mode: "0440" }),
      file("/etc/nftables.conf", RULES),
      file("/etc/systemd/system/t-listen.service", LISTENER),
    ],
    directories: [{ path: "/srv/t-dir", owner: "root:root", mode: "0755" }],
    links: [{ path: "/etc/t-link", target: "/etc/t-a" }],
    accounts: [OPS],
    sysctls: [{ key: "net.ipv4.tcp_fin_timeout", value: "17" }],
    units: [
      unit("nftables.service", { reloadOn: ["/etc/nftables.conf"] }),
      unit("t-listen.service"),
      unit("t-foreign.service", { state: "masked", enabled: false }),
    ],
    listens: [
      { service: "listener", protocol: "tcp", port: 8088, reach: "world" },
      // Open at times only, and not now.
      { service: "copies", protocol: "tcp", port: 4444, reach: "mesh" },
    ],
    probes: [
      {
        name: "listener answers",
        command: "python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:8088/\")'",
        within: 10,
      },
    ],
  },
];

describe("drift", { skip }, () => {
  before(openMachine);
  after(closeMachine);

  test("on a host where nothing was applied it says so", async () => {
    const { applied, differences, notes } = await drift();
    assert.deepEqual(
      { applied, differences, notes },
      { applied: null, differences: [], notes: ["nothing was ever applied here"] },
    );
  });

  test("on a clean host there is none, whatever there was when the farm took it over", async (t) => {
    // What an old server has: a login of its own, with a key and rights, a job, a service on a port, a held package.
    await sh(`useradd --create-home --shell /bin/bash old && mkdir ~old/.ssh && echo '${KEY} old' >~old/.ssh/authorized_keys
      mkdir -p /etc/sudoers.d && echo 'old ALL=(ALL) ALL' >/etc/sudoers.d/old
      mkdir -p /etc/cron.d && echo '@daily root true' >/etc/cron.d/old
      apt-mark hold bash
      systemd-run --unit=t-old /usr/bin/python3 -m http.server 9099`);
    await good("secrets", secrets({ token: "tell-nobody-1" }));
    await good("apply", bundleOf(wants));
    const report = await drift();
    assert.deepEqual([report.differences, report.notes, report.changing], [[], [], null]);
    t.diagnostic(
      `agent ${report.seconds} s; ${await sh("bash -c 'time farm-agent drift >/dev/null' 2>&1 | tr '\\n' ' '")}`,
    );
  });

  test("it changes nothing, takes no lock and leaves no trace", async () => {
    const before = await listing();
    await sh("touch /run/t-mark; sleep 0.05");
    await drift();
    assertSame(await listing(), before);
    const touched =
      "find /var /etc /usr /root /home -xdev -newer /run/t-mark -not -path '/var/log/*' -not -path '/var/tmp*' -not -type d";
    assert.equal(await sh(touched), "");
    const held = await sh(`flock /run/farm-agent.lock farm-agent drift 2>/dev/null`);
    assert.match(JSON.parse(held).changing, /a run of the farm's agent is at work/);
  });

  for (const { what, script, undo, found, diff } of byHand)
    test(`${what}: found, named, and gone when it is undone`, async () => {
      await sh(script);
      const { differences, changing } = await drift().finally(() => sh(undo));
      assert.deepEqual(
        differences.map((d) => `${d.kind} ${d.name}: ${d.what.replace(/\(pid \d+\)/, "(pid)")}`).sort(),
        [...found].sort(),
      );
      assert.equal(changing, null);
      const diffs = differences.map((d) => d.diff ?? "").join("\n");
      if (diff === undefined) assert.equal(diffs.trim(), "");
      else assert.match(diffs, diff);
      assert.deepEqual((await drift()).differences, []);
    });

  test("no secret is ever told, neither an applied one nor one written beside it", async () => {
    await sh("echo token=something-else-secret >>/etc/t-token; echo tell-nobody-1 >>/etc/t-a");
    const { output, report } = await agent(`drift --keep ${RESULT}`);
    const differences = report.differences as unknown as Finding[];
    assert.match(
      differences.find((d) => d.name === "/etc/t-token")?.what ?? "",
      /holds secrets, so it is not shown/,
    );
    assert.match(differences.find((d) => d.name === "/etc/t-a")?.diff ?? "", /^\+\[secret\]$/m);
    assert.doesNotMatch(output + (await sh(`cat ${RESULT}`)), /tell-nobody|something-else/);
    await good("apply", bundleOf(wants));
    assert.deepEqual((await drift()).differences, []);
  });

  test("the result is kept for monitoring: who is not root can read it, and it has no diffs", async () => {
    await sh("echo four >>/etc/t-a; systemctl stop t-listen.service");
    await drift(` --keep ${RESULT}`);
    const kept = JSON.parse(await sh(`setpriv --reuid=65534 --clear-groups cat ${RESULT}`));
    assert.ok(Date.now() - Date.parse(kept.time) < 60_000, kept.time);
    assert.deepEqual(kept.differences, [
      { kind: "file", name: "/etc/t-a", what: "content changed" },
      { kind: "unit", name: "t-listen.service", what: "does not run (inactive, dead)" },
      { kind: "port", name: "8088/tcp", what: "nobody listens there any more" },
    ]);
    assert.match(String(kept.unhealthy), /t-listen\.service is dead.*"listener answers" says no/);
    // A result from the middle of a change would be none.
    await sh(`flock /run/farm-agent.lock farm-agent drift --keep ${RESULT} >/dev/null 2>&1`);
    assert.equal(JSON.parse(await sh(`cat ${RESULT}`)).time, kept.time);
    await good("apply", bundleOf(wants));
  });

  test("a change adopts what it brings itself, and nothing that somebody else did before", async () => {
    await sh("useradd --shell /bin/bash intruder; nft add rule inet farm input tcp dport 23 accept");
    const before = await drift();
    assert.deepEqual(before.differences.map((d) => `${d.kind} ${d.name}`).sort(), [
      "account intruder",
      "firewall inet farm",
    ]);
    // Like a package that makes an account with a shell.
    const maker = "/etc/systemd/system/t-maker.service";
    const content =
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/useradd --system --shell /bin/bash t-made\n";
    const more: Wants = {
      packages: ["tree"],
      files: [file(maker, content)],
      units: [unit("t-maker.service", { enabled: false })],
    };
    await good("apply", bundleOf([...wants, more]));
    const { differences } = await drift();
    assert.deepEqual(differences, before.differences);
    await sh("userdel intruder; nft -f /etc/nftables.conf");
    assert.deepEqual((await drift()).differences, []);
    // What goes out of the declaration again is none either.
    await good("apply", bundleOf(wants));
    assert.deepEqual((await drift()).differences, []);
  });

  test("a change that failed and went back leaves none", async () => {
    const more: Wants = {
      files: [file("/etc/cron.d/t-job", "@daily root true\n")],
      accounts: [
        { name: "t-new", comment: "", shell: "/bin/bash", home: "/home/t-new", groups: [], system: false },
      ],
      probes: [{ name: "no", command: "false", within: 0 }],
    };
    const { report } = await agent("apply", bundleOf([...wants, more]));
    assert.equal(report.wentBack, true);
    assert.deepEqual((await drift()).differences, []);
  });

  test("an upgrade of a declared package is a note, no drift", async () => {
    await sh("sed -i '/^Package: hello$/,/^$/ s/^Version: .*/Version: 99/' /var/lib/dpkg/status");
    const { differences, notes } = await drift();
    assert.deepEqual(differences, []);
    assert.match(String(notes), /^package hello: \S+ → 99$/);
  });
});
