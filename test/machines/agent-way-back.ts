import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  confirm,
  file,
  good,
  no,
  restart,
  service,
  sh,
  start,
  state,
  unit,
  type Wants,
} from "./agent-machine.ts";
import { bootEnds, open, RULES, rules, shut, untilUndone } from "./agent-rules.ts";

/** A service that does not start while /run/t-break is there. */
const fragile = (content: string): Wants => ({
  files: [
    file(
      "/etc/systemd/system/t-fragile.service",
      "[Service]\nExecStartPre=/usr/bin/test ! -e /run/t-break\nExecStart=/bin/sleep infinity\n",
    ),
    file("/etc/t-fragile.conf", content),
  ],
  units: [unit("t-fragile.service", { enabled: false, restartOn: ["/etc/t-fragile.conf"] })],
});

const web = (content: string): Wants[] => [
  service("t-web", { restartOn: ["/etc/t-web.conf"] }),
  { files: [file("/etc/t-web.conf", content)] },
];

/** The order of things there and back, and ways back that are blocked or cut off. */
export function wayBack(): void {
  describe("there and back", () => {
    const first = bundleOf([rules(open)]);
    const other = bundleOf([rules(`${open}# other\n`)]);
    const applied = async () => (await good("verify")).applied;

    /** Makes the other bundle so, and confirms nothing; returns its hash. */
    async function unconfirmed(): Promise<string> {
      await good("apply", first);
      const { sha256 = "" } = await good("prepare", other);
      const { report, output } = await agent(`activate ${sha256}`);
      assert.equal(report.unconfirmed, 60, output);
      return sha256;
    }

    /** The host has other's files and nothing else, and holds it for the applied one, once that is confirmed. */
    async function madeAgain(sha256: string): Promise<void> {
      const { report, output } = await confirm(sha256, "--again");
      assert.equal(report.unconfirmed, 60, output);
      await sh(`grep -q other ${RULES}`);
      assert.equal((await confirm(sha256)).code, 0);
      assert.equal(await applied(), sha256);
      assert.equal((await good("verify")).inSync, true);
    }

    test("what needs the new packet filter is started when that is loaded", async () => {
      await good("apply", first);
      const path = "/etc/systemd/system/t-needy.service";
      const text =
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft list table inet t-needed\n";
      const needy: Wants = {
        files: [file(path, text)],
        units: [unit("t-needy.service", { enabled: false })],
      };
      await good("apply", bundleOf([rules(`${open}table inet t-needed {\n}\n`), needy]));
      await sh("systemctl is-active -q t-needy.service");
      await good("apply", first);
    });

    test("a unit that fails on the way back keeps no other from it, and the change can't be confirmed", async () => {
      const base = bundleOf([rules(open), fragile("1\n"), ...web("1\n")]);
      const { sha256: former } = await good("apply", base);
      const { report } = await agent("apply", bundleOf([rules(shut), fragile("2\n"), ...web("2\n")]));
      assert.equal(report.unconfirmed, 60);
      await sh("touch /run/t-break; rm /run/t-web.log");
      const { code, report: back } = await agent("go-back");
      assert.equal(await sh("nft list ruleset | grep -c drop || true"), "0");
      assert.equal(await sh("cat /run/t-web.log"), "start");
      assert.equal(code, 1);
      assert.match(
        back.error ?? "",
        /^can't restart t-fragile\.service: [^;]*; can't start t-fragile\.service: /,
      );
      const late = await confirm(report.sha256 ?? "");
      assert.equal(late.code, 1);
      assert.match(late.report.error ?? "", /begun to go back from the change/);
      assert.equal(await applied(), former);
      await sh("rm /run/t-break");
      await good("apply", base);
      const { inSync, healthy } = await good("verify");
      assert.deepEqual({ inSync, healthy }, { inSync: true, healthy: true });
    });

    test("a way back that is killed: the change can't be confirmed, only made again", async () => {
      const sha256 = await unconfirmed();
      const { ended } = start("go-back", "", (line, kill) => line.includes("units: reload") && kill());
      assert.equal(await ended, 137);
      await sh(`! grep other ${RULES}`);
      const strict = await confirm(sha256);
      assert.equal(strict.code, 1);
      assert.match(strict.report.error ?? "", /begun to go back from the change/);
      assert.notEqual(await applied(), sha256);
      await madeAgain(sha256);
    });

    test("what is made again after a way back that was killed still knows the way", async () => {
      await good("apply", first);
      const former = await state();
      const sha256 = await unconfirmed();
      const { ended } = start("go-back", "", (line, kill) => line.includes("units: reload") && kill());
      assert.equal(await ended, 137);
      const { report, output } = await confirm(sha256, "--again");
      assert.equal(report.unconfirmed, 60, output);
      assert.equal((await agent("go-back")).report.wentBack, true);
      assertSame(await state(), former);
    });

    test("a change that a restart of the host has cut off from its confirmation is made again", async () => {
      const sha256 = await unconfirmed();
      await restart();
      const strict = await confirm(sha256);
      assert.match(strict.report.error ?? "", /restarted since the change/);
      await madeAgain(sha256);
    });

    for (const on of ["restartOn", "reloadOn"] as const)
      test(`a service that ran before it was declared, with ${on}: it goes back to what it ran with`, async () => {
        const read = "/bin/cp /etc/t-theirs.conf /run/t-theirs.seen";
        await sh(
          `cat >/usr/lib/systemd/system/t-theirs.service; echo theirs >/etc/t-theirs.conf
          systemctl daemon-reload; systemctl enable -q t-theirs; systemctl restart t-theirs`,
          `[Service]\nExecStartPre=${read}\nExecStart=/bin/sleep infinity\nExecReload=${read}\n[Install]\nWantedBy=multi-user.target\n`,
        );
        await good("apply", first);
        const former = await state();
        const ours: Wants = {
          files: [file("/etc/t-theirs.conf", "ours\n")],
          units: [unit("t-theirs.service", { [on]: ["/etc/t-theirs.conf"] })],
          probes: [no("never", "cat /run/t-theirs.seen; false")],
        };
        const { report, output } = await agent("apply", bundleOf([rules(open), ours]));
        assert.match(report.error ?? "", /says no after 0 s \(exit 1\): ours/);
        assert.equal(report.wentBack, true, output);
        assert.equal(await sh("cat /run/t-theirs.seen"), "theirs");
        assertSame(await state(), former);
        await sh("systemctl disable -q --now t-theirs; rm /usr/lib/systemd/system/t-theirs.service");
      });

    test("a host that was taken over and restarted before the confirmation is as it was found", async () => {
      await good("apply", first);
      await sh("rm -r /var/lib/farm");
      const input = bundleOf([rules(shut), bootEnds, service("t-new")]);
      const { sha256 } = await good("prepare --adopt", input);
      const found = await state();
      const { report, output } = await agent(`activate ${sha256}`);
      assert.equal(report.unconfirmed, 60, output);
      await restart();
      await untilUndone();
      assertSame(await state(), found);
      assert.equal(await sh("nft list ruleset | grep -c drop || true"), "0");
      await sh("! systemctl is-failed -q farm-unconfirmed.service");
    });
  });
}
