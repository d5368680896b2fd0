/** What is said at each stage of a move, of what is declared and what the hosts say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import { sessionsIn } from "../../../src/operate/move/observe.ts";
import { planMove } from "../../../src/operate/move/plan.ts";
import type { Pair } from "../../../src/operate/move/works.ts";
import { labDraft, prodDraft, singapore } from "./move-drafts.ts";
import { told } from "./move-told.ts";

describe("each stage, St. Louis to Singapore", () => {
  const pair = { from: "contabo-stl1", to: "sgp1" };
  const declared = singapore("sgp1");
  const steps = planMove("prod", declared, pair).steps.filter(({ write }) => write.length > 0);
  /** The draft in which so many steps are written; 0 is that in which sgp1 is declared. */
  const written = (count: number): Draft => steps[count - 1]?.draft ?? declared;
  const lines = (text: string): string[] => text.split("\n").filter((line) => /^\d\. /.test(line));

  test("nothing is declared: what to write, and how the machine is met", () => {
    const { text, code } = told("prod", prodDraft(), pair);
    assert.equal(code, 1);
    assert.match(text, /contabo-stl1 does: postgresql \(replica\), edge\nsgp1 is not declared/);
    assert.match(
      text,
      /1\. NEXT {3}sgp1 is declared, and does nothing yet\n +in stacks\/prod\.ts, add a host: \{ id: "sgp1", site: "contabo-stl", .*price: .*\n +pulumi config set --path 'farms:addresses\.sgp1' ADDRESS\n +scripts\/farm rebuild sgp1 --stack prod --execute --confirm sgp1: a new system.*\n +pulumi config set --path 'farms:adopt\[0\]' sgp1\n +scripts\/farm bootstrap sgp1 --stack prod --host-key/,
    );
    assert.deepEqual(lines(text).slice(1), [
      "2. waits  sgp1 joins postgresql",
      "3. waits  sgp1 serves at the edge",
      "4. waits  contabo-stl1 serves nothing any more",
      "5. waits  contabo-stl1 leaves postgresql",
      "6. waits  contabo-stl1 is removed",
    ]);
    assert.match(
      text,
      /2\. waits .*\n +for step 1\n +in stacks\/prod\.ts, cluster postgresql: replicas: \["contabo-stl1", "sgp1"\]/,
    );
    assert.match(text, /end its contract with contabo \(my\.contabo\.com/);
  });

  test("declared, and not answering: its first contact is next", () => {
    const { text, code } = told("prod", written(0), pair, (seen) => ({
      ...seen,
      hosts: seen.hosts.map((h) =>
        h.host === "sgp1"
          ? { ...h, upToDate: false, missed: "no SSH connection to 192.0.2.54: \u001b[1mno\u001b[0m" }
          : h,
      ),
    }));
    assert.equal(code, 1);
    assert.match(
      text,
      /1\. NEXT .*\n +no SSH connection to 192\.0\.2\.54: \\x1b\[1mno.*\n.*farm rebuild sgp1.*\n.*farms:adopt.*\n +scripts\/farm bootstrap sgp1.*\n +pulumi up; then this command again\n2\. waits/,
    );
  });

  test("declared, applied and well: it joins", () => {
    const { text } = told("prod", written(0), pair);
    assert.deepEqual(lines(text).slice(0, 3), [
      "1. done   sgp1 is declared, and does nothing yet",
      "2. NEXT   sgp1 joins postgresql",
      "3. waits  sgp1 serves at the edge",
    ]);
  });

  test("its copy is on its way: that is waited for", () => {
    const late = (lag: number, state: string) =>
      told("prod", written(1), pair, (seen) => ({
        ...seen,
        clusters: new Map(
          [...seen.clusters].map(([id, states]) => [
            id,
            states.map((s) => (s.host === "sgp1" ? { ...s, lag, state } : s)),
          ]),
        ),
      })).text;
    assert.match(
      late(2 ** 30, "streaming"),
      /2\. waits .*\n +sgp1 is not in step in postgresql: replica, streaming, sees 4, 1073741824 bytes behind\n3\. waits .*\n +for step 2/,
    );
    assert.match(late(0, "creating replica"), /2\. waits .*\n +sgp1 is not in step/);
    assert.match(late(2 ** 20, "streaming"), /2\. done/);
    const others = told("prod", written(1), pair, (seen) => ({
      ...seen,
      hosts: seen.hosts.map((h) => (h.host === "pg1" ? { ...h, upToDate: false } : h)),
    })).text;
    assert.match(others, /2\. NEXT .*\n +not applied yet: pg1\n +pulumi up; then this command again/);
  });

  test("both at the edge: the users go over first", () => {
    const by = (address: string) =>
      told("prod", written(2), pair, (seen) => ({
        ...seen,
        sessions: [{ address, port: 443, peer: "198.51.100.7" }],
      })).text;
    assert.match(
      by("192.0.2.52"),
      /4\. waits .*\n +1 connection\(s\) of users still come in by contabo-stl1\n/,
    );
    // By the mesh: a client of its copy, which has until step 6.
    assert.match(by("10.81.0.52"), /4\. NEXT /);
    assert.match(
      by("10.81.0.52"),
      /before that, in DNS: pravka\.opplet\.net, redmine\.opplet\.net lead to sgp1 in place of contabo-stl1/,
    );
    const unhealthy = told("prod", written(2), pair, (seen) => ({
      ...seen,
      hosts: seen.hosts.map((h) => (h.host === "sgp1" ? { ...h, unhealthy: ["probe pravka: 503"] } : h)),
    })).text;
    assert.match(unhealthy, /3\. waits .*\n +sgp1: probe pravka: 503\n4\. waits/);
  });

  test("it has left: nobody may be connected to it any more; then it goes", () => {
    const busy = told("prod", written(4), pair, (seen) => ({
      ...seen,
      sessions: [{ address: "10.81.0.52", port: 5432, peer: "10.81.0.21" }],
    })).text;
    assert.match(
      busy,
      /6\. waits .*\n +contabo-stl1 still has 1 connection\(s\): 10\.81\.0\.21 to 10\.81\.0\.52:5432\n/,
    );
    const { text } = told("prod", written(4), pair);
    assert.match(text, /contabo-stl1 does: nothing\nsgp1 does: postgresql \(replica\), edge/);
    assert.match(text, /5\. done .*\n6\. NEXT .*\n +in stacks\/prod\.ts, remove the host contabo-stl1/);
    const mute = told("prod", written(4), pair, (seen) => ({ ...seen, sessions: undefined })).text;
    assert.match(mute, /6\. waits .*\n +contabo-stl1 does not tell who is connected/);
  });

  test("it is gone: every step is done, and what can't be known is said", () => {
    const { text, code } = told("prod", written(5), pair);
    assert.equal(code, 0);
    assert.match(text, /every step is done\ncontabo-stl1 is not declared\n/);
    assert.match(text, /contabo-stl1 is no host of stack prod, any more or at all/);
    const late = told("prod", written(5), pair, (seen) => ({
      ...seen,
      hosts: seen.hosts.map((h) => (h.host === "pg1" ? { ...h, upToDate: false } : h)),
    }));
    assert.equal(late.code, 1);
    assert.match(late.text, /\d\. NEXT {3}contabo-stl1 is removed\n +not applied yet: pg1/);
  });
});

test("who leaves is taken out of the cluster's work first, and nobody waits for it then", () => {
  const declared = (pair: Pair, count: number): Draft =>
    planMove("lab", labDraft(), pair).steps[count - 1]?.draft ?? assert.fail("there is no such step");
  const mariadb = { from: "db2", to: "db4" };
  assert.match(
    told("lab", declared(mariadb, 2), mariadb).text,
    /3\. waits {2}db2 leaves mariadb\n +db2 is still in mariadb; on db2: farm-galera retire\n/,
  );
  // Its probe says no, and the others see three of four: both as it has to be.
  const retired = told("lab", declared(mariadb, 2), mariadb, (seen) => ({
    ...seen,
    hosts: seen.hosts.map((h) => (h.host === "db2" ? { ...h, unhealthy: ["probe mariadb in sync"] } : h)),
    clusters: new Map(
      [...seen.clusters].map(([id, all]) => [
        id,
        all.map((s) =>
          s.host === "db2" ? { ...s, status: "retired", state: null, size: null } : { ...s, size: 3 },
        ),
      ]),
    ),
  })).text;
  assert.match(retired, /3\. NEXT {3}db2 leaves mariadb\n +in stacks\/lab\.ts, cluster mariadb: members/);
  const postgresql = { from: "pg1", to: "pg5" };
  assert.match(
    told("lab", declared(postgresql, 3), postgresql).text,
    /4\. waits {2}pg1 becomes a copy of postgresql\n +pg1 takes the writes of postgresql; on pg1: farm-postgresql switchover\n/,
  );
  // The cluster does not see it go at once.
  assert.match(
    told("lab", declared(mariadb, 3), mariadb, (seen) => ({
      ...seen,
      clusters: new Map([...seen.clusters].map(([id, all]) => [id, all.map((s) => ({ ...s, size: 4 }))])),
    })).text,
    /3\. waits {2}db2 leaves mariadb\n +db1 is not in step in mariadb: Primary, Synced, sees 4/,
  );
});

test("sessions are those with services, by the lines of ss", () => {
  const text = `0      0      192.0.2.52:443      198.51.100.7:50001
0      0      [::ffff:10.81.0.52]:5432   [::ffff:10.81.0.21]:40000
0      0      192.0.2.52:22      198.51.100.9:40000
0      0      192.0.2.52:443     192.0.2.52:40001
`;
  assert.deepEqual(sessionsIn(text, new Set([443, 5432]), ["192.0.2.52", "10.81.0.52"]), [
    { address: "192.0.2.52", port: 443, peer: "198.51.100.7" },
    { address: "10.81.0.52", port: 5432, peer: "10.81.0.21" },
  ]);
});
