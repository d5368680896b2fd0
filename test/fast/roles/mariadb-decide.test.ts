/**
 * The rules by which a Galera member starts, as a table: src/roles/mariadb/decide.py.
 *
 * What db1, db2, … say of themselves is written in short:
 *     S   serves, in cluster A             H   runs, outside any Primary     ^   starting     v   stopping
 *     A9  stopped, last commit A:9         0   stopped, never had data       ?   stopped, position not looked for yet
 *     J   runs and catches up              M   runs but does not answer
 *     X   stopped, no position to be found .   does not answer
 *     >db2 holds db2 for the writer        +db3 an operator accepted the loss of db3 there
 *     -db1 it has recorded db1 as lost
 *     @db2 db2 is in its view of the cluster                   !db2 its disk is full (the name is its own)
 *     ~db2 it is about to leave (the name is its own)
 *     #007 that choice of the writer was the seventh
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const A = "aaaaaaaa-0000-4000-8000-000000000000";
const B = "bbbbbbbb-0000-4000-8000-000000000000";

function state(text: string): object | null {
  const [, kind = ""] = /^([^>+@!~#-]+)/.exec(text) ?? [];
  const mark = (sign: string): string | undefined => text.split(sign)[1]?.slice(0, 3);
  if (kind === ".") return null;
  const position = /^([AB])(\d+)$/.exec(kind);
  const cluster = position?.[1] === "B" ? B : A;
  const servers: Record<string, string> = {
    S: "running",
    H: "running",
    J: "running",
    M: "running",
    "^": "starting",
    v: "stopping",
  };
  const wsrep: Record<string, string> = { S: "Synced", H: "Initialized", J: "Joined" };
  return {
    wsrep: kind in wsrep ? { state: wsrep[kind] } : null,
    server: servers[kind] ?? "stopped",
    serving: kind === "S",
    uuid: kind === "S" ? A : null,
    history: kind === "0" ? null : cluster,
    position: position ? [cluster, Number(position[2])] : kind === "0" ? [null, -1] : null,
    fault: kind === "X" ? "galera_recovery failed" : null,
    accepted: [mark("+")].filter(Boolean),
    lost: [mark("-")].filter(Boolean),
    view: [mark("@")].filter(Boolean),
    writer: mark(">") ?? null,
    term: Number(mark("#") ?? 0),
    room: mark("!") === undefined,
    leaving: mark("~") !== undefined,
  };
}

interface Verdict {
  readonly action: string;
  readonly why: string;
  readonly writer: string | null;
  readonly term: number;
  /** Whether it may open for writes, should it be the writer. */
  readonly agreed: boolean;
  readonly lost: readonly string[];
  /** Which of the timed conditions hold. */
  readonly conditions: Record<string, boolean>;
}

const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
from decide import agreed, conditions, decide, lost, writer
verdicts = []
for me, states, clocks in json.load(sys.stdin):
    action, why = decide(me, states, clocks)
    verdict = {"action": action, "why": why, "writer": writer(states)[1], "term": writer(states)[0], "lost": lost(me, states), "agreed": agreed(me, states)}
    verdicts.append({**verdict, "conditions": conditions(me, states)})
