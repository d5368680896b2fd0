/** What the engine's policy pack would report, without the engine. */
import assert from "node:assert/strict";
import test from "node:test";
import { POLICIES } from "../../../src/policy/policies.ts";
import { notAsJudged, packPolicies, type Registered } from "../../../src/shell/policy-pack.ts";
import { readSettings } from "../../../src/shell/stack.ts";
import { labInventory, planOf } from "../farms.ts";

const plan = planOf(labInventory());
const registered = (): Registered[] =>
  plan.hosts.map(({ host, bundle }) => ({
    type: "command:remote:Command",
    name: `${host.id}-bundle`,
    props: { stdin: bundle },
  }));

test("the pack has each policy once, with its own severity, and one that holds resources to the plan", () => {
  const settings = { ...readSettings("lab"), masterKey: Buffer.alloc(32).toString("base64") };
  const policies = packPolicies("lab", settings, "2026-11-27");
  assert.deepEqual(
    policies.map(({ name, enforcementLevel }) => [name, enforcementLevel]),
    [...POLICIES.map(({ name, severity }) => [name, severity]), ["as-judged", "mandatory"]],
  );
  const told = policies.slice(0, -1).flatMap(({ name, broken }) => broken([]).map((text) => [name, text]));
  assert.deepEqual(
    told.map(([name, text]) => `${name}, ${text?.split(":")[0]}`),
    ["restore-checked, cluster mariadb", "restore-checked, cluster postgresql"],
  );
});

test("resources are the plan that was judged: none is missing, another, or more", () => {
  assert.deepEqual(notAsJudged(plan, registered()), []);
  assert.deepEqual(notAsJudged(plan, registered().slice(1)), [
    `host ${plan.hosts[0]?.host.id}: no bundle of it is registered`,
  ]);
  const other = registered().map((each) =>
    each.name === "db1-bundle" ? { ...each, props: { stdin: "" } } : each,
  );
  assert.deepEqual(notAsJudged(plan, other), ["host db1: its bundle is another one than was judged"]);
  const more = [
    ...registered(),
    { type: "command:remote:Command", name: "db9-bundle", props: { stdin: "" } },
  ];
  assert.deepEqual(notAsJudged(plan, more), [
    "host db9: it has a bundle, and the declaration does not know it",
  ]);
});
