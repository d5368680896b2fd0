/** The handbook's examples of pull requests: each change made anew, and what the program says of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { examplesPage, seeAll } from "../pull-requests/page.ts";

test("what author and reviewer see of the four examples", async (t) => {
  const seen = await seeAll();
  const [port, votes, backup, comment] = seen;

  await t.test("a port that a policy forbids: told to the reviewer, and refused", () => {
    assert.equal(port?.comment.code, 1);
    assert.match(port.comment.stdout, /^\+ .*udp dport 111 accept/m);
    assert.equal(port.policy.code, 1);
    assert.match(port.policy.stdout, /^rpcbind-closed, host edge1: /);
  });

  await t.test("two votes on one machine: there is no such plan", () => {
    assert.deepEqual([votes?.comment.code, votes?.comment.stdout], [2, ""]);
    assert.match(votes?.comment.stderr ?? "", /its votes pg1, contabo-de1, web1 stand in 2 failure domain/);
  });

  await t.test("a backup less: a policy stops it, and the comment says it", () => {
    assert.deepEqual([backup?.comment.code, backup?.policy.code], [1, 1]);
    assert.match(backup?.policy.stdout ?? "", /copies-kept, host do-nyc1-a: DigitalOcean keeps no backups/);
    assert.match(backup?.comment.stdout ?? "", /^- {2}backups: true\n\+ {2}backups: false$/m);
  });

  await t.test("another comment: no difference", () => {
    assert.deepEqual([comment?.comment.code, comment?.policy.code], [0, 0]);
    assert.match(comment?.comment.stdout ?? "", /no difference/);
  });

  for (const language of ["en", "ru"] as const)
    await t.test(`docs/${language}/pull-requests.md is what \`npm run examples\` writes`, () => {
      const path = join(import.meta.dirname, `../../docs/${language}/pull-requests.md`);
      assert.equal(readFileSync(path, "utf8"), examplesPage(seen, language));
    });
});
