import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AGENT } from "../../src/host/agent.ts";
import type { AccountState } from "../../src/host/state.ts";
import { bundleOf, file, good, secrets, service, sh, unit, type Wants } from "./agent-machine.ts";

const apply = (...parts: Wants[]) => good("apply", bundleOf(parts));
const logged = (name: string) => sh(`cat /run/${name}.log`);
const entered = (name: string) =>
  sh(`systemctl show --property=ActiveEnterTimestampMonotonic --value ${name}`);

const account = (more: Partial<AccountState> = {}): AccountState => ({
  name: "t-anna",
  comment: "",
  shell: "/bin/bash",
  home: "/home/t-anna",
  groups: [],
  system: false,
  ...more,
});

/** Each kind of entry: made, changed, removed. */
export function kinds(): void {
  describe("kinds of entries", () => {
    test("files: content, owner and mode; directories; links", async () => {
      await sh("install -d -m 0700 /srv/t-theirs; install -d /srv/t-real; ln -s t-real /srv/t-symlinked");
      const directory = (path: string, mode: string) => ({ path, owner: "root:www-data", mode });
      const odd = "\n  indented\n\nend 3\nfile /etc/x\r\n\u2028 %s\n";
      await apply({
        files: [
          file("/etc/t/deep/file", odd, { owner: "www-data:root", mode: "4750" }),
          file("/etc/t/line", "\n"),
          file("/srv/t-symlinked/a name: with", "x\n"),
        ],
        directories: [directory("/srv/t-dir", "2770"), directory("/srv/t-theirs", "0750")],
        links: [{ path: "/etc/t/link", target: "deep/file" }],
      });
      assert.equal(await sh("cat /etc/t/deep/file; echo ."), `${odd}.`);
      assert.equal(await sh("cat /etc/t/line; echo ."), "\n.");
      assert.equal(await sh("cat '/srv/t-real/a name: with'"), "x");
      const stat = (paths: string) => sh(`stat -c '%a %U:%G %F' ${paths}`);
      assert.equal(await stat("/etc/t/deep/file"), "4750 www-data:root regular file");
      assert.equal(await stat("/srv/t-dir"), "2770 root:www-data directory");
      assert.equal(await stat("/srv/t-theirs"), "750 root:www-data directory");
      assert.equal(await sh("readlink /etc/t/link"), "deep/file");

      // What was a file becomes a link and the other way round; what is not declared any more goes.
      await apply({
        files: [file("/etc/t/link", "file\n")],
        links: [{ path: "/etc/t/deep/file", target: "/etc/t/link" }],
      });
      assert.equal(await sh("cat /etc/t/deep/file; test ! -L /etc/t/link; test -L /etc/t/deep/file"), "file");
      await sh("test -d /srv/t-symlinked; test ! -e '/srv/t-real/a name: with'; test ! -e /srv/t-dir");
      // It was there before us.
      await sh("test -d /srv/t-theirs");
    });

    test("a directory that is not empty stays, and so does a file that is not ours", async () => {
      const directories = [{ path: "/srv/t-full", owner: "root:root", mode: "0755" }];
      await apply({ directories });
      await sh("echo foreign >/srv/t-full/foreign");
      await apply({});
      assert.equal(await sh("cat /srv/t-full/foreign"), "foreign");
    });

    test("accounts: made, changed, locked, opened again", async () => {
      await sh("groupadd t-anna");
      const { changes } = await apply({ accounts: [account()] });
      assert.ok(changes?.includes("account t-anna: make"));
      assert.match(await sh("getent passwd t-anna"), /:\/home\/t-anna:\/bin\/bash$/);
      await sh("test -d /home/t-anna");

      await apply({ accounts: [account({ comment: "Anna", shell: "/bin/sh", groups: ["t-one", "adm"] })] });
      assert.equal(await sh("id -Gn t-anna"), "t-anna adm t-one");
      assert.match(await sh("getent passwd t-anna"), /:Anna:\/home\/t-anna:\/bin\/sh$/);
      await apply({ accounts: [account()] });
      assert.equal(await sh("id -Gn t-anna"), "t-anna");

      const gone = await apply({});
      assert.deepEqual(gone.changes, ["account t-anna: lock"]);
      assert.match(await sh("getent passwd t-anna"), /nologin$/);
      assert.match(await sh("getent shadow t-anna"), /^t-anna:!.*:1:$/);
      await sh("test -d /home/t-anna");

      // An account that was made but not its home, as by an interruption, is mended as well.
      await sh("rm -r /home/t-anna");
      await apply({
        accounts: [account(), account({ name: "t-daemon", home: "/var/lib/t-daemon", system: true })],
      });
      assert.match(await sh("getent shadow t-anna"), /::$/);
      await sh("test -d /home/t-anna; test $(id -u t-daemon) -lt 1000");
      await apply({});
    });

    test("sysctls: set now and at boot, and given back", async () => {
      const before = await sh("sysctl -n net.ipv4.tcp_fin_timeout");
      await apply({ sysctls: [{ key: "net.ipv4.tcp_fin_timeout", value: "17" }] });
      assert.equal(
        await sh("sysctl -n net.ipv4.tcp_fin_timeout; cat /etc/sysctl.d/60-farm.conf"),
        "17\nnet.ipv4.tcp_fin_timeout = 17",
      );
      await apply({});
      assert.equal(
        await sh("sysctl -n net.ipv4.tcp_fin_timeout; ls /etc/sysctl.d | grep farm || true"),
        before,
      );
    });

    test("a unit is restarted and reloaded for what it reacts to, and for nothing else", async () => {
      const wants = (a: string, b: string, c: string): Wants[] => [
        service("t-web", { restartOn: ["/etc/t-a"], reloadOn: ["/etc/t-b"] }),
        { files: [file("/etc/t-a", a), file("/etc/t-b", b), file("/etc/t-c", c)] },
      ];
      await sh("rm -f /run/t-web.log");
      await apply(...wants("1\n", "1\n", "1\n"));
      assert.equal(await logged("t-web"), "start");
      assert.equal(await sh("systemctl is-enabled t-web.service"), "enabled");
      const began = await entered("t-web.service");

      await apply(...wants("1\n", "1\n", "2\n"));
      assert.equal(await logged("t-web"), "start");
      const reloaded = await apply(...wants("1\n", "2\n", "2\n"));
      assert.deepEqual(reloaded.changes, ["file /etc/t-b: change", "unit t-web.service: reload"]);
      assert.equal(await logged("t-web"), "start\nreload");
      assert.equal(await entered("t-web.service"), began);

      const restarted = await apply(...wants("2\n", "3\n", "2\n"));
      assert.ok(restarted.changes?.includes("unit t-web.service: restart"));
      assert.equal(await logged("t-web"), "start\nreload\nstart");
      assert.notEqual(await entered("t-web.service"), began);
    });

    test("units: stopped, masked, unmanaged, running again; enabled or not", async () => {
      const is = () => sh("systemctl is-active t-web.service; systemctl is-enabled t-web.service || true");
      const own = service("t-web").files ?? [];
      const foreign = { name: "t-foreign.service" };
      await sh(
        "cat >/usr/lib/systemd/system/t-foreign.service; systemctl daemon-reload; systemctl enable --now t-foreign",
        "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
      );
      const status = () =>
        sh("systemctl is-active t-foreign.service || true; systemctl is-enabled t-foreign.service || true");
      const of = (more: Parameters<typeof unit>[1]) => apply({ units: [unit(foreign.name, more)] });

      await of({ enabled: false });
      assert.equal(await status(), "active\ndisabled");
      await of({ state: "stopped", enabled: true });
      assert.equal(await status(), "inactive\nenabled");
      await of({ state: "masked", enabled: false });
      assert.equal(await status(), "inactive\nmasked");
      await of({ state: "unmanaged", enabled: false });
      assert.equal(await status(), "inactive\ndisabled");
      await of({ state: "running", enabled: true });
      assert.equal(await status(), "active\nenabled");
      // It ran before us, so it is not ours to stop.
      await apply({});
      assert.equal(await status(), "active\nenabled");
      await of({ state: "masked", enabled: false });
      await apply({});
      assert.equal(await status(), "inactive\nenabled");

      // Of an unmanaged unit of ours only what we did to it is undone.
      await apply({ files: own, units: [unit("t-web.service", { state: "unmanaged" })] });
      await sh("systemctl start t-web.service");
      assert.equal(await is(), "active\nenabled");
      await apply({});
      await sh("test ! -L /etc/systemd/system/multi-user.target.wants/t-web.service");
    });

    test("timers and instances of templates", async () => {
      const timer = "/etc/systemd/system/t-tick.timer";
      const wants = (every: string): Wants => ({
        files: [
          file(timer, `[Timer]\nOnUnitActiveSec=${every}\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n`),
          file("/etc/systemd/system/t-tick.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
          file("/etc/systemd/system/t-many@.service", "[Service]\nExecStart=/bin/sleep infinity\n"),
        ],
        units: [
          unit("t-tick.timer", { restartOn: [timer] }),
          unit("t-tick.service", { state: "unmanaged", enabled: false }),
          unit("t-many@a-b.service", { enabled: false }),
        ],
      });
      await apply(wants("2h"));
      await sh(
        "systemctl is-active --quiet t-tick.timer t-many@a-b.service; systemctl is-enabled --quiet t-tick.timer",
      );
      const { changes } = await apply(wants("3h"));
      assert.deepEqual(changes, [`file ${timer}: change`, "unit t-tick.timer: restart"]);
      assert.match(await sh("systemctl show t-tick.timer --property=TimersMonotonic"), /3h/);
      await apply({});
      assert.equal(
        await sh("systemctl is-active t-tick.timer t-many@a-b.service || true"),
        "inactive\ninactive",
      );
    });

    test("units get as long as their own settings give them, and some more", async () => {
      const settings = {
        "t-long.service": "[Service]\nTimeoutStartSec=15min\nTimeoutStopSec=2min 30s\nExecStart=/bin/true\n",
        "t-endless.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
        "t-ages.service": "[Service]\nTimeoutStartSec=3h\nExecStart=/bin/true\n",
        "t-plain.timer": "[Timer]\nOnBootSec=1h\n",
      };
      for (const [name, text] of Object.entries(settings)) await sh(`cat >/run/systemd/system/${name}`, text);
      await sh("systemctl daemon-reload");
      const limit = async (names: string) =>
        Number(
          await sh(
            `python3 -B -c 'import os, sys; sys.path.insert(0, os.path.dirname(os.path.realpath("${AGENT}")))
import units; print(units.unit_limit(sys.argv[1:]))' ${names}`,
          ),
        );
      assert.equal(await limit("t-plain.timer"), 90 + 90 + 30);
      assert.equal(await limit("t-plain.timer t-long.service"), 900 + 150 + 30);
      assert.equal(await limit("t-endless.service"), 180 + 90 + 30);
      assert.equal(await limit("t-ages.service t-lost.service"), 3600);
      await sh("rm /run/systemd/system/t-*; systemctl daemon-reload");
    });

    test("packages: installed with their services off; named, not removed, when no longer wanted", async () => {
      await sh("apt-get -qq --yes purge hello tree logrotate >/dev/null");
      const { changes } = await apply({ packages: ["hello", "logrotate"] });
      assert.deepEqual(changes, ["package hello: install", "package logrotate: install"]);
      assert.equal(
        await sh(
          "systemctl is-active logrotate.timer || true; ls /usr/sbin/policy-rc.d* 2>/dev/null || true",
        ),
        "inactive",
      );
      const { left } = await apply({});
      assert.deepEqual(left, ["package hello", "package logrotate"]);
      await sh("hello");
    });

    test("a secret in a file: its value on the host, its name in the bundle; a new value restarts", async () => {
      await sh("rm -f /run/t-web.log");
      const wants = (generation: number) =>
        bundleOf(
          [
            { files: [file("/etc/t-token", `token=\${secret:token}\n`, { mode: "0600" })] },
            service("t-web", { restartOn: ["/etc/t-token"] }),
          ],
          { token: generation },
        );
      await good("secrets", secrets({ token: "tell-nobody-1" }));
      await good("apply", wants(1));
      await good("secrets", secrets({ token: "tell-nobody-2" }));
      const { changes } = await good("apply", wants(2));
      assert.deepEqual(changes, ["file /etc/t-token: change", "unit t-web.service: restart"]);
      assert.equal(await sh("cat /etc/t-token; cat /run/t-web.log"), "token=tell-nobody-2\nstart\nstart");
      await apply({});
    });
  });
}
