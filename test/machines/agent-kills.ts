import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  file,
  good,
  no,
  OPS,
  secrets,
  sh,
  start,
  state,
  unit,
  type Wants,
} from "./agent-machine.ts";

/** A service that shows which content it has last read of its file, at its start or at a reload. */
function reader(name: string, content: string, on: "restartOn" | "reloadOn"): Wants {
  const read = `/bin/cp /etc/${name}.conf /run/${name}.seen`;
  const text = `[Service]
ExecStartPre=${read}
ExecStart=/bin/sleep infinity
ExecReload=${read}
[Install]
WantedBy=multi-user.target
`;
  return {
    files: [
      file(`/etc/systemd/system/${name}.service`, text),
      file(`/etc/${name}.conf`, content, { validate: "test -s %s" }),
    ],
    units: [unit(`${name}.service`, { [on]: [`/etc/${name}.conf`] })],
  };
}

const common = (shell: string, sysctl: string, accounts: readonly string[]): Wants => ({
  packages: ["mariadb-server"],
  files: [file("/etc/t-token", `\${secret:token}\n`, { mode: "0600" })],
  accounts: [{ ...OPS, shell }],
  sysctls: [{ key: "net.ipv4.tcp_fin_timeout", value: sysctl }],
  units: [unit("mariadb.service")],
  databases: [{ engine: "mariadb", name: "pravka" }],
  databaseAccounts: accounts.map((name) => ({ engine: "mariadb", name, secret: "token", grants: [] })),
});

const BEFORE = [
  common("/bin/bash", "17", ["pravka"]),
  reader("t-web", "1\n", "restartOn"),
  reader("t-mild", "1\n", "reloadOn"),
  reader("t-old", "1\n", "restartOn"),
  reader("t-idle", "1\n", "restartOn"),
  { links: [{ path: "/etc/t-link", target: "t-web.conf" }] },
];

/** From BEFORE to here all that the agent does is done. */
const AFTER: Wants[] = [
  common("/bin/sh", "18", ["pravka", "second"]),
  reader("t-web", "2\n", "restartOn"),
  reader("t-mild", "2\n", "reloadOn"),
  reader("t-new", "2\n", "restartOn"),
  {
    packages: ["hello"],
    files: [...(reader("t-idle", "1\n", "restartOn").files ?? []), file("/etc/t-theirs", "ours\n")],
    units: [unit("t-idle.service", { state: "stopped", enabled: false })],
    probes: [{ name: "seen", command: "grep -q 2 /run/t-web.seen /run/t-mild.seen", within: 5 }],
  },
];

const STAGES = [
  "stage:",
  "packages: downloading",
  "packages: installing",
  "record:",
  "validate:",
  "account:",
  "files:",
  "units: letting go",
  "remove:",
  "units: stop",
  "units: disable",
  "units: enable",
  "units: start",
  "units: restart",
  "units: reload",
  "databases",
  "probes:",
  "waiting for the confirmation",
];

const purge = "apt-get -qq --yes purge hello >/dev/null";

/** Applies the bundle and kills the agent with all that it runs when it says its k-th line. */
async function killedAt(input: string, k: number): Promise<string[]> {
  const lines: string[] = [];
  const { ended } = start("apply", input, (line, kill) => {
    lines.push(line.replace(/^\[\S+\] /, ""));
    if (lines.length === k) kill();
  });
  await ended;
  return lines;
}

export function kills(): void {
  describe("killed", () => {
    const before = bundleOf(BEFORE);
    const after = bundleOf(AFTER);
    const bad = bundleOf([...AFTER, { probes: [no("never", "false")] }]);

    async function reset(): Promise<string> {
      await good("apply", before);
      return state();
    }

    async function endsWell(): Promise<void> {
      await good("apply", after);
      const { inSync, healthy, differences } = await good("verify");
      assert.deepEqual({ inSync, healthy, differences }, { inSync: true, healthy: true, differences: [] });
      assert.equal(await sh("cat /run/t-web.seen /run/t-mild.seen /run/t-new.seen"), "2\n2\n2");
      assert.equal(await sh("cat /etc/t-theirs /var/lib/farm/replaced/etc/t-theirs"), "ours\nforeign");
      await sh(`test ! -e /var/lib/farm/transaction; ! ls -d /usr/sbin/policy-rc.d* /var/lib/farm/staged/*/ 2>/dev/null
        ! find /etc /usr /var/lib /srv /home -xdev -name '*.farm-new' | grep .
        ! systemctl is-active -q t-idle.service t-old.service; hello >/dev/null
        test "$(mariadb -BN -e "SELECT COUNT(*) FROM mysql.user WHERE User IN ('pravka', 'second')")" = 2`);
    }

    test("at every stage, packages and all: the same bundle again ends well", async (t) => {
      await good("secrets", secrets({ token: "tell-nobody-1" }));
      await good("apply", before);
      await sh(purge);
      const stages = (await agent("apply", after)).said
        .trim()
        .split("\n")
        .map((line) => line.replace(/^\[\S+\] /, ""));
      for (const stage of STAGES)
        assert.ok(
          stages.some((line) => line.startsWith(stage)),
          `${stage}: ${stages.join("; ")}`,
        );

      const killed: string[] = [];
      const attempt = async (k: number): Promise<boolean> => {
        // Somebody else's file, which is to be kept however often we are interrupted before and after it is replaced.
        await sh("echo foreign >/etc/t-theirs; rm -f /var/lib/farm/replaced/etc/t-theirs");
        const lines = await killedAt(after, k);
        if (lines.length < k) return false;
        killed.push(lines[k - 1] ?? "");
        await endsWell();
        await good("apply", before);
        return true;
      };
      await good("apply", before);
      // Up to the installation with a package to install; beyond it without, which is quicker.
      const installing = stages.findIndex((line) => line.startsWith("packages: installing")) + 1;
      for (let k = 1; k <= installing; k++) {
        await sh(purge);
        assert.ok(await attempt(k));
      }
      for (let k = 3; await attempt(k); k++);
      t.diagnostic(`killed at: ${killed.join("; ")}`);
      for (const stage of STAGES)
        assert.ok(
          killed.some((line) => line.startsWith(stage)),
          stage,
        );
    });

    for (const stage of [
      "record:",
      "files:",
      "units: letting go",
      "units: start",
      "units: reload",
      "databases",
      "probes:",
    ])
      test(`at "${stage}", then a bundle that fails: back to before the interruption`, async () => {
        const good = await reset();
        const { ended } = start("apply", after, (line, kill) => line.includes(`] ${stage}`) && kill());
        assert.equal(await ended, 137);
        const { code, report, output } = await agent("apply", bad);
        assert.equal(code, 1, output);
        assert.equal(report.wentBack, true, output);
        assertSame(await state(), good);
        assert.equal(
          await sh("cat /run/t-web.seen /run/t-mild.seen; systemctl is-active t-old t-idle"),
          "1\n1\nactive\nactive",
        );
        assert.equal(
          await sh("! ls -d /var/lib/farm/transaction 2>/dev/null; systemctl is-active t-new || true"),
          "inactive",
        );
      });

    test("on the way back: the next run can still go there", async () => {
      const good = await reset();
      const { ended } = start("apply", bad, (line, kill) => line.includes("going back") && kill());
      assert.equal(await ended, 137);
      assert.equal((await agent("apply", bad)).report.wentBack, true);
      assertSame(await state(), good);
    });
  });
}
