/**
 * The running lab, which test files have one after the other: the runner begins two files at once, and loading this
 * waits until the one before it is done with the lab.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRunningFarm, type TwinFarm } from "../../src/twin/farm.ts";
import { farm } from "./lab-farm.ts";

await turn();

/** Waits for the lock that this process then has until it ends, however it ends: the holder's input ends with it. */
async function turn(): Promise<void> {
  const holder = spawn("flock", [join(tmpdir(), "farm-tests-lab"), "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [held] = (await once(holder.stdout, "data")) as [Buffer];
  assert.equal(held.toString(), "held\n");
  holder.unref();
  for (const stream of [holder.stdin, holder.stdout]) (stream as unknown as { unref(): void }).unref();
}

/** The lab, up and healthy. */
export async function labUp(): Promise<TwinFarm> {
  const { code, stdout, stderr } = await farm(["twin", "up"]);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return openRunningFarm("lab");
}
