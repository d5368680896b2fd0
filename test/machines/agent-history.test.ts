/** What a host knows of its own past, and the way back to it. Administrators come in over SSH, each with their own key. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AGENT } from "../../src/host/agent.ts";
import type { History, HistoryEntry } from "../../src/operate/history.ts";
import { run } from "../../src/twin/machines/run.ts";
import {
  type Answer,
  agent,
  bundleOf,
  CONTROLLER,
  closeMachine,
  confirm,
  file,
  good,
  newKey,
  openMachine,
  secrets,
  sh,
  skip,
  sshCommand,
  unit,
  type Wants,
} from "./agent-machine.ts";

const SSHD = "/etc/ssh/sshd_config.d/10-farm.conf";
const KEYS = "/etc/ssh/authorized_keys.d";
const LOG = "/var/lib/farm/history.jsonl";

const keys: Record<string, string> = {};

const account = (name: string) => ({
  name,
  comment: "administrator",
  shell: "/bin/bash",
  home: `/home/${name}`,
  groups: [],
  system: false,
});

/** Accounts and keys as the base role lays them out: root's file has everybody's key. */
const access = (): Wants => ({
  packages: ["sudo"],
  accounts: [account("alice")],
  directories: [{ path: KEYS, owner: "root:root", mode: "0755" }],
  files: [
    file(SSHD, `ExposeAuthInfo yes\nAuthorizedKeysFile ${KEYS}/%u\n`),
    file(`${KEYS}/root`, `${Object.values(keys).join("\n")}\n`),
    file(`${KEYS}/alice`, `${keys.alice}\n`),
    file(`${KEYS}/bob`, `${keys.bob}\n`),
    file("/etc/sudoers.d/t-farm", "alice ALL=(ALL:ALL) NOPASSWD: ALL\n", { mode: "0440" }),
  ],
  units: [unit("ssh.service", { reloadOn: [SSHD] })],
});

/** The bundle that says `issue`, and whatever else is wanted. */
const issue = (text: string, more: Wants = {}, names: Record<string, number> = {}) =>
  bundleOf([access(), { files: [file("/etc/issue", `${text}\n`)] }, more], names);

/** Runs a command over a connection of its own, opened with the key of that name. */
async function over(key: string, command: string, input = "", user = "root", options: string[] = []) {
  const [head = "", ...rest] = sshCommand(key, user);
  const at = rest.indexOf("-F");
  const argv = [head, ...rest.slice(0, at), ...options, ...rest.slice(at), command];
  const { code, stdout, stderr } = await run(argv, { input, limit: 120 });
  const answer: Answer = {
    code,
    report: JSON.parse(stdout || "{}"),
    output: stdout + stderr,
    said: stderr,
  };
  return answer;
}

async function read(): Promise<History> {
  const { code, output } = await agent("history");
  assert.equal(code, 0, output);
  return JSON.parse(output.split("\n").find((line) => line.startsWith("{")) ?? "");
}

async function newest(): Promise<HistoryEntry> {
  const [entry] = (await read()).entries;
  assert(entry !== undefined, "the history is empty");
  return entry;
}

const issueNow = () => sh("cat /etc/issue");
const sizes = async () => [
  Number(await sh(`wc -l <${LOG}`)),
  Number(await sh("ls /var/lib/farm/bundles | wc -l")),
];

