import assert from "node:assert/strict";
import test from "node:test";
import { mediawiki } from "../../../src/apps/mediawiki.ts";
import { merge } from "../../../src/host/merge.ts";
import { applicationOf, contextOf } from "../roles/web-context.ts";

const context = contextOf("web1");
const contribution = mediawiki(context, applicationOf(context, "pravka"));
const files = new Map(contribution.files?.map((f) => [f.path, f]));
const withSecrets = [...files.values()].filter((f) => f.content.includes("${secret:"));

test("secrets lie only in files that web requests may read or nobody but root", () => {
  const modes = withSecrets.map((f) => `${f.path} ${f.owner} ${f.mode}`).sort();
  assert.deepEqual(modes, [
    "/etc/mediawiki/farm.json root:www-data 0640",
    "/etc/mediawiki/passwords/admin root:root 0600",
    "/etc/mediawiki/passwords/database root:root 0600",
  ]);
});

test("the administrator's password is not in a file that web requests can read", () => {
  assert.doesNotMatch(files.get("/etc/mediawiki/farm.json")?.content ?? "", /admin/);
});

test("the setup runs again when anything that it depends on changes", () => {
  const setup = contribution.units?.find((u) => u.name === "farm-mediawiki-setup.service");
  const php = [...files.keys()].filter((path) => path.endsWith(".php"));
  for (const path of [...php, ...withSecrets.map((f) => f.path)])
    assert(setup?.restartOn.includes(path), path);
});

test("two wikis on one host are refused: Debian's package has one configuration", () => {
  const other = { ...applicationOf(context, "pravka"), id: "other" };
  assert.throws(() => merge("web1", [contribution, mediawiki(context, other)]), /farm\.json/);
});
