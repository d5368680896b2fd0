/** Drift of the whole lab: none is invented, whatever the farm has been through; what is there is found on all hosts at once. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test from "node:test";
import type { Drift } from "../../src/operate/drift/ask.ts";
import { DRIFT_RESULT } from "../../src/roles/self-check.ts";
import { readStatus } from "../../src/twin/status.ts";
import { awaitGreen, copyOfProgram, editFile, farm, on, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

/** The whole command's answer for programs; says how long the hosts took. */
async function drift(t: { diagnostic(text: string): void }, code: number, root?: string): Promise<Drift> {
  const began = performance.now();
  const { code: ended, stdout, stderr } = await farm(["twin", "drift", "lab", "--json"], 60, root);
  assert.equal(ended, code, stdout + stderr);
  const found: Drift = JSON.parse(stdout);
  const whole = ((performance.now() - began) / 1000).toFixed(1);
  t.diagnostic(`${found.seen.length} hosts asked in ${found.seconds.toFixed(1)} s, whole command ${whole} s`);
  return found;
}

const findings = ({ seen }: Drift): string[] =>
  seen.flatMap((h) => h.findings.map((f) => `${h.host}: ${f.kind} ${f.name}: ${f.what}`));

test("drift of the lab", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const hosts = lab.inventory.hosts.map((h) => h.id);
  const everywhere = (command: string): Promise<string[]> =>
    Promise.all(hosts.map((host) => on(lab, host, command)));

  await t.test("there is none, and people are told so in a few lines", async (t) => {
    const found = await drift(t, 0);
    assert.deepEqual([findings(found), found.missed], [[], []]);
    assert.deepEqual(
      found.seen.map((h) => [h.host, h.waiting, h.changing]),
      hosts.map((host) => [host, 0, null]),
    );
    const { stdout } = await farm(["twin", "drift"]);
    assert.match(stdout, new RegExp(`^as applied\\n {2}${hosts.join(", ")}\\n`));
    assert.match(stdout, /\n11 of 11 hosts answered in [\d.]+ s; no drift\n$/);
  });

  await t.test("a host's own look costs little", async (t) => {
    const text = await on(
      lab,
      "web1",
      "bash -c 'TIMEFORMAT=%R/%U/%S; time farm-agent drift >/dev/null' 2>&1",
    );
    const [wall = 0, user = 0, system = 0] = text.trim().split("/").map(Number);
    t.diagnostic(`on web1: ${wall} s, of these ${(user + system).toFixed(2)} s of the processor`);
    // The aim is a quarter of a second; far more says that something is asked once per entry.
    assert(user + system < 1, text);
  });

  await t.test("the timer is there, and what it finds can be read by anybody", async () => {
    await everywhere("systemctl is-active farm-drift.timer && systemctl start farm-drift.service");
    const results = await everywhere(`setpriv --reuid=65534 --clear-groups cat ${DRIFT_RESULT}`);
    for (const [index, text] of results.entries()) {
      const { host, time, applied, differences, unhealthy } = JSON.parse(text);
      const expected = [hosts[index], lab.plan.hosts[index]?.sha256, [], []];
      assert.deepEqual([host, applied, differences, unhealthy], expected);
      assert(Date.now() - Date.parse(time) < 120_000, time);
    }
  });

  await t.test("the same change on two hosts is told once, and one host can be asked alone", async () => {
    await Promise.all(
      ["web1", "web2"].map((host) => on(lab, host, "sysctl -qw net.ipv4.ip_nonlocal_bind=0")),
    );
    await on(lab, "web1", "chmod 0600 /etc/hosts");
    const { code, stdout } = await farm(["twin", "drift"]);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^web1\n {2}mode \/etc\/hosts: 0644 → 0600\n\nweb1, web2\n {2}sysctl net\.ipv4\.ip_nonlocal_bind: 1 → 0\n\n/,
    );
    const alone = await farm(["twin", "drift", "lab", "web2"]);
    assert.match(alone.stdout, /^web2\n {2}sysctl .*\n\n1 of 1 host answered/);
    await Promise.all(
      ["web1", "web2"].map((host) => on(lab, host, "sysctl -qw net.ipv4.ip_nonlocal_bind=1")),
    );
    await on(lab, "web1", "chmod 0644 /etc/hosts");
    const unknown = await farm(["twin", "drift", "lab", "db9"]);
    assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  });

  await t.test("a host that is off is named at the end, with how far behind it is", async (t) => {
    const copy = copyOfProgram();
    try {
      assert.equal((await farm(["twin", "break", "web2"])).code, 0);
      const { code, stdout } = await farm(["twin", "drift"]);
      assert.equal(code, 1);
      assert.match(
        stdout,
        /\nNOT REACHED\n {2}web2: .*\n {4}last seen .* ago with .*: nothing has waited for it since.*\n\n/,
      );
      assert.match(stdout, /\n10 of 11 hosts answered in .*; no drift; 1 not reached: web2\n$/);
      // The declaration goes on; what the others wait for is told too.
      editFile(copy, "src/roles/base.ts", (text) => text.replace("SystemMaxUse=500M", "SystemMaxUse=501M"));
      const { seen, missed } = await drift(t, 1, copy);
      assert.deepEqual([...new Set(seen.map((h) => h.waiting))], [1]);
      assert.deepEqual(
        missed.map((h) => [h.host, h.last?.waiting]),
        [["web2", 1]],
      );
    } finally {
      rmSync(copy, { recursive: true });
      await farm(["twin", "mend"]);
    }
    // Redmine takes its time to start.
    await awaitGreen(lab, 90);
  });

  await t.test("a restart, a failover and apt's daily work leave none", async (t) => {
    const { clusters } = await readStatus(lab);
    const writer = clusters.mariadb?.find((member) => member.writer)?.host ?? "";
    assert.equal((await farm(["twin", "break", writer, "edge1"])).code, 0);
    await farm(["twin", "mend"]);
    await awaitGreen(lab, 90);
    await everywhere("apt-get -qq update && systemd-tmpfiles --clean && systemctl daemon-reload");
    const found = await drift(t, 0);
    assert.deepEqual([findings(found), found.missed], [[], []]);
  });
});
