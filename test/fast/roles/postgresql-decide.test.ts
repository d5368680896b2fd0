/** What a host of a PostgreSQL cluster may and should do, as tables: src/roles/postgresql/decide.py. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const FOLDER = new URL("../../../src/roles/postgresql", import.meta.url).pathname;

/** Calls a function of decide.py with arguments that JSON can carry. */
function call(name: string, ...args: unknown[]): unknown {
  const program =
    "import json, sys; sys.path.insert(0, sys.argv[1]); import decide; name, args = json.load(sys.stdin); print(json.dumps(getattr(decide, name)(*args)))";
  const done = spawnSync("python3", ["-B", "-c", program, FOLDER], {
    input: JSON.stringify([name, args]),
    encoding: "utf8",
  });
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout);
}

const peer = (name: string): string => `http://${name}:2380`;
const MEMBERS = { pg1: "10.80.0.1", pg2: "10.80.0.2" };
const ALL = ["pg1", "pg2", "pg3"];
const PEERS = Object.fromEntries(ALL.map((name) => [name, peer(name)]));

/** Votes that know of each other: `started` have voted, `added` have only been added, `declared` are part of the first list. */
function known(started: string[], added: string[] = [], declared: string[] = []) {
  const entry = (name: string, id: string, begun: boolean) => [peer(id), { id, name, started: begun }];
  return Object.fromEntries([
    ...started.map((n) => entry(n, n, true)),
    ...added.map((n) => entry("", n, false)),
    ...declared.map((n) => entry(n, n, false)),
  ]);
}

const vote = (id: string, leader: string, members: object = known(ALL)) => ({
  waiting: false,
  id,
  leader,
  members,
});
const waiting = { waiting: true };
const votes = (...leaders: (string | null)[]) =>
  Object.fromEntries(ALL.map((name, i) => [name, leaders[i] == null ? null : vote(name, leaders[i] ?? "0")]));

/** A server in short: P primary, p primary without the right to write, S confirms, C receives, c receives nothing, x stopped. */
function server(kind: string, position = 100 << 20) {
  if (kind === ".") return null;
  return {
    state: kind === "x" ? "stopped" : "running",
    role: kind.toUpperCase() === "P" ? "primary" : "replica",
    streaming: kind === "S" || kind === "C",
    sync: kind === "S",
    locked: kind !== "p",
    timeline: 1,
    position,
    pending: {},
  };
}
const servers = (kinds: string) =>
  Object.fromEntries(["pg1", "pg2", "pg4"].map((name, i) => [name, server(kinds[i] ?? ".")]));

/** What pg1 does as a vote, and with whom it begins. */
function joined(
  others: object,
  data: boolean,
  ready: string[] = [],
  welcome: string[] | null = null,
): unknown[] {
  const votes = { pg1: null, ...others };
  const [action, , initial] = call("join", "pg1", PEERS, votes, data, ready, welcome) as unknown[];
  return [action, initial];
}

test("a vote begins", () => {
  const none = { pg2: null, pg3: null };
  const elected = (members: object) => ({
    pg2: vote("pg2", "pg3", members),
    pg3: vote("pg3", "pg3", members),
  });
  // With data: it starts, whoever answers; but if the others have gone on without it, it joins them anew.
  assert.deepEqual(joined(none, true), ["start", null]);
  assert.deepEqual(joined(elected(known(ALL)), true), ["start", null]);
  assert.deepEqual(joined(elected(known(["pg2", "pg3"])), true), ["renew", null]);
  // Without: it never forms a cluster as long as another declared vote is silent, for that one may have data.
  assert.deepEqual(joined(none, false), ["wait", null]);
  assert.deepEqual(joined({ pg2: waiting, pg3: null }, false, ["pg2"]), ["wait", null]);
  assert.deepEqual(joined({ pg2: waiting, pg3: waiting }, false, ["pg2", "pg3"]), ["new", PEERS]);
  // One that was seen to wait may have begun meanwhile.
  assert.deepEqual(joined({ pg2: null, pg3: waiting }, false, ["pg2", "pg3"]), ["new", PEERS]);
  // The others have begun to form what it is part of; it has never voted there.
  const forming = known([], [], ALL);
  assert.deepEqual(joined({ pg2: vote("pg2", "0", forming), pg3: null }, false), ["new", PEERS]);
  assert.deepEqual(joined(elected(known(["pg2", "pg3"], [], ["pg1"])), false), ["new", PEERS]);
  // Growth: the running ones add it.
  const initial = { pg1: peer("pg1"), pg2: peer("pg2"), pg3: peer("pg3") };
  assert.deepEqual(joined(elected(known(["pg2", "pg3"])), false), ["add", initial]);
  assert.deepEqual(joined(elected(known(["pg2", "pg3"], ["pg1"])), false), ["existing", initial]);
  // One that was taken out, or is not known to the others yet, does not come in by itself.
  const [others, all] = [[peer("pg2"), peer("pg3")], Object.values(PEERS)];
  assert.deepEqual(joined(elected(known(["pg2", "pg3"])), false, [], others), ["wait", null]);
  assert.deepEqual(joined(elected(known(["pg2", "pg3"])), true, [], others), ["wait", null]);
  assert.deepEqual(joined(elected(known(["pg2", "pg3"])), false, [], all), ["add", initial]);
  assert.deepEqual(joined(elected(known(["pg2", "pg3"])), true, [], all), ["renew", null]);
  assert.deepEqual(joined(elected(known(ALL)), true, [], others), ["start", null]);
  // Its disk was replaced.
  assert.deepEqual(joined(elected(known(ALL)), false), ["replace", "pg1"]);
  // No majority: nobody could add it.
  assert.deepEqual(joined({ pg2: vote("pg2", "0"), pg3: null }, false), ["wait", null]);
});

