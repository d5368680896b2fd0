/** `twin up` killed at one stage after another: the next run goes on from there, and the end is the same. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { listMachines } from "../../src/twin/machines/machine.ts";
import { awaitGreen, copyWithExtraGuest, farm, labUp, ROOT, withoutRoot } from "./lab-farm.ts";

/** Runs `twin up` of a checkout and kills it, with all it has started, as soon as it prints `line`. */
async function killedAt(root: string, line: string): Promise<void> {
  const child = spawn(join(root, "scripts/farm"), ["twin", "up"], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  let killed = false;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
    if (killed || !output.includes(line) || child.pid === undefined) return;
    killed = true;
    process.kill(-child.pid, "SIGKILL");
  });
  await new Promise((resolve) => child.on("close", resolve));
  assert(killed, `"${line}" was never printed:\n${output}`);
}

test("twin up, killed", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const copy = copyWithExtraGuest();
  t.after(() => rmSync(copy, { recursive: true }));

  await t.test("at each stage of making a host, the next run ends well", async () => {
    for (const step of ["guest", "reachable", "agent", "secrets", "bundle", "activate"])
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
});