json.dump(verdicts, sys.stdout)
`;

/** What a program that knows the rules prints, as JSON. */
function runPython(text: string, input: string): unknown {
  const folder = new URL("../../../src/roles/mariadb", import.meta.url).pathname;
  const options = { input, encoding: "utf8", timeout: 30_000, maxBuffer: 2 ** 26 } as const;
  const run = spawnSync("python3", ["-B", "-c", text, folder], options);
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

interface Situation {
  readonly me: string;
  readonly members: string;
  readonly clocks?: Record<string, number>;
}

function decide(situations: readonly Situation[]): Verdict[] {
  const input = situations.map(({ me, members, clocks }) => [
    me,
    Object.fromEntries(members.split(" ").map((text, index) => [`db${index + 1}`, state(text)])),
    { headless: 0, apart: 0, turn: 0, ...clocks },
  ]);
  return runPython(program, JSON.stringify(input)) as Verdict[];
}

/** Name, who decides, the members, the action, what its reason must say, the clocks. */
type Rule = [string, string, string, string, RegExp?, Record<string, number>?];

const rules: Rule[] = [
  // A cluster that is there
  ["a member that serves rests", "db1", "S S .", "rest"],
  ["a stopped member joins as soon as one serves, without looking for its position", "db2", "S ? S", "start"],
  ["a member without data joins", "db3", "S S 0", "start"],
  ["but not while its last run still counts", "db2", "S@db2 ? S@db2", "wait", /must drop our last run/],
  ["data of another cluster is not overwritten", "db2", "S B7 S", "wait", /another cluster/],
  ["joining is by name", "db3", "S ? ?", "wait", /db2 joins first/],
  ["but not for ever", "db3", "S ? ?", "start", /joining/, { turn: 16 }],
  ["one joins at a time, whatever its name", "db2", "S ? ^", "wait", /db3 is joining/, { turn: 300 }],
  ["a join that hangs keeps nobody out", "db2", "S ? H", "start", /joining/, { turn: 601 }],
  ["nor does an absent member", "db3", ". S ?", "start"],
  ["a member outside the Primary gets time", "db2", "S H S", "wait", /not in the cluster/, { apart: 59 }],
  ["then it is restarted", "db2", "S H S", "stop", /restarting/, { apart: 61 }],
  ["and so is a server that hangs", "db2", "S M S", "stop", /restarting/, { apart: 61 }],
  ["a server that stops is let be", "db2", "S v S", "wait"],
  ["and so is one that starts", "db2", "A4 ^ A4", "wait"],

  // Founding
  ["the lowest name founds", "db1", "0 0 0", "bootstrap", /db1 founds/],
  ["the others wait for it", "db2", "0 0 0", "wait", /db1 founds/],
  ["nobody founds before all are there", "db1", "0 0 .", "wait", /db3/],
  ["nor on an operator's word: the absent one may hold the data", "db1", "0+db3 0 .", "wait", /only founded/],
  ["a single member founds its cluster", "db1", "0", "bootstrap"],
  ["a member without data never founds where another has some", "db1", "0 A3 0", "wait", /db2 bootstraps/],
  ["a founder that lost power before anybody joined goes on", "db2", "0 A3 0", "bootstrap"],

  // All were down
  ["a member finds its position first", "db1", "? . .", "recover"],
  ["the highest position bootstraps", "db2", "A9 A10 A8", "bootstrap"],
  ["the others wait", "db1", "A9 A10 A8", "wait", /db2 bootstraps/],
  ["the name breaks a tie", "db1", "A10 A10 A8", "bootstrap"],
  ["a tie is no reason for two", "db2", "A10 A10 A8", "wait", /db1 bootstraps/],
  ["nothing before all positions are known", "db1", "A10 ? A8", "wait", /finding its position: db2/],
  ["nothing while another starts, it may be the one that bootstraps", "db2", "^ A10 A8", "wait", /db1/],
  ["different clusters are for a person to sort out", "db1", "A10 B4 A8", "wait", /different clusters/],

  // Some stay away
  ["a majority waits, and says for what", "db1", "A10 A8 .", "wait", /accept-loss db3/],
  ["it goes on with the word, given on either member", "db1", "A10 A8+db3 .", "bootstrap"],
  ["a word about one is no word about another", "db1", "A10+db3 . .", "wait", /accept-loss db2\./],
  ["a position that can't be told counts as unknown", "db1", "A10 A8 X", "wait", /accept-loss db3/],
  ["and is passed over with the word", "db1", "A10+db3 A8 X", "bootstrap"],
  ["the word is not needed once the member is back", "db3", "A10+db3 A8 A12", "bootstrap"],

  // One comes back whose loss was accepted
  ["its data does not join what went on without it", "db1", "A9 S-db1 S-db1", "wait", /without us/],
  ["without its data it does", "db1", "0 S-db1 S-db1", "start"],
  ["it never bootstraps, however high", "db1", "A99 A8-db1 A7-db1", "wait", /db2 bootstraps/],
  ["it is not waited for again", "db2", ". A8-db1 A7-db1", "bootstrap"],
  ["unless the others differ about it", "db2", "A99 A8-db1 A7", "wait", /accept-loss db1/],
  ["who can be told", "db2", "A99 A8-db1+db1 A7", "bootstrap"],
  ["nobody founds anew because all data is lost", "db2", "A9 0-db1 0-db1", "wait", /only founded/],

  // All are up, none is Primary
  ["a cluster that fell apart gets time to re-form", "db1", "H H H", "wait", /re-form/, { headless: 14 }],
  ["then all stop to compare positions", "db1", "H H H", "stop", /compare/, { headless: 16 }],
  ["later when one may only be busy", "db1", "H H M", "wait", /re-form/, { headless: 59 }],
  ["but then too", "db1", "H H M", "stop", /compare/, { headless: 61 }],
  ["also the one that is left running", "db2", "A4 H A4", "stop", /compare/, { headless: 16 }],
  ["those that have stopped wait for it", "db1", "A4 H A4", "wait", /not stopped on db2/],
  ["a minority cut off stays up", "db1", "H . .", "wait", /accept-loss db2 db3/, { headless: 9999 }],
];

const verdicts = decide(
  rules.map(([, me, members, , , clocks]) => ({ me, members, ...(clocks ? { clocks } : {}) })),
);

for (const [index, [name, , , action, says, clocks]] of rules.entries())
  test(name, () => {
    const verdict = verdicts[index];
    assert.equal(verdict?.action, action, verdict?.why);
    if (says) assert.match(verdict?.why ?? "", says);
    for (const clock of Object.keys(clocks ?? {}))
      assert.equal(verdict?.conditions[clock], true, `${clock} is timed only while it holds`);
  });

const writers: [string, string, string | null, number?][] = [
  ["the first by name takes the writes of a new cluster", "S S S", "db1"],
  ["a member that returns does not take them back", "S S>db2 S>db2", "db2"],
  ["a dead writer is replaced, in a new term", ". S>db1#004 S>db1#004", "db2", 5],
  ["also one that no longer serves", "H S>db1 S>db1", "db2"],
  ["one that lost sight of the writer has chosen for all", "S>db1#002 S>db2#001 S>db2#001", "db1", 2],
  ["one that was apart and chose in vain changes nothing", "S#009 S>db2#001 S>db2#001", "db2", 1],
  [
    "one that was apart and chose itself takes over nothing while it does not serve",
    "H>db1#002 S>db2#001 S>db2#001",
    "db2",
    3,
  ],
  ["one whose disk is full", "S>db1!db1 S>db1 S>db1", "db2"],
  ["one that is about to leave", "S>db1~db1 S>db1 S>db1", "db2"],
  ["not when all disks are full", "S>db1!db1 S>db1!db2 S>db1!db3", "db1"],
  ["two that took over at once agree", ". S>db2 S>db3", "db2"],
  ["nobody takes writes where nobody serves", "H H .", null],
];

test("who takes the writes", () => {
  const chosen = decide(writers.map(([, members]) => ({ me: "db2", members })));
  for (const [index, [name, , writer, term]] of writers.entries()) {
    assert.equal(chosen[index]?.writer, writer, name);
    if (term !== undefined) assert.equal(chosen[index]?.term, term, name);
  }
});

/**
 * Members that ask each other every half second and choose every quarter, each of it at a moment of its own, so that they
 * know the others as they were. Prints those moments from which they do not come to agree within five seconds, or don't
 * stay with it.
 */
const simulation = `
import json, random, sys
sys.path.insert(0, sys.argv[1])
from decide import writer
NAMES = ["db1", "db2", "db3"]
# Ticks of 50 ms: between two questions, between two choices, until all have to agree, in all.
ASK, CHOOSE, LIMIT, END = 10, 5, 100, 160

