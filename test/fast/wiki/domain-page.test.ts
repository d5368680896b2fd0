/** A domain's page says in its own language what declared each record. */
import assert from "node:assert/strict";
import test from "node:test";
import { sourceIn } from "../../../src/wiki/domain-page.ts";
import { pagesOf } from "../../../src/wiki/pages.ts";
import { planOf, prodInventory } from "../farms.ts";

const SERVERS = ["contabo-de1", "contabo-stl1"];
const plans = {
  cloudflare: planOf(prodInventory()),
  hosts: planOf(
    prodInventory((farm) => {
      farm.edge = { kind: "hosts", hosts: ["contabo-stl1", "contabo-stl2"], nameservers: SERVERS };
    }),
  ),
};

for (const [edge, plan] of Object.entries(plans))
  test(`whatever declares a record, it has a name in Russian (edge: ${edge})`, () => {
    const sources = new Set(plan.dns.zones.flatMap(({ records }) => records.map(({ source }) => source)));
    assert(sources.size > 5);
    for (const source of sources) {
      assert.equal(sourceIn("en", source), source);
      assert.match(sourceIn("ru", source), /\p{Script=Cyrillic}/u);
    }
  });

test("the Russian page of a domain has them", () => {
  const page = pagesOf(plans.cloudflare, { drills: [], rebuildings: [] }).find(
    ({ title }) => title === "Ферма prod/домен opplet.net",
  );
  assert.match(page?.section ?? "", /приложение pravka/);
  assert.doesNotMatch(page?.section ?? "", /application|redirect from|mail of|cloudflare/);
});

test("a source that has no Russian yet is a defect, not a line of English", () => {
  assert.throws(() => sourceIn("ru", "something new"), /no Russian: something new/);
});