test("votes that are not declared any more go when all that are declared vote", () => {
  const list = known(["pg1", "pg2", "pg3", "old"]);
  const all = (leader: string) => Object.fromEntries(ALL.map((n) => [n, vote(n, leader, list)]));
  assert.deepEqual(call("surplus", PEERS, all("pg1")), { [peer("old")]: "old" });
  assert.deepEqual(call("surplus", PEERS, { ...all("pg1"), pg3: null }), {});
  assert.deepEqual(call("surplus", PEERS, all("0")), {});
});

test("etcd is not led from the primary's machine", () => {
  const better = (kinds: string, ...leaders: (string | null)[]) =>
    call("better_leader", "pg1", { servers: servers(kinds), votes: votes(...leaders) }, MEMBERS);
  assert.equal(better("PS.", "pg1", "pg1", "pg1"), "pg3");
  assert.equal(better("PS.", "pg1", "pg1", null), "pg2");
  assert.equal(better("PS.", "pg3", "pg3", "pg3"), null);
  assert.equal(better("SP.", "pg1", "pg1", "pg1"), null);
});

test("whether the cluster can do without a member", () => {
  const objection = (me: string, part: string, kinds: string, ...leaders: (string | null)[]) =>
    call("objection", me, part, MEMBERS, { servers: servers(kinds), votes: votes(...leaders) });
  const well = ["pg3", "pg3", "pg3"];
  assert.equal(objection("pg1", "member", "PSC", ...well), null);
  assert.equal(objection("pg2", "member", "PSC", ...well), null);
  assert.match(objection("pg1", "member", "PCC", ...well) as string, /no other member has every write/);
  assert.match(objection("pg1", "member", "PcC", ...well) as string, /pg2 does not serve/);
  assert.match(objection("pg1", "member", "P.C", ...well) as string, /pg2 does not serve/);
  assert.match(objection("pg2", "member", "pSC", ...well) as string, /takes the writes/);
  // Whoever does not serve is not missed; far copies never are.
  assert.equal(objection("pg2", "member", "PxC", ...well), null);
  assert.match(objection("pg1", "member", "PSC", "pg3", "pg3", null) as string, /only pg2 of 3 votes/);
  assert.equal(objection("pg3", "witness", "", "pg1", "pg1", null), null);
  assert.match(objection("pg3", "witness", "", null, "pg3", "pg3") as string, /only pg2 of 3 votes/);
  assert.equal(objection("pg3", "witness", "", ...well), null);
});