def agree(asks, chooses, own, serves_from):
    own, agreed = dict(own), set()
    known = {name: {other: (choice, serves_from[other] <= 0) for other, choice in own.items()} for name in NAMES}
    for tick in range(END):
        for name in NAMES:
            for other in NAMES:
                if other == name or tick % ASK == asks[name, other]:
                    known[name][other] = own[other], serves_from[other] <= tick
            if tick % CHOOSE == chooses[name]:
                own[name] = writer({other: {"serving": serving, "term": term, "writer": chosen}
                                    for other, ((term, chosen), serving) in known[name].items()})
        if tick >= LIMIT:
            agreed.add(tuple(own.values()))
    return len(agreed) == 1 and len({chosen for _, chosen in own.values()}) == 1

starts = [
    ([(4, "db3"), (4, "db3"), (4, "db1")], [0, 0, 0]),
    ([(4, "db1"), (5, "db2"), (5, "db3")], [0, 0, 0]),
    ([(0, None), (0, None), (0, None)], [0, 20, 40]),
    ([(3, None), (4, None), (3, None)], [11, 13, 12]),
]
dice, failed = random.Random(1), []
for choices, serves in starts:
    for _ in range(250):
        asks = {(name, other): dice.randrange(ASK) for name in NAMES for other in NAMES}
        chooses = {name: dice.randrange(CHOOSE) for name in NAMES}
        if not agree(asks, chooses, zip(NAMES, choices), dict(zip(NAMES, serves))):
            failed.append([choices, list(asks.values()), list(chooses.values())])
