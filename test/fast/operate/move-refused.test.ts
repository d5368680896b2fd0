/** Moves that are refused before anything is written, with what to do instead. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import { planMove } from "../../../src/operate/move/plan.ts";
import { labDraft, prodDraft, singapore } from "./move-drafts.ts";

const refusal = (stack: string, draft: Draft, from: string, to: string): string => {
  try {
    planMove(stack, draft, { from, to });
  } catch (error) {
    const { exitCode: code, message, remedy } = error as Error & { exitCode: number; remedy?: string };
    assert.equal(code, 2, String(error));
    return `${message}\n${remedy ?? ""}`;
  }
  assert.fail("it was accepted");
};

describe("refused, with what to do instead", () => {
  const cases: [string, string, Draft, string, string, RegExp][] = [
    ["a host itself", "lab", labDraft(), "db1", "db1", /db1 can't take over from itself/],
    [
      "an unknown host",
      "lab",
      labDraft(),
      "db8",
      "db9",
      /stack lab has no host "db8"\nname one of: zhelezo1, db1/,
    ],
    [
      "a Proxmox host with guests",
      "lab",
      labDraft(),
      "zhelezo1",
      "zhelezo9",
      /zhelezo1 carries db1, .*move each of them first/s,
    ],
    [
      "a witness whose successor is part of the cluster already",
      "lab",
      labDraft(),
      "pg3",
      "pg4",
      /refused would be: pg3 is removed\n {2}- cluster postgresql has a member "pg3", which is no host/,
    ],
    [
      "a witness whose successor would be changed before the others know it",
      "lab",
      labDraft(),
      "pg3",
      "aa",
      /aa would be changed before .*pg1.*choose one that sorts after those/s,
    ],
    ["a name that is none", "lab", labDraft(), "db1", "DB_4", /a name is small Latin letters/],
    [
      "a host that is a member already",
      "lab",
      labDraft(),
      "db1",
      "db2",
      /refused would be: db1 leaves mariadb\n {2}- cluster mariadb has 2 votes/,
    ],
    [
      "a place that is too far away",
      "prod",
      singapore("sgp1"),
      "contabo-de1",
      "sgp1",
      /sgp1 can't take over from contabo-de1; refused would be: sgp1 joins mariadb, postgresql\n {2}- cluster mariadb: .* are 160 ms apart, at most 10 ms are allowed/,
    ],
    [
      "a place of which all is lost at once",
      "prod",
      prodDraft((farm, settings) => {
        const like = farm.hosts.find(({ id }) => id === "db2");
        assert(like);
        farm.hosts.push({
          ...like,
          id: "vm9",
          origin: { kind: "guest", parent: "zhelezo2", vmid: 199 },
          mesh: "10.81.0.99",
          memory: "1 GB",
        });
        Object.assign(settings.addresses as object, { vm9: "10.91.0.99" });
      }),
      "contabo-de1",
      "vm9",
      /cluster postgresql: its votes pg1, vm9, do-nyc1-b stand in 2 failure domain\(s\).*, this environment demands 3/,
    ],
    [
      "a name in whose turn the others do not know it",
      "prod",
      singapore("contabo-sgp1"),
      "contabo-stl1",
      "contabo-sgp1",
      /contabo-sgp1 would be changed before .*pg1.* who do not know it until then.*choose one that sorts after those/s,
    ],
  ];
  for (const [what, stack, draft, from, to, message] of cases)
    test(what, () => {
      assert.match(refusal(stack, draft, from, to), message);
    });
});
