/** Tests on machines apply copies of the program with a line changed: that those lines are still there shows here, in a second. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import test from "node:test";
import { commentOnEdge, copyOfProgram, copyWithExtraGuest, farm } from "../machines/lab-farm.ts";

/** The complete text of what a host is to become, by a copy of the program that is removed afterwards. */
async function planned(copy: string, host: string): Promise<string> {
  try {
    const { code, stdout, stderr } = await farm(["plan", "--host", host], 60, copy);
    assert.equal(code, 0, stderr);
    return stdout;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

test("a copy with one more guest plans it", async () => {
  assert.match(await planned(copyWithExtraGuest(), "extra1"), /10\.80\.0\.99/);
});

test("a copy with a comment on edge hosts has it in their proxy's configuration", async () => {
  const copy = copyOfProgram();
  commentOnEdge(copy, "another line");
  assert.match(await planned(copy, "edge1"), /^\s*# another line$/m);
});
