/** What is said of a move whose host that leaves does not answer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Farm } from "../../../src/operate/farm.ts";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import { type Observation, observe } from "../../../src/operate/move/observe.ts";
import { planMove } from "../../../src/operate/move/plan.ts";
import type { Pair } from "../../../src/operate/move/works.ts";
import { Unreachable } from "../../../src/shell/errors.ts";
import { labInventory, planOf } from "../farms.ts";
import { labDraft } from "./move-drafts.ts";
import { told } from "./move-told.ts";

test("lost is who can't be reached, and not who has no agent yet or says no", async () => {
  const inventory = labInventory();
  const answers: Readonly<Record<string, number | Error>> = {
    db1: new Unreachable("no SSH connection to db1"),
    db2: 255,
    db3: 127,
    pg1: 75,
  };
  const ssh = {
    async run(host: string, command: string) {
      const said = command.includes("verify") ? answers[host] : 1;
      if (said instanceof Error) throw said;
      return { code: said ?? 0, stdout: '{"applied":null,"unhealthy":[]}', stderr: "no word" };
    },
  };
  const farm = { inventory, plan: planOf(inventory), ssh, target: (host: string) => host } as unknown as Farm;
  const { hosts } = await observe(farm, { from: "db1", to: "db4" });
  const seen = (id: string) => hosts.find(({ host }) => host === id);
  assert.deepEqual(
    ["db1", "db2", "db3", "pg1", "web1"].map((id) => [
      seen(id)?.missed !== undefined,
      seen(id)?.isLost ?? false,
    ]),
    [
      [true, true],
      [true, true],
      [true, false],
      [true, false],
      [false, false],
    ],
  );
});

describe("the host that leaves is lost", () => {
  const lose =
    (from: string) =>
    (seen: Observation): Observation => ({
      ...seen,
      sessions: undefined,
      hosts: seen.hosts.map((h) =>
        h.host === from ? { ...h, isLost: true, missed: "no SSH connection", upToDate: false } : h,
      ),
    });
  const draft = (pair: Pair, done: number): Draft =>
    done === 0
      ? labDraft()
      : (planMove("lab", labDraft(), pair).steps[done - 1]?.draft ?? assert.fail("no such step"));

  for (const [what, pair] of [
    ["a member of MariaDB", { from: "db1", to: "db4" }],
    ["a member of PostgreSQL", { from: "pg1", to: "pg5" }],
    ["a web node", { from: "web1", to: "web3" }],
    ["an edge host", { from: "edge1", to: "edge2" }],
  ] as const)
    test(`${what}: it can't leave, and is to be made anew under its name, in the beginning and in the middle`, () => {
      for (const done of [0, 2]) {
        const { text, code } = told("lab", draft(pair, done), pair, lose(pair.from));
        assert.equal(code, 1);
        assert.match(
          text,
          new RegExp(
            `waits .*\n +${pair.from} is declared and does not answer\\. .*farm rebuild ${pair.from} --stack lab`,
          ),
        );
        assert.doesNotMatch(text, /NEXT/);
      }
    });

  test("it does nothing any more: it may go, though that is not applied yet, and a person makes sure that it is off", () => {
    const pair = { from: "web1", to: "web3" };
    const seen = (s: Observation): Observation => ({
      ...lose("web1")(s),
      hosts: lose("web1")(s).hosts.map((h) => (h.host === "web2" ? { ...h, upToDate: false } : h)),
    });
    const { text } = told("lab", draft(pair, 3), pair, seen);
    assert.match(
      text,
      /3\. done .*\n4\. NEXT {3}web1 is removed\n +web1 does not answer, .* be sure that it is off\n +in stacks/,
    );
    const unwell = (s: Observation): Observation => ({
      ...seen(s),
      hosts: seen(s).hosts.map((h) => (h.host === "web3" ? { ...h, unhealthy: ["probe pravka: 503"] } : h)),
    });
    assert.match(
      told("lab", draft(pair, 3), pair, unwell).text,
      /3\. NEXT .*\n +not applied yet: web2\n +web3: probe/,
    );
  });
});
