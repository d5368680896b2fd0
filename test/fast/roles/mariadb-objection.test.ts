/**
 * When a Galera member may be away, above all while another list of members is brought to one after the other:
 * `objection` of src/roles/mariadb/decide.py. A member is written as `+` (serves), `-` (does not), `r` (has retired) or `.` (no answer), and the
 * members that are declared to it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
from decide import objection
json.dump([objection(*situation) for situation in json.load(sys.stdin)], sys.stdout)
`;

/** `met`: whom the server of db1 was started with. */
function objection(members: Readonly<Record<string, string>>, met: readonly string[]): string | null {
  const states = Object.entries(members).map(([name, text]) => {
    const [kind, ...declared] = text.split(" ");
    return [name, kind === "." ? null : { serving: kind === "+", retired: kind === "r", members: declared }];
  });
  const folder = new URL("../../../src/roles/mariadb", import.meta.url).pathname;
  const input = JSON.stringify([["db1", Object.fromEntries(states), met]]);
  const run = spawnSync("python3", ["-B", "-c", program, folder], {
    input,
    encoding: "utf8",
    timeout: 30_000,
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout)[0];
}

const three = ["db1", "db2", "db3"];
const four = [...three, "db4"];

test("a member may be away while the others are a majority", () => {
  const known = three.join(" ");
  assert.equal(objection({ db1: `+ ${known}`, db2: `+ ${known}`, db3: `+ ${known}` }, three), null);
  for (const lost of [".", `- ${known}`])
    assert.match(
      objection({ db1: `+ ${known}`, db2: `+ ${known}`, db3: lost }, three) ?? "",
      /^only db2 would go on serving, which is no majority$/,
    );
  assert.equal(objection({ db1: `- ${known}`, db2: `+ ${known}`, db3: "." }, three), null);
});

test("one that is only now declared has not joined yet, and is not waited for", () => {
  const [former, wider] = [three.join(" "), four.join(" ")];
  for (const db3 of [former, wider])
    assert.equal(objection({ db1: `+ ${wider}`, db2: `+ ${wider}`, db3: `+ ${db3}`, db4: "." }, three), null);
  assert.match(
    objection({ db1: `+ ${wider}`, db2: `+ ${wider}`, db3: ".", db4: "." }, three) ?? "",
    /only db2/,
  );
  // It has been a member, and is off.
  assert.match(
    objection({ db1: `+ ${wider}`, db2: `+ ${wider}`, db3: ".", db4: `+ ${wider}` }, four) ?? "",
    /only db2, db4/,
  );
});

test("one that nobody else declares any more may be gone", () => {
  const left = "db1 db2 db3";
  const others = { db2: `+ ${left}`, db3: `+ ${left}` };
  assert.equal(objection({ db1: `+ ${four.join(" ")}`, ...others, db4: "." }, four), null);
});

test("one that has retired is not waited for; one that is only off is", () => {
  const known = four.join(" ");
  const others = { db1: `+ ${known}`, db2: `+ ${known}`, db3: `+ ${known}` };
  assert.equal(objection({ ...others, db4: `r ${known}` }, four), null);
  assert.match(objection({ ...others, db4: `- ${known}` }, four) ?? "", /^only db2, db3 would go on serving/);
});

test("one is not replaced by another that has no data in one change: two would be left, one of them away", () => {
  assert.match(
    objection({ db1: "+ db1 db2 db4", db2: "+ db1 db2 db3", db4: "." }, ["db1", "db2"]) ?? "",
    /^only db2 would go on serving, which is no majority$/,
  );
});
