import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  file,
  good,
  listing,
  no,
  secrets,
  sh,
  state,
  unit,
  type Wants,
} from "./agent-machine.ts";
import { refusals, upheaval, wants } from "./agent-refusals.ts";

/** What goes wrong, and that the former state is back afterwards. */
export function failures(): void {
  describe("failures", () => {
    const base = bundleOf(wants());
    const whoever = (part: Wants) => bundleOf([...wants(), part]);

    test("the state to come back to", async () => {
      for (const name of ["t-foreign", "t-own"])
        await sh(
          `systemctl unmask -q ${name} || true; cat >/usr/lib/systemd/system/${name}.service; systemctl daemon-reload; systemctl enable -q --now ${name}`,
          "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
        );
      await good("secrets", secrets({ token: "tell-nobody-1" }));
      await good("apply", base);
    });

    refusals();

    const notBegun: [string, string, RegExp][] = [
      [
        "a validator that says no",
        whoever({
          files: [file("/etc/t-c", `a\n\${secret:token}\n`, { validate: "cat %s %d/etc/t-c; false" })],
        }),
        /\/etc\/t-c is not valid: a\n\[secret\]\na/,
      ],
      [
        "a package that is not there",
        whoever({ packages: ["t-no-such"] }),
        /t-no-such.*Unable to locate package/s,
      ],
    ];
    for (const [name, input, message] of notBegun)
      test(`${name}: nothing changes`, async () => {
        const before = await listing();
        for (const command of ["prepare", "apply"]) {
          const { code, report, output } = await agent(command, input);
          assert.equal(code, 1, output);
          assert.match(report.error ?? "", message);
          assert.doesNotMatch(output, /tell-nobody/);
          assertSame(await listing(), before);
        }
      });

    const failing: [string, Wants, RegExp][] = [
      [
        "a probe that says no",
        { probes: [no("all is well", `echo but why; journalctl -q --flush; cat /etc/t-token; false`)] },
        /probe "all is well" says no after 0 s \(exit 1\): but why/,
      ],
      [
        "a unit that does not start",
        {
          files: [
            file(
              "/etc/systemd/system/t-bad.service",
              "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo broken; false'\n",
            ),
          ],
          units: [unit("t-bad.service", { enabled: false })],
        },
        /can't start .*t-bad\.service/s,
      ],
      [
        "a unit that starts and dies",
        {
          files: [file("/etc/systemd/system/t-dies.service", "[Service]\nExecStart=/bin/false\n")],
          units: [unit("t-dies.service", { enabled: false })],
          probes: [{ name: "slow", command: "until systemctl is-failed -q t-dies; do :; done", within: 9 }],
        },
        /unit t-dies\.service is failed/,
      ],
      ["a unit that is not there", { units: [unit("t-lost.service")] }, /t-lost\.service/],
      [
        "a sysctl that can't be set",
        { sysctls: [{ key: "kernel.hostname.x", value: "1" }] },
        /sysctl kernel\.hostname\.x can't be set to 1 here: Not a directory/,
      ],
      [
        "a file for somebody who is not there",
        { files: [file("/etc/t-z", "x\n", { owner: "nobody-here:root" })] },
        /file \/etc\/t-z: there is no nobody-here:root on this host/,
      ],
      [
        "a file where a directory is",
        { files: [file("/etc/ssh", "x\n")] },
        /file \/etc\/ssh: a directory is in its place/,
      ],
      ["a file that can't be replaced", { files: [file("/proc/t-z", "x\n")] }, /can't write \/proc\/t-z: /],
      [
        "a shell that is not allowed a colon",
        {
          accounts: [
            {
              name: "t-eve",
              comment: "a:b",
              shell: "/bin/sh",
              home: "/home/t-eve",
              groups: [],
              system: false,
            },
          ],
        },
        /can't make the account t-eve: /,
      ],
    ];
    for (const [name, part, message] of failing)
      test(`${name}: back to the former state, byte for byte`, async () => {
        const before = await state();
        await sh("rm -f /run/t-*.log");
        const input = bundleOf(upheaval(part));
        const { code, report, output } = await agent("apply", input);
        assert.equal(code, 1, output);
        assert.match(report.error ?? "", message);
        assert.equal(report.wentBack, true, output);
        assert.match(report.journal ?? "", /systemd\[1\]: /);
        assert.doesNotMatch(output, /tell-nobody/);
        assertSame(await state(), before);
        const { inSync, healthy, differences } = await good("verify");
        assert.deepEqual({ inSync, healthy, differences }, { inSync: true, healthy: true, differences: [] });
        await sh("systemctl is-active -q t-own t-foreign t-web t-old; ! systemctl is-active -q t-new");
        await sh("! find / -xdev -name '*.farm-new' | grep .");
      });

    test("a way back that is blocked is told, and gone with the next run", async () => {
      const before = await state();
      const block = "mount --bind /etc/t-a /etc/t-a";
      const part = { files: [file("/etc/t-c", "x\n")], probes: [no("blocks", `${block}; false`)] };
      const { code, report } = await agent("apply", bundleOf(upheaval(part)));
      assert.equal(code, 1);
      assert.equal(report.wentBack, false);
      assert.match(
        report.error ?? "",
        /"blocks" says no.*; going back failed too: can't write \/etc\/t-a: Device or resource busy/s,
      );
      await sh("umount /etc/t-a");
      assert.equal(
        (await agent("apply", bundleOf(upheaval({ probes: [no("no", "false")] })))).report.wentBack,
        true,
      );
      assertSame(await state(), before);
    });

    test("a full disk: one clear error, the former state, and the same bundle once there is room", async () => {
      const large = bundleOf(upheaval({ files: [file("/etc/t-large", `${"x".repeat(3 << 20)}\n`)] }));
      const before = await state();
      // All but so many kB: none at all, enough to begin with, enough for all but the way back.
      for (const left of [0, 3000, 5000]) {
        await sh(`rm -f /var/t-fill*; i=0; for size in 1G 100M 10M 1M 100K 4K; do
          while fallocate -l $size /var/t-fill$i 2>/dev/null; do i=$((i + 1)); done; rm -f /var/t-fill$i; done`);
        if (left > 0)
          await sh(`set -- $(ls -S /var/t-fill* | tail -n +1); fallocate -o 0 -l ${left}K -p "$1"`);
        const { code, report, output } = await agent("apply", large);
        assert.equal(code, 1, `${left} kB: ${output}`);
        assert.match(report.error ?? "", /No space left on device/);
        assert.doesNotMatch(report.error ?? "", /going back failed/);
        assertSame(await state(), before);
      }
      await sh("rm /var/t-fill*");
      await good("apply", large);
      assert.equal((await good("verify")).inSync, true);
      await good("apply", base);
      const back = await good("verify");
      assert.deepEqual([back.inSync, back.healthy], [true, true]);
    });
  });
}
