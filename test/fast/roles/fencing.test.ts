/** Who may have whom switched off, and when. The decision is fencing/decide.py's own, run by Python. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";

const folder = join(import.meta.dirname, "../../../src/roles/postgresql/fencing");
const VOTES = ["pg1", "pg2", "pg3"];

interface Seen {
  readonly leader: string | null;
  readonly standbys: readonly string[];
  readonly paused: boolean;
  readonly silence: Readonly<Record<string, number>>;
  readonly opinions: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** pg1 took the writes and is silent, pg2 confirms them, pg3 has a vote and no data and says the same. */
const lost: Seen = {
  ...{ leader: "pg1", standbys: ["pg2"], paused: false },
  silence: { pg1: 3.5 },
  opinions: { pg3: { pg1: 3.2, pg2: 0.1 } },
};

function decide(me: string, seen: Seen): { fence: boolean; why: string } {
  const program =
    "import json, sys; from decide import decide; me, votes, seen = json.load(sys.stdin); print(json.dumps(decide(me, votes, seen)._asdict()))";
  const output = execFileSync("python3", ["-B", "-c", program], {
    cwd: folder,
    input: JSON.stringify([me, VOTES, seen]),
    encoding: "utf8",
  });
  return JSON.parse(output);
}

test("a leader that a majority misses is fenced by the member that confirms its writes", () => {
  assert.deepEqual(decide("pg2", lost), {
    fence: true,
    why: "pg1 has not answered pg2 and pg3 for 3.5 s",
  });
});

const refusals: [string, string, Partial<Seen>, RegExp][] = [
  ["a vote without data", "pg3", { silence: { pg1: 9, pg2: 0 } }, /does not confirm the writes/],
  ["the leader itself", "pg1", { silence: { pg2: 9 } }, /this member takes the writes/],
  ["one that misses it for a moment only", "pg2", { silence: { pg1: 2.9 } }, /answers/],
  ["one whose witness still hears it", "pg2", { opinions: { pg3: { pg1: 0.2 } } }, /pg3 do not say the same/],
  ["one that has never been heard, as after a power cut", "pg2", { silence: {} }, /has not been heard yet/],
  ["one whose witness has never heard it", "pg2", { opinions: { pg3: {} } }, /pg3 do not say the same/],
  ["one whose witness does not answer", "pg2", { opinions: {} }, /pg3 do not say the same/],
  ["a cluster that an operator paused", "pg2", { paused: true }, /paused by an operator/],
  ["a cluster without a leader, or etcd without a majority", "pg2", { leader: null }, /no majority/],
  ["a member that does not confirm the writes", "pg2", { standbys: [] }, /does not confirm the writes/],
];

for (const [name, me, change, why] of refusals)
  test(`nobody is fenced: ${name}`, () => {
    const decision = decide(me, { ...lost, ...change });
    assert.equal(decision.fence, false);
    assert.match(decision.why, why);
  });