test("whether a host does what it is for", () => {
  const unready = (me: string, part: string, kinds: string, ...leaders: (string | null)[]) =>
    call("unready", me, part, { servers: servers(kinds), votes: votes(...leaders) });
  const well = ["pg3", "pg3", "pg3"];
  assert.equal(unready("pg1", "member", "PSC", ...well), null);
  assert.equal(unready("pg2", "member", "PSC", ...well), null);
  assert.equal(unready("pg4", "replica", "PSC", ...well), null);
  assert.match(unready("pg1", "member", "pSC", ...well) as string, /no right to write/);
  assert.match(unready("pg2", "member", "PcC", ...well) as string, /receives nothing/);
  assert.match(unready("pg2", "member", "PxC", ...well) as string, /not running here: stopped/);
  assert.match(unready("pg2", "member", "P.C", ...well) as string, /Patroni does not answer/);
  assert.match(unready("pg1", "member", "PSC", "0", "0", "0") as string, /no majority/);
  assert.match(unready("pg3", "witness", "", "pg1", "pg1", null) as string, /etcd does not answer/);
});

test("the copy that takes over has every write", () => {
  assert.equal(call("heir", servers("PSC"), MEMBERS, "pg1"), "pg2");
  assert.equal(call("heir", servers("PCC"), MEMBERS, "pg1"), null);
  assert.equal(call("heir", servers("P.S"), MEMBERS, "pg1"), null);
});

test("how a server is restarted", () => {
  const restart = (kind: string, pending: object, stale = false) =>
    call("restart", { ...server(kind), pending }, stale);
  assert.equal(restart("P", {}), "none");
  assert.equal(restart("P", {}, true), "handover");
  assert.equal(restart("S", { shared_buffers: ["476MB", "381MB"] }), "handover");
  assert.equal(restart("P", { max_connections: ["152", "190"] }), "handover");
  // A lower limit: on the primary first, and a copy can't do it.
  assert.equal(restart("P", { max_connections: ["190", "152"] }), "in place");
  assert.equal(restart("S", { max_connections: ["190", "152"] }), "none");
  assert.equal(restart("P", { max_connections: ["190", "152"], shared_buffers: ["1MB", "2MB"] }), "handover");
});

test("a copy that the primary can't serve any more gets a fresh one", () => {
  const MiB = 1 << 20;
  const hopeless = (kinds: string, position: number, oldest: number | null) => {
    const seen = { servers: { ...servers(kinds), pg2: server(kinds[1] ?? ".", position) }, votes: {} };
    return call("hopeless", "pg2", seen, oldest);
  };
  assert.match(hopeless("PcC", 40 * MiB, 64 * MiB) as string, /not kept/);
  // It asks for the segment of 16 MiB that it is in.
  assert.equal(hopeless("PcC", 70 * MiB, 64 * MiB), null);
  assert.match(hopeless("PcC", 63 * MiB, 64 * MiB) as string, /not kept/);
  assert.equal(hopeless("PCC", 40 * MiB, 64 * MiB), null);
  assert.equal(hopeless(".cC", 40 * MiB, 64 * MiB), null);
  assert.equal(hopeless("PcC", 40 * MiB, null), null);
});

test("a vote alone after the loss of the others", () => {
  const no = (lost: string[], ...leaders: (string | null)[]) =>
    call("unrecoverable", "pg1", lost, votes(...leaders));
  assert.equal(no(["pg2", "pg3"], "0", null, null), null);
  // One that is lost here may be the one that all others lack.
  assert.match(no(["pg2"], "0", null, null) as string, /^pg3 does not answer: name it/);
  assert.match(no(["pg2"], "0", null, "0") as string, /no lost majority/);
  assert.match(no(["pg2", "pg3"], "0", "0", null) as string, /^pg2 answers/);
  assert.match(no(["pg1", "pg3"], "0", null, null) as string, /^pg1 is no other vote/);
  assert.match(no(["pg2", "pg2"], "0", null, "0") as string, /no lost majority/);
});

test("a vote does not begin beside a far copy that was promoted without it", () => {
  const barred = (told: object, elected: string[], data: boolean, vouched: string[] = []) =>
    call("barred", "pg1", told, elected, data, vouched);
  assert.equal(barred({ pg4: [] }, [], true), null);
  assert.match(barred({ pg4: ["pg1", "pg2"] }, [], true) as string, /^pg4 was promoted, and pg1 given up/);
  // Whatever the others do, and without data too.
  assert.match(barred({ pg4: ["pg1"] }, ["pg2", "pg3"], false) as string, /^pg4 was promoted/);
  assert.equal(barred({ pg4: ["pg2"] }, [], true), null);
  // A silent copy counts where nobody was there all the time; a cluster that never was has none that was promoted.
  assert.match(
    barred({ pg4: null, pg5: [] }, [], true) as string,
    /pg4 may have been promoted.*not-promoted pg4$/,
  );
  assert.equal(barred({ pg4: null }, ["pg2", "pg3"], true), null);
  assert.equal(barred({ pg4: null }, [], false), null);
  assert.equal(barred({ pg4: null }, [], true, ["pg4"]), null);
  // A word for a copy does not outweigh its own.
  assert.match(barred({ pg4: ["pg1"] }, [], true, ["pg4"]) as string, /^pg4 was promoted/);
});

