/** `twin up` killed at one stage after another: the next run goes on from there, and the end is the same. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test from "node:test";
import { listMachines } from "../../src/twin/machines/machine.ts";
import { readStatus } from "../../src/twin/status.ts";
import {
  awaitGreen,
  commentOnEdge,
  copyOfProgram,
  copyWithExtraGuest,
  farm,
  farmUntil,
  on,
  ROOT,
  withoutRoot,
} from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

/** Runs `twin up` of a checkout and kills it, with all it has started, as soon as it prints `line`. */
const killedAt = (root: string, line: string) =>
  farmUntil(["twin", "up"], line, (pid) => process.kill(-pid, "SIGKILL"), root);

test("twin up, killed", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const copy = copyWithExtraGuest();
  t.after(() => rmSync(copy, { recursive: true }));

  await t.test("at each stage of making a host, the next run ends well", async () => {
    for (const step of ["guest", "agent", "bundle", "activate", "confirm", "settled"])
      await killedAt(copy, `extra1-${step}: creating`);
    const { code, stdout, stderr } = await farm(["twin", "up"], 300, copy);
    assert.equal(code, 0, stdout + stderr);
    const again = await farm(["twin", "up"], 300, copy);
    assert.match(again.stdout, /0 created, 0 updated, 0 deleted/);
  });

  await t.test("at each stage of removing it, the next run ends well", async () => {
    await killedAt(ROOT, "extra1-activate: deleting");
    await killedAt(ROOT, "extra1-guest: deleting");
    const { code, stdout, stderr } = await farm(["twin", "up"]);
    assert.equal(code, 0, stdout + stderr);
    assert(!listMachines("lab").some((m) => m.name === "extra1"));
    await awaitGreen(lab, 30);
  });

  await t.test(
    "in the middle of a change that is then taken back: the host has what is declared",
    async () => {
      const changed = copyOfProgram();
      try {
        commentOnEdge(changed, "taken back");
        await killedAt(changed, "edge1-bundle: done");
        // As the agent does when the connection breaks, or whoever started it is killed, while it is at work.
        const staged = "$(basename $(ls -t /var/lib/farm/staged/*.bundle | head -1) .bundle)";
        await on(lab, "edge1", `farm-agent activate ${staged}`);
        assert.match(await on(lab, "edge1", "cat /etc/farm/edge/haproxy.cfg"), /# taken back/);
        const { code, stdout, stderr } = await farm(["twin", "up"]);
        assert.equal(code, 0, stdout + stderr);
        assert.doesNotMatch(await on(lab, "edge1", "cat /etc/farm/edge/haproxy.cfg"), /# taken back/);
        for (const host of (await readStatus(lab)).hosts) assert(host.upToDate, host.host);
      } finally {
        rmSync(changed, { recursive: true });
      }
    },
  );
});