json.dump(failed[:3], sys.stdout)
`;

test("members come to agree on the writer, however old what they know of each other is", () => {
  assert.deepEqual(runPython(simulation, ""), []);
});

test("a writer opens when all that are in the cluster with it know, as far as they answer", () => {
  const known = (members: string) => decide([{ me: "db2", members }])[0]?.agreed;
  assert.equal(known("S>db2 S>db2@db1 S>db2"), true);
  assert.equal(known("S>db1 S>db2@db1 S>db2"), false);
  assert.equal(known("H S>db2@db1 S>db2"), false);
  assert.equal(known(". S>db2@db1 S>db2"), true);
  assert.equal(known("S>db1 S>db2@db3 S>db2"), true);
});

const records: [string, string, string[]][] = [
  ["an accepted loss is recorded by those that serve", "S S ?+db4 .", ["db4"]],
  ["the record is kept while none serves", ". A8-db1 A7", ["db1"]],
  ["and passed on to who comes back", "S-db4 A7 S-db4 .", ["db4"]],
  ["who comes back with an old record learns the present one", "S A7-db3 . S", []],
  ["it ends when the member serves again", "S-db3 S-db3 S", []],
];

test("how long there was no cluster is timed from when the server runs: else the first of all to start would be stopped at once", () => {
  const timed = (me: string, members: string) => decide([{ me, members }])[0]?.conditions.headless;
  assert.equal(timed("db1", "0 0 0"), false);
  assert.equal(timed("db1", "^ 0 0"), false);
  assert.equal(timed("db1", "H 0 0"), true);
});

test("a member that catches up is not timed", () => {
  const [verdict] = decide([{ me: "db2", members: "S J S" }]);
  assert.equal(verdict?.conditions.apart, false);
});

test("which members are remembered as lost", () => {
  const found = decide(records.map(([, members]) => ({ me: "db2", members }))).map((v) => v.lost);
  for (const [index, [name, , lost]] of records.entries()) assert.deepEqual(found[index], lost, name);
});

test("never two bootstrap, nor one beside a cluster or between two, whatever each of three is", () => {
  const kinds = ["0", "A5", "A7", "B6", "X", "?", "H", "S"];
  const clocks = { headless: 9999, apart: 9999, turn: 9999 };
  const all = kinds.flatMap((a) => kinds.flatMap((b) => kinds.map((c) => `${a} ${b} ${c}`)));
  const found = decide(
    all.flatMap((members) => ["db1", "db2", "db3"].map((me) => ({ me, members, clocks }))),
  );
  for (const [index, members] of all.entries()) {
    const founders = found.slice(3 * index, 3 * index + 3).filter((v) => v.action === "bootstrap").length;
    const forbidden = /S|H|X|\?/.test(members) || (/A/.test(members) && /B/.test(members));
    assert.equal(founders, forbidden ? 0 : 1, members);
  }
});

test("whom a cluster waits for that none of its members has been part of", () => {
  const program =
    "import json, sys; sys.path.insert(0, sys.argv[1]); from decide import founding; json.dump([founding(*each) for each in json.load(sys.stdin)], sys.stdout)";
  const waits = (members: string, later: string[]) => [
    Object.fromEntries(members.split(" ").map((text, index) => [`db${index + 1}`, state(text)])),
    later,
  ];
  const cases = [
    waits("0 . .", ["db2", "db3"]),
    waits("0 0 .", ["db3"]),
    // All are there: it is founded in a moment.
    waits("0 0 0", ["db3"]),
    // Who was changed before is missing, or this one itself.
    waits("0 . .", ["db3"]),
    waits(". . .", ["db2", "db3"]),
    // Somebody has been part of it.
    waits("0 S .", ["db2", "db3"]),
    waits("A5 . .", ["db2", "db3"]),
  ];
  const found = runPython(program, JSON.stringify(cases));
  assert.deepEqual(found, [["db2", "db3"], ["db3"], [], [], [], [], []]);
});

test("a server without Galera, as a host may have had one before, serves nobody", () => {
  const program =
    "import json, sys; sys.path.insert(0, sys.argv[1]); import server; json.dump(server.wsrep(json.load(sys.stdin)), sys.stdout)";
  const status = {
    wsrep_ready: "OFF",
    wsrep_cluster_status: "Disconnected",
    wsrep_cluster_size: "0",
    wsrep_cluster_state_uuid: "",
  };
  const found = runPython(program, JSON.stringify(status));
  assert.deepEqual(found, { serving: false, uuid: null, view: [], wsrep: null });
});
