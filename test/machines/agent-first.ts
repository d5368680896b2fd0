import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { agent, bundleOf, file, good, secrets, service, sh, unit, type Wants } from "./agent-machine.ts";

const PROXY = "/etc/apt/apt.conf.d/80-package-proxy";

/** The first contact of a host with the agent, up to the first activation. */
export function firstContact(): void {
  describe("secrets", () => {
    test("are kept for root alone and never told", async () => {
      const first = await agent("secrets", secrets({ token: "tell-nobody-1" }));
      assert.equal(first.report.changed, true);
      assert.equal(
        await sh("stat -c '%a %U:%G' /var/lib/farm /var/lib/farm/secrets.json"),
        "700 root:root\n600 root:root",
      );
      const again = await agent("secrets", secrets({ token: "tell-nobody-1" }));
      assert.equal(again.report.changed, false);
      assert.doesNotMatch(first.output + again.output, /tell-nobody/);
    });

    for (const [name, input] of [
      [
        "for another host",
        JSON.stringify({ host: "other", secrets: { token: "tell-nobody-2" }, generations: {} }),
      ],
      ["that are no JSON", "token=tell-nobody-2"],
      [
        "whose values are no texts",
        JSON.stringify({ host: "farmhand", secrets: { token: ["tell-nobody-2"] }, generations: {} }),
      ],
    ] as const)
      test(`${name} are refused`, async () => {
        const before = await sh("sha256sum /var/lib/farm/secrets.json");
        const { code, output } = await agent("secrets", input);
        assert.equal(code, 2);
        assert.doesNotMatch(output, /tell-nobody/);
        assert.equal(await sh("sha256sum /var/lib/farm/secrets.json"), before);
      });
  });

  describe("first contact", () => {
    const web = service("t-web");
    const wants = (proxy: string): Wants => ({
      packages: ["logrotate", "tree"],
      files: [
        file(PROXY, proxy),
        // A package's own file, which is there only when the package is.
        file("/etc/logrotate.conf", "# ours\nweekly\n"),
        file("/etc/motd", "# ours\n"),
        file("/etc/t-token", `\${secret:token}\n`, { mode: "0600" }),
      ],
      links: [{ path: "/etc/t-link", target: "/etc/motd" }],
      units: [unit("logrotate.timer")],
      probes: [{ name: "asked", command: "echo asked >>/run/asked; test -e /run/yes", within: 0 }],
    });
    let first = "";
    let proxy = "";

    test("prepare goes all the way but for the probes, by way of what the bundle tells apt", async () => {
      proxy = `${await sh(`cat ${PROXY}`)}\n`;
      // Without it no package can be had, so the bundle's own has to come first.
      await sh(`rm ${PROXY}; echo foreign >/etc/motd; ln -s /nowhere /etc/t-link; apt-get clean`);
      first = bundleOf([wants(proxy), web]);
      const { report, said } = await agent("prepare", first);
      assert.equal(report.ok, true, said);
      await sh("test ! -e /run/asked; tree --version; grep -q ours /etc/logrotate.conf");
      await sh("systemctl is-active --quiet t-web.service logrotate.timer; test ! -e /usr/sbin/policy-rc.d");
    });

    test("what was there before us is kept, also what a package brought a moment earlier", async () => {
      assert.equal(await sh("cat /var/lib/farm/replaced/etc/motd"), "foreign");
      assert.equal(await sh("readlink /var/lib/farm/replaced/etc/t-link"), "/nowhere");
      assert.match(await sh("cat /var/lib/farm/replaced/etc/logrotate.conf"), /rotate log files weekly/);
    });

    test("activate asks the probes; a no leaves everything as it is, there is nothing to go back to", async () => {
      const { sha256 } = await good("prepare", first);
      const { code, report } = await agent(`activate ${sha256}`);
      assert.equal(code, 1);
      assert.match(report.error ?? "", /probe "asked" says no/);
      assert.equal(report.wentBack, false);
      await sh("test -e /run/asked; systemctl is-active --quiet t-web.service");
      assert.equal((await good("verify")).applied, null);

      await sh("touch /run/yes");
      assert.deepEqual((await good(`activate ${sha256}`)).changes, []);
      assert.equal(await sh("cat /run/t-web.log"), "start");
      const { inSync, healthy, applied } = await good("verify");
      assert.deepEqual({ inSync, healthy, applied }, { inSync: true, healthy: true, applied: sha256 });
    });

    test("from then on prepare changes nothing that runs", async () => {
      const next = bundleOf([{ files: [file("/etc/issue", "# next\n")], packages: ["hello"] }]);
      const { sha256, differences } = await good("prepare", next);
      assert.ok(differences?.includes("package hello: install"));
      await sh("grep -q ours /etc/motd; test ! -e /usr/bin/hello; ls /var/cache/apt/archives/hello_*");
      await sh("systemctl is-active --quiet t-web.service");
      assert.equal((await agent("activate 0000")).code, 2);
      assert.deepEqual((await good(`activate ${sha256}`)).left, ["package logrotate", "package tree"]);
      await sh(
        "hello; test ! -e /etc/t-link; test ! -e /etc/motd; test ! -e /etc/systemd/system/t-web.service",
      );
      assert.equal(await sh("systemctl is-active t-web.service || true"), "inactive");
      await sh(`cat >${PROXY}`, proxy);
    });
  });
}