test("a far copy is promoted when all others are lost, and named", () => {
  const parts = { members: ["pg1", "pg2"], votes: ALL, replicas: ["pg4", "pg5"] };
  const gone = votes(null, null, null);
  const no = (
    lost: string[],
    kinds = "..c",
    { seen = gone, pg5 = server("c") as object | null, told = { pg5: [] as string[] | null } } = {},
  ) => call("unpromotable", "pg4", parts, lost, { votes: seen, servers: { ...servers(kinds), pg5 } }, told);
  assert.equal(no(ALL), null);
  assert.match(no(["pg1", "pg2"]) as string, /^pg3 does not answer: name it/);
  assert.match(no(["pg1", "pg2", "pg9"]) as string, /^pg9 has no part/);
  assert.match(no([...ALL, "pg4"]) as string, /^pg4 has no part.*or is this host/);
  // A member or a vote that answers: a primary may be there, and there are other ways.
  assert.match(no(ALL, ".cc") as string, /^pg2 still there/);
  assert.match(no(ALL, "..c", { seen: votes(null, null, "0") }) as string, /^pg3 still there/);
  // Nothing to promote.
  assert.match(no(ALL, "..x") as string, /no copy is running here: stopped/);
  assert.match(no(ALL, "...") as string, /Patroni does not answer/);
  // Another copy may have more, or be lost as well.
  assert.match(no(ALL, "..c", { pg5: server("c", 101 << 20) }) as string, /^pg5 has more/);
  assert.match(no(ALL, "..c", { pg5: null, told: { pg5: null } }) as string, /^pg5 does not answer/);
  assert.equal(no([...ALL, "pg5"], "..c", { pg5: null, told: { pg5: null } }), null);
  assert.match(no([...ALL, "pg5"]) as string, /^pg5 still there/);
  assert.match(no(ALL, "..c", { told: { pg5: ["pg1"] } }) as string, /^pg5 was promoted already/);
});

test("until when a far copy is complete, and what is too dear", () => {
  const seen = (position: number | null) => ({ servers: { pg4: { ...server("C"), position } } });
  assert.equal(call("complete_until", [1000, 50], seen(50), "pg4"), 1000);
  assert.equal(call("complete_until", [1000, 50], seen(49), "pg4"), null);
  assert.equal(call("complete_until", null, seen(50), "pg4"), null);
  assert.equal(call("complete_until", [1000, 50], seen(null), "pg4"), null);
  assert.equal(call("complete_until", [1000, 50], { servers: { pg4: server("P", 50) } }, "pg4"), null);
  assert.equal(call("too_dear", 60, 60), false);
  assert.equal(call("too_dear", 61, 60), true);
  assert.equal(call("too_dear", 0, null), true);
});

test("whom votes wait for of which none has data yet", () => {
  const waits = (of: Record<string, object | null>, later: string[], hasData = false, me = "pg1") =>
    call("founding", me, of, hasData, later);
  assert.deepEqual(waits({ pg1: null, pg2: null, pg3: null }, ["pg2", "pg3"]), ["pg2", "pg3"]);
  assert.deepEqual(waits({ pg1: waiting, pg2: waiting, pg3: null }, ["pg3"], false, "pg2"), ["pg3"]);
  // A far copy has no vote.
  assert.deepEqual(waits({ pg1: waiting, pg2: null }, ["pg2"], false, "pg4"), ["pg2"]);
  assert.deepEqual(waits({ pg1: null, pg2: waiting, pg3: waiting }, ["pg2", "pg3"]), []);
  assert.deepEqual(waits({ pg1: null, pg2: null, pg3: null }, ["pg3"]), [], "pg2 should be there");
  assert.deepEqual(waits({ pg1: null, pg2: vote("pg2", "0"), pg3: null }, ["pg2", "pg3"]), []);
  assert.deepEqual(waits({ pg1: null, pg2: null, pg3: null }, ["pg2", "pg3"], true), []);
});
