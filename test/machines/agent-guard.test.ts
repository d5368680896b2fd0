import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  closeMachine,
  confirm,
  file,
  good,
  no,
  openMachine,
  restart,
  sh,
  skip,
  sshCommand,
  start,
  state,
  unit,
} from "./agent-machine.ts";
import { bootEnds, open, rules, shut, untilUndone } from "./agent-rules.ts";
import { wayBack } from "./agent-way-back.ts";

describe("the guard", { skip }, () => {
  before(openMachine);
  after(closeMachine);

  describe("changes that can lock administrators out", () => {
    const first = bundleOf([rules(open)]);
    const other = bundleOf([rules(`${open}# another\n`)]);
    const locked = bundleOf([rules(shut)]);
    const applied = async () => (await good("verify")).applied;

    test("the state to come back to", async () => {
      await good("apply", first);
    });

    test("a change waits for its confirmation, and stays when it comes over a new connection", async () => {
      const { report } = await agent("apply", other);
      assert.equal(report.unconfirmed, 60);
      assert.notEqual(await applied(), report.sha256);
      assert.match(await sh("systemctl list-timers --no-legend 'farm-confirmation-*'"), /farm-confirmation/);
      const { code, report: confirmed } = await confirm(report.sha256 ?? "");
      assert.equal(code, 0);
      assert.equal(confirmed.confirmed, true);
      assert.equal(await applied(), report.sha256);
      assert.equal(await sh("systemctl list-timers --no-legend 'farm-confirmation-*'"), "");
      // Once more is no mistake.
      assert.equal((await confirm(report.sha256 ?? "")).code, 0);
      await good("apply", first);
    });

    test("neither a connection that was there before nor a local call confirms", async () => {
      const [command = "", ...options] = sshCommand();
      const old = spawn(command, [...options, "bash"], { stdio: ["pipe", "pipe", "inherit"] });
      let said = "";
      old.stdout.on("data", (chunk: Buffer) => {
        said += chunk;
      });
      old.stdin.write("echo connected\n");
      while (!said.includes("connected")) await new Promise((resolve) => old.stdout.once("data", resolve));
      const { report } = await agent("apply", other);
      old.stdin.end(`farm-agent confirm ${report.sha256}\n`);
      await new Promise((resolve) => old.once("close", resolve));
      assert.match(said, /"ok": false.*older than the change/);
      const local = await agent(`confirm ${report.sha256}`);
      assert.equal(local.code, 1);
      assert.match(local.report.error ?? "", /no SSH session/);
      assert.equal((await confirm(report.sha256 ?? "")).code, 0);
      await good("apply", first);
    });

    test("a firewall that shuts SSH out is undone within the limit, and the same can be tried again", async () => {
      const former = await state();
      const { report } = await agent("apply", locked);
      assert.equal(report.unconfirmed, 60);
      await assert.rejects(confirm(report.sha256 ?? ""), /not one line of JSON/, "nobody gets in");
      await untilUndone();
      assertSame(await state(), former);
      // Strictly: it is gone. Again: it is made once more, which is the next change to confirm.
      const strict = await confirm(report.sha256 ?? "");
      assert.match(strict.report.error ?? "", /nobody confirmed the change within 60 s/);
    });

    test("what an interrupted run left unconfirmed is made again by the next one", async () => {
      const { report } = await agent("prepare", other);
      const sha = report.sha256 ?? "";
      await agent(`activate ${sha}`);
      await untilUndone();
      const again = await confirm(sha, "--again");
      assert.equal(again.report.unconfirmed, 60, again.output);
      assert.equal((await confirm(sha)).code, 0);
      assert.equal(await applied(), sha);
      await good("apply", first);
    });

    test("an agent that dies between the switch and its end leaves the timer behind", async () => {
      const former = await state();
      const run = start("apply", locked, (line, kill) => line.includes("units: reload") && kill());
      assert.notEqual(await run.ended, 0);
      await untilUndone();
      assertSame(await state(), former);
    });

    test("a restart of the host undoes an unconfirmed change", async () => {
      const base = bundleOf([rules(open), bootEnds]);
      const { sha256 } = await good("apply", base);
      await agent("apply", bundleOf([rules(shut), bootEnds]));
      await restart();
      await untilUndone();
      assert.equal(await applied(), sha256);
      assert.equal(await sh("nft list ruleset | grep -c drop || true"), "0");
    });

    test("a run that takes longer than the limit is not cut off, and has the whole limit afterwards", async () => {
      await sh("rm -f /run/t-slow; (sleep 65; touch /run/t-slow) >/dev/null 2>&1 &");
      const slow = { name: "slow", command: "test -e /run/t-slow", within: 90 };
      const input = bundleOf([rules(`${open}# slow\n`), { probes: [slow] }]);
      const { report, output } = await agent("apply", input);
      assert.equal(report.unconfirmed, 60, output);
      assert.equal((await confirm(report.sha256 ?? "")).code, 0);
      assert.equal(await applied(), report.sha256);
    });

    test("a change that locks nobody out needs no confirmation", async () => {
      await good("apply", first);
      const report = await good("apply", bundleOf([rules(open), { files: [file("/etc/t-motd", "x\n")] }]));
      assert.equal(report.unconfirmed, undefined);
    });
  });

  describe("gates", () => {
    const gate = {
      name: "the others are well",
      command: "test -e /run/t-well || { echo one is not; false; }",
      within: 0,
    };
    const withGate = (text: string) =>
      bundleOf([{ gates: [gate], files: [file("/etc/t-gated", text)], probes: [no("fine", "true")] }]);

    test("are asked before a change, but not before nothing", async () => {
      await sh("touch /run/t-well");
      await good("apply", withGate("1\n"));
      await sh("rm /run/t-well");
      await good("apply", withGate("1\n"));
      const former = await state();
      const { code, report } = await agent("apply", withGate("2\n"));
      assert.equal(code, 2);
      assert.match(
        report.error ?? "",
        /can't be changed now: gate "the others are well" says no.*one is not/s,
      );
      assertSame(await state(), former);
      await sh("touch /run/t-well");
      await good("apply", withGate("2\n"));
    });
  });

  describe("what takes others that are changed later", () => {
    const slow = "/etc/systemd/system/t-slow.service";
    const begun = bundleOf([
      {
        founding: [{ command: "test -e /run/t-alone && echo b is yet to come" }],
        files: [file(slow, "[Service]\nType=exec\nExecStartPre=sleep 30\nExecStart=sleep infinity\n")],
        units: [unit("t-slow.service", { restartOn: [slow] })],
        probes: [no("the cluster is there", "test ! -e /run/t-alone")],
      },
      { probes: [no("the rest is well", "test ! -e /run/t-ill")] },
    ]);

    test("is begun, and nobody waits for its units and probes", async () => {
      await sh("touch /run/t-alone /run/t-ill");
      const began = performance.now();
      const ill = await agent("apply", begun);
      assert.match(ill.report.error ?? "", /probe "the rest is well" says no/);
      assert.doesNotMatch(ill.report.error ?? "", /the cluster is there|t-slow/);
      await sh("rm /run/t-ill");
      const { output } = await agent("apply", begun);
      assert.match(output, /only begun: role-0: b is yet to come/);
      assert(performance.now() - began < 25_000, "the unit takes 30 s");
    });

    test("is waited for once they are there", async () => {
      await sh("rm /run/t-alone");
      await good("apply", begun);
      assert.equal(await sh("systemctl is-active t-slow.service"), "active");
    });
  });

  wayBack();
});
