/** What the program reads at its start, which every run of every stack waits for. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";

const { cache } = createRequire(import.meta.url);
const filesOfProvider = (): string[] =>
  Object.keys(cache).filter((path) => path.includes("/@pulumi/cloudflare/"));

test("a stack without Cloudflare reads nothing of its provider, another one only the resources that it uses", async () => {
  await import("../../../src/shell/program.ts");
  assert.deepEqual(filesOfProvider(), []);
  await import("../../../src/dns/cloudflare/register.ts");
  const read = filesOfProvider().length;
  assert(read >= 9 && read < 30, `${read} files`);
});