describe("the history", { skip }, () => {
  before(async () => {
    await openMachine();
    for (const name of ["alice", "bob", "stranger"]) keys[name] = await newKey(name);
    keys.key = await sh("cat /root/.ssh/authorized_keys");
  });
  after(closeMachine);

  describe("who did what", () => {
    test("what the host did itself, the first time", async () => {
      assert.deepEqual((await read()).entries, []);
      const { sha256 } = await good("prepare --commit 0123456789ab", issue("zero"));
      await good(`activate --commit 0123456789ab ${sha256}`);
      const { entries, applied, bundles } = await read();
      assert.deepEqual(
        entries.map((e) => [e.kind, e.by, e.from, e.commit, e.sha256]),
        [
          ["applied", "the host itself", null, "0123456789ab", sha256],
          ["prepared", "the host itself", null, "0123456789ab", sha256],
        ],
      );
      assert(entries[1]?.changes.includes("file /etc/issue: change"), JSON.stringify(entries[1]?.changes));
      assert.deepEqual([applied, bundles.map((b) => [b.number, b.sha256])], [sha256, [[0, sha256]]]);
      assert.equal(
        await sh("stat -c '%a %U' /var/lib/farm/history.jsonl /var/lib/farm/bundles /var/lib/farm/bundles/*"),
        "600 root\n700 root\n600 root",
      );
    });

    test("administrators who come in as root are told by their keys", async () => {
      for (const [name, text, commit] of [
        ["alice", "one", "aaaaaaaaaaaa"],
        ["bob", "two", "bbbbbbbbbbbb+changes"],
      ] as const) {
        const { code, output } = await over(name, `${AGENT} apply --commit ${commit}`, issue(text));
        assert.equal(code, 0, output);
        const entry = await newest();
        assert.deepEqual(
          [entry.kind, entry.by, entry.from, entry.commit],
          ["applied", name, CONTROLLER, commit],
        );
        assert.deepEqual(entry.changes, ["file /etc/issue: change"]);
        assert(Math.abs(Date.parse(entry.at) - Date.now()) < 60_000, entry.at);
      }
    });

    test("one who comes in by their own account and sudo is told by that, whatever the environment claims", async () => {
      const command = `SUDO_USER=bob sudo ${AGENT} apply --commit cccccccccccc`;
      const { code, output } = await over("alice", command, issue("three"), "alice");
      assert.equal(code, 0, output);
      assert.deepEqual([(await newest()).by, (await newest()).from], ["alice", CONTROLLER]);
    });

    test("an environment that a client sends changes nothing", async () => {
      await sh(`mkdir -p /run/t; echo "publickey ${keys.bob}" >/run/t/forged`);
      const options = ["-o", "SetEnv=SSH_USER_AUTH=/run/t/forged", "-o", "SetEnv=SUDO_USER=bob"];
      await over("alice", `${AGENT} apply`, issue("four"), "root", options);
      assert.equal((await newest()).by, "alice");
    });

    test("a key that is nobody's is told by its fingerprint", async () => {
      await over("stranger", `${AGENT} apply`, issue("five"));
      const known = await sh("cat >/run/t/key; ssh-keygen -l -f /run/t/key", keys.stranger);
      assert.equal((await newest()).by, known.split(" ")[1]);
    });

    test("where nothing was to be done nothing is written", async () => {
      const before = await sh(`sha256sum ${LOG}`);
      await good("apply", issue("five"));
      assert.equal(await sh(`sha256sum ${LOG}`), before);
    });
  });

  describe("the way back", () => {
    const numbers = async () => (await read()).bundles.map((b) => b.number);

    test("--check shows it and changes nothing", async () => {
      const before = await sh(`sha256sum ${LOG} /etc/issue`);
      const { report } = await agent("rollback --check 1");
      assert.deepEqual(report.differences, ["file /etc/issue: change"]);
      assert.match(report.diff ?? "", /^-five$/m);
      assert.match(report.diff ?? "", /^\+four$/m);
      assert.equal(await sh(`sha256sum ${LOG} /etc/issue`), before);
    });

    test("one bundle, two bundles, and the present one again", async () => {
      assert.deepEqual(await numbers(), [0, 1, 2, 3, 4, 5]);
      await over("bob", `${AGENT} rollback 1`);
      assert.equal(await issueNow(), "four");
      const entry = await newest();
      assert.deepEqual([entry.kind, entry.by, entry.commit], ["rolled back", "bob", "unknown"]);
      // The one just left is the one before, now.
      await good("rollback 1");
      assert.equal(await issueNow(), "five");
      await good("rollback 2");
      assert.equal(await issueNow(), "three");
      assert.equal((await newest()).commit, "cccccccccccc");
      await sh("echo by hand >/etc/issue");
      await good("rollback 0");
      assert.equal(await issueNow(), "three");
      const { sha256 = "" } = (await read()).bundles[1] ?? {};
      await good(`rollback ${sha256}`);
      assert.equal((await read()).applied, sha256);
      assert.equal((await good("verify")).inSync, true);
    });

    test("a number that is not there is refused with those that are", async () => {
      const before = await sh(`sha256sum ${LOG}`);
      const { code, report } = await agent("rollback 99");
      assert.equal(code, 2);
      assert.match(report.error ?? "", /no bundle 99 to go back to; it has 0 \([0-9a-f]{12} of .*\), 1 \(/);
      assert.equal(await sh(`sha256sum ${LOG}`), before);
    });

    test("a bundle whose probe says no now is not kept, and that is written down", async () => {
      await sh("touch /run/t-well");
      const probe = {
        name: "still well",
        command: "test -e /run/t-well || { echo tell-nobody-1; false; }",
        within: 0,
      };
      await good("secrets", secrets({ token: "tell-nobody-1" }));
      await good("apply", issue("well", { probes: [probe] }));
      await good("apply", issue("after"));
      await sh("rm /run/t-well");
      const { code, report } = await agent("rollback 1");
      assert.deepEqual([code, report.wentBack], [1, true]);
      assert.equal(await issueNow(), "after");
      const entry = await newest();
      assert.equal(entry.kind, "went back");
      assert.match(entry.why ?? "", /probe "still well" says no.*\[secret\]/s);
      assert.doesNotMatch(await sh(`cat ${LOG}`), /tell-nobody/);
      assert.equal((await read()).bundles[0]?.sha256, (await read()).applied);
    });

    test("a bundle that needs a secret the host no longer has is refused with its name", async () => {
      const token = { files: [file("/etc/t-token", `\${secret:token}\n`, { mode: "0600" })] };
      await good("apply", issue("token", token, { token: 1 }));
      await good("apply", issue("after"));
      await good("secrets", secrets({}));
      const { code, report } = await agent("rollback 1");
      assert.equal(code, 2);
      assert.match(report.error ?? "", /needs the secret token/);
      await good("secrets", secrets({ token: "tell-nobody-2" }));
      await good("rollback 1");
      assert.equal(await sh("cat /etc/t-token"), "tell-nobody-2");
      await good("rollback 1");
    });

    test("a bundle from before a secret was raised is refused: what was given up does not come back", async () => {
      const token = { files: [file("/etc/t-token", `\${secret:token}\n`, { mode: "0600" })] };
      for (const generation of [1, 2]) await good("apply", issue("raised", token, { token: generation }));
      const before = await sh(`sha256sum ${LOG}`);
      for (const command of ["rollback --check 1", "rollback 1"]) {
        const { code, report } = await agent(command);
        assert.equal(code, 2);
        assert.match(report.error ?? "", /from before token was raised from generation 1 to 2/);
      }
      assert.equal(await sh(`sha256sum ${LOG}`), before);
      await good("apply", issue("after"));
    });

    test("what can lock administrators out waits for its confirmation on this way too", async () => {
      const before = (await read()).applied;
      const more = { accounts: [account("t-carol")] };
      await good("apply", issue("carol", more));
      const back = await over("bob", `${AGENT} rollback 1`);
      assert.deepEqual([back.code, back.report.unconfirmed], [0, 60], back.output);
      assert.notEqual((await newest()).kind, "rolled back");
      assert.equal((await confirm(back.report.sha256 ?? "")).code, 0);
      const entry = await newest();
      // By whom the change was made, not by whom it was confirmed.
      assert.deepEqual([entry.kind, entry.by, entry.sha256], ["rolled back", "bob", before]);
    });

    test("a change that nobody confirmed is written down as such", async () => {
      const { report } = await over("alice", `${AGENT} rollback 1`);
      assert.equal(report.unconfirmed, 60);
      await good("go-back");
      const entry = await newest();
      assert.deepEqual([entry.kind, entry.by], ["not confirmed", "alice"]);
      assert.match(entry.why ?? "", /nobody confirmed it within 60 s/);
    });
  });

  describe("the record itself", () => {
    test("half a line, as a power cut leaves it, counts for nothing and spoils nothing", async () => {
      const before = (await read()).entries;
      await sh(`printf '{"at": "2026-01-01T00:00:00Z", "kind": "appl' >>${LOG}`);
      assert.deepEqual((await read()).entries, before);
      await good("apply", issue("after half a line"));
      assert.deepEqual((await read()).entries.slice(1), before);
      await good("rollback 1");
    });

    test("a run that was cut off just when all was done is written down by the next", async () => {
      const before = (await read()).entries;
      const line = `tail -n 1 ${LOG}`;
      await sh(`${line} >/var/lib/farm/history.unwritten; sed -i '$d' ${LOG}`);
      await good("secrets", secrets({}));
      assert.deepEqual((await read()).entries, before);
      // Cut off a moment later.
      await sh(`${line} >/var/lib/farm/history.unwritten`);
      await good("secrets", secrets({}));
      assert.deepEqual((await read()).entries, before);
      // Cut off a moment earlier: the bundle has not become the applied one.
      await sh(`sed -n 1p ${LOG} >/var/lib/farm/history.unwritten`);
      await good("secrets", secrets({}));
      assert.deepEqual((await read()).entries, before);
      await sh("test ! -e /var/lib/farm/history.unwritten");
    });

    test("a full disk does not undo what is done", async () => {
      await sh(`mount --bind /dev/full ${LOG}`);
      const { code, said } = await agent("apply", issue("no room"));
      assert.equal(code, 0, said);
      assert.match(said, /the history could not be written: .*No space left/);
      await sh(`umount ${LOG}`);
      await good("secrets", secrets({}));
      assert.equal((await newest()).sha256, (await read()).applied);
    });

    test("it stays small: lines of one change, changes, bundles", async () => {
      const many = Array.from({ length: 80 }, (_, index) => file(`/etc/t-many/${index}`, "x\n"));
      await good("apply", issue("many", { files: many }));
      const entry = await newest();
      assert.equal(entry.changes.length, 50);
      assert(entry.count >= 80, String(entry.count));
      await sh(`head -n 1 ${LOG} >/run/t/line; cp ${LOG} /run/t/log
        { for i in $(seq 300); do cat /run/t/line; done; cat /run/t/log; } >${LOG}`);
      for (let index = 0; index < 22; index++) await good("apply", issue(`bundle ${index}`));
      const [lines = 0, bundles] = await sizes();
      assert(lines <= 250, String(lines));
      assert.equal(bundles, 20);
      const { entries, bundles: kept } = await read();
      assert.equal(entries[0]?.kind, "applied");
      assert.deepEqual(
        kept.map((b) => b.number),
        Array.from({ length: 20 }, (_, index) => index),
      );
      await good("rollback 19");
      assert.equal(await issueNow(), "bundle 2");
    });
  });
});
