import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  file,
  good,
  listing,
  OPS,
  secrets,
  service,
  sh,
  start,
  unit,
  type Wants,
} from "./agent-machine.ts";

const wants = (a: string): Wants[] => [
  service("t-web", { restartOn: ["/etc/t-a"] }),
  {
    packages: ["hello"],
    files: [file("/etc/t-a", a), file("/etc/t-token", `a=1\ntoken=\${secret:token}\n`, { mode: "0600" })],
    directories: [{ path: "/srv/t-dir", owner: "root:root", mode: "0755" }],
    links: [{ path: "/etc/t-link", target: "/etc/t-a" }],
    accounts: [OPS],
    sysctls: [{ key: "net.ipv4.tcp_fin_timeout", value: "17" }],
    units: [unit("t-foreign.service", { state: "masked", enabled: false })],
    probes: [{ name: "the file is there", command: "test -e /etc/t-a", within: 5 }],
  },
];

/** What is asked of the agent without changing anything. */
export function questions(): void {
  describe("nothing to do, --check, verify, the lock", () => {
    const base = bundleOf(wants("1\n"));

    test("a second apply changes nothing and is quick", async (t) => {
      await good("secrets", secrets({ token: "tell-nobody-1" }));
      const { changes } = await good("apply", base);
      assert.ok((changes?.length ?? 0) > 8);
      const before = await good("verify");
      const listed = await listing();
      const times: number[] = [];
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        const report = await good("apply", base);
        times.push(performance.now() - began);
        assert.deepEqual(report.changes, []);
        t.diagnostic(`agent ${report.seconds} s, whole process ${((times.at(-1) ?? 0) / 1000).toFixed(2)} s`);
      }
      assert.deepEqual((await good("verify")).units, before.units);
      assertSame(await listing(), listed);
      // The aim is half a second; more says that something is asked once per entry.
      assert.ok(Math.min(...times) < 1500, `${Math.min(...times)} ms`);
    });

    test("apply --check tells what would change, and changes nothing", async () => {
      const next = bundleOf([
        ...wants("2\n").slice(0, 1),
        { ...wants("2\n")[1], packages: ["tree"], links: [] },
      ]);
      const before = await listing();
      const { report, output } = await agent("apply --check", next);
      assert.deepEqual(report.differences, [
        "package tree: install",
        "file /etc/t-a: change",
        "link /etc/t-link: remove",
        "unit t-web.service: restart",
      ]);
      assert.match(report.diff ?? "", /^--- \/etc\/t-a\n\+\+\+ \/etc\/t-a\n.*\n-1\n\+2$/);
      assertSame(await listing(), before);
      assert.doesNotMatch(output, /tell-nobody/);
    });

    test("--check after a rotation shows that, and no value, old or new", async () => {
      await good("secrets", secrets({ token: "tell-nobody-2" }));
      const before = await listing();
      const { report, output } = await agent("apply --check", base);
      assert.match(report.diff ?? "", /t-token\n\(owner, mode or a secret's value differs\)/);
      assert.doesNotMatch(output, /tell-nobody/);
      // Also for a bundle whose file has no place for it any more.
      const [web, rest] = wants("1\n");
      const files = [
        file("/etc/t-token", "a=2\n"),
        ...(rest?.files ?? []).filter((f) => f.path !== "/etc/t-token"),
      ];
      const without = await agent("apply --check", bundleOf([web ?? {}, { ...rest, files }]));
      assert.match(without.report.diff ?? "", /\+a=2/);
      assert.doesNotMatch(without.output, /tell-nobody/);
      assertSame(await listing(), before);
      await good("secrets", secrets({ token: "tell-nobody-1" }));
    });

    for (const [change, script, expected] of [
      ["a file edited", "echo 3 >/etc/t-a", "file /etc/t-a: change"],
      ["a file removed", "rm /etc/t-a", "file /etc/t-a: make"],
      ["a mode", "chmod 0644 /etc/t-token", "file /etc/t-token: change"],
      ["an owner", "chown www-data /srv/t-dir", "directory /srv/t-dir: change"],
      ["a link", "ln -sfn /etc/passwd /etc/t-link", "link /etc/t-link: change"],
      ["a unit stopped", "systemctl stop t-web.service", "unit t-web.service: start"],
      ["a unit disabled", "systemctl disable t-web.service", "unit t-web.service: enable"],
      ["a unit unmasked", "systemctl unmask t-foreign.service", "unit t-foreign.service: mask"],
      ["a shell", "usermod --shell /bin/sh t-ops", "account t-ops: change"],
      ["an account locked", "usermod --expiredate 1 t-ops", "account t-ops: change"],
      ["a sysctl", "sysctl -q -w net.ipv4.tcp_fin_timeout=60", "sysctl net.ipv4.tcp_fin_timeout: change"],
      ["a package", "dpkg --purge hello >/dev/null", "package hello: install"],
    ] as const)
      test(`verify finds ${change} by hand, and changes nothing; apply mends it`, async () => {
        await good("apply", base);
        assert.deepEqual((await good("verify")).differences, []);
        await sh(script);
        const before = await listing();
        const { inSync, differences } = await good("verify");
        assert.equal(inSync, false);
        assert.ok(differences?.includes(expected), String(differences));
        assertSame(await listing(), before);
        await good("apply", base);
        const { inSync: again, healthy } = await good("verify");
        assert.deepEqual({ again, healthy }, { again: true, healthy: true });
      });

    test("verify says what is not healthy", async () => {
      await sh("mv /etc/t-a /etc/t-away; systemctl stop t-web.service");
      const { healthy, unhealthy } = await good("verify");
      assert.equal(healthy, false);
      assert.match(String(unhealthy), /t-web\.service is dead.*"the file is there" says no/);
      await sh("rm /etc/t-away");
      await good("apply", base);
    });

    test("of two at once the second ends with 75 and names the first", async () => {
      await sh("mkfifo /run/t-gate");
      const slow = bundleOf([
        ...wants("1\n"),
        { probes: [{ name: "waits", command: "cat /run/t-gate", within: 20 }] },
      ]);
      const second = Promise.withResolvers<Awaited<ReturnType<typeof agent>>>();
      const first = start("apply", slow, (line) => {
        if (line.includes("probes:")) agent("apply", base).then(second.resolve, second.reject);
      });
      const { code, report } = await second.promise;
      assert.equal(code, 75);
      assert.match(report.error ?? "", /another run holds the lock: pid \d+, apply, since \d\d:\d\d:\d\d/);
      await sh("echo go >/run/t-gate");
      assert.equal(await first.ended, 0);
    });

    test("somebody who holds the lock for a moment, to see whether it is held, keeps nobody from a change", async () => {
      await sh(`rm -f /run/t-held
        flock --shared /run/farm-agent.lock sh -c 'touch /run/t-held; sleep 0.6' >/dev/null 2>&1 &
        until test -e /run/t-held; do :; done`);
      await good("apply", base);
    });

    test("a lost connection does not stop a change half-way", async () => {
      const next = bundleOf(wants("9\n"));
      // Nobody reads what it says: its first word already meets a closed pipe.
      await sh(
        `cat >/run/t-bundle; /usr/local/sbin/farm-agent apply </run/t-bundle 2>&1 >/dev/null | true
        flock /run/farm-agent.lock true`,
        next,
      );
      assert.equal(await sh("cat /etc/t-a; test ! -e /var/lib/farm/transaction; echo $?"), "9\n0");
      assert.equal((await good("verify")).inSync, true);
    });
  });
}
