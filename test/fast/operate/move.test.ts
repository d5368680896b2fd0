/** What is said at each stage of a move, of what is declared and what the hosts say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MemberState } from "../../../src/clusters/kind.ts";
import { dataHostsOf, partsOf } from "../../../src/inventory/clusters.ts";
import { loadInventory } from "../../../src/inventory/load.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import type { Farm } from "../../../src/operate/farm.ts";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import { type Observation, observe, sessionsIn } from "../../../src/operate/move/observe.ts";
import { planMove } from "../../../src/operate/move/plan.ts";
import { standings } from "../../../src/operate/move/stage.ts";
import { exitCode, printMove } from "../../../src/operate/move/view.ts";
import type { Pair } from "../../../src/operate/move/works.ts";
import { Unreachable } from "../../../src/shell/errors.ts";
import { labInventory, planOf } from "../farms.ts";
import { labDraft, prodDraft, singapore } from "./move-drafts.ts";

/** What the hosts of a farm say when all is applied and well, and `from` has no sessions; changed by a test. */
function well(inventory: Inventory, pair: Pair, writer: Readonly<Record<string, string>> = {}): Observation {
  const state = (cluster: Inventory["clusters"][number], host: string): MemberState => {
    const nothing = { host, committed: 1, lag: null, writer: writer[cluster.id] === host };
    if (cluster.software === "mariadb")
      return { ...nothing, status: "Primary", state: "Synced", size: cluster.members.length };
    const copies = dataHostsOf(cluster);
    if (!copies.includes(host)) return { ...nothing, status: "vote", state: "healthy", size: null };
    return { ...nothing, status: "replica", state: "streaming", size: copies.length, lag: 0 };
  };
  const parts = inventory.clusters.filter((c) => [pair.from, pair.to].some((id) => partsOf(c).includes(id)));
  return {
    hosts: inventory.hosts.map(({ id }) => ({ host: id, upToDate: true, unhealthy: [] })),
    clusters: new Map(parts.map((c) => [c.id, partsOf(c).map((id) => state(c, id))])),
    sessions: inventory.hosts.some(({ id }) => id === pair.from) ? [] : undefined,
  };
}

/** What is printed of a draft when the hosts say `seen`, and the exit code. */
function told(
  stack: string,
  draft: Draft,
  pair: Pair,
  change: (seen: Observation) => Observation = (s) => s,
) {
  const inventory = loadInventory(stack, draft.farm, draft.settings);
  const plan = planMove(stack, draft, pair);
  const found = standings(
    plan,
    inventory,
    change(well(inventory, pair, { mariadb: "db2", postgresql: "pg1" })),
  );
  return { text: printMove(plan, found), code: exitCode(found), plan };
}

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
