/** What becomes of WireGuard keys that change: the plan's steps, and which keys an interface has until all are done. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { labInventory, planOf } from "../farms.ts";

/** An interface as `wg show wg0 dump` has it: own key, then peers with the addresses they hold and their last handshake. */
interface Live {
  readonly key: string;
  readonly peers: readonly (readonly [key: string, addresses: string, handshake: number])[];
}

interface Former {
  readonly own: string | null;
  readonly peers: Readonly<Record<string, readonly string[]>>;
}

const NONE: Former = { own: null, peers: {} };
const DB1 = "10.80.0.11/32";

/** Runs the program's own rules against a described interface instead of wg(8). */
const DRIVER = `import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("mesh", sys.argv[1])
mesh = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mesh)
task = json.load(sys.stdin)
told = []
def run(*argv, stdin=None):
    if argv[1] == "strip":
        return task["config"]
    if argv[2:] == ("wg0", "dump"):
        return task["dump"]
    told.append(stdin)
    return ""
mesh.run, mesh.load = run, lambda: task["former"]
config, live = mesh.Config(), mesh.Live()
former = mesh.note(config, live)
mesh.settle(config, live, former)
print(json.dumps({"former": former, "told": told[0]}))`;

/** What the interface is told when its configuration has these keys: own, and that of the peer db1. */
function reload(own: string, db1: string, live: Live, former: Former = NONE) {
  const config = `[Interface]\nPrivateKey = ${own}\nListenPort = 51820\n\n# db1\n[Peer]\nPublicKey = ${db1}\nAllowedIPs = ${DB1}\nEndpoint = 10.90.0.11:51820\n`;
  const peers = live.peers.map(([key, addresses, handshake]) =>
    [key, "(none)", "10.90.0.11:51820", addresses, handshake, 0, 0, "off"].join("\t"),
  );
  const dump = [[live.key, "public", 51820, "off"].join("\t"), ...peers].join("\n");
  const path = new URL("../../../src/roles/mesh/main.py", import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync("python3", ["-c", DRIVER, path], {
    input: JSON.stringify({ config, dump, former }),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const answer = JSON.parse(stdout) as { former: Former; told: string };
  const peer = (section: string) => {
    const lines = new Map(
      section
        .trim()
        .split("\n")
        .map((line) => line.split(" = ") as [string, string]),
    );
    assert.equal(lines.get("Endpoint"), "10.90.0.11:51820");
    return `${lines.get("PublicKey")} ${lines.get("AllowedIPs") ?? "-"} ${lines.get("PersistentKeepalive")}`;
  };
  const [head = "", ...sections] = answer.told.split("[Peer]");
  const key = /PrivateKey = (.*)/.exec(head)?.[1];
  return { former: answer.former, key, peers: sections.map(peer) };
}

test("an interface that is as configured stays so", () => {
  const live = { key: "own1", peers: [["db1-1", DB1, 100]] } as const;
  assert.deepEqual(reload("own1", "db1-1", live), { former: NONE, key: "own1", peers: [`db1-1 ${DB1} 0`] });
});

test("a peer's new key stands beside the former one, which has the traffic until the peer comes with the new", () => {
  const live: Live = { key: "own1", peers: [["db1-1", DB1, 100]] };
  const first = reload("own1", "db1-2", live);
  assert.deepEqual(first.former, { own: null, peers: { [DB1]: ["db1-2", "db1-1"] } });
  assert.deepEqual(first.peers, ["db1-2 - 5", `db1-1 ${DB1} 5`]);

  const turned: Live = {
    key: "own1",
    peers: [
      ["db1-2", "(none)", 101],
      ["db1-1", DB1, 100],
    ],
  };
  assert.deepEqual(reload("own1", "db1-2", turned, first.former).peers, [`db1-2 ${DB1} 5`, "db1-1 - 5"]);
});

test("handshakes within one second: the new key counts", () => {
  const live: Live = {
    key: "own1",
    peers: [
      ["db1-1", DB1, 100],
      ["db1-2", "(none)", 100],
    ],
  };
  assert.deepEqual(reload("own1", "db1-2", live).peers, [`db1-2 ${DB1} 5`, "db1-1 - 5"]);
});

test("after a boot, without a handshake, both keys are there", () => {
  const former: Former = { own: null, peers: { [DB1]: ["db1-2", "db1-1"] } };
  const booted = reload("own1", "db1-2", { key: "own1", peers: [["db1-2", DB1, 0]] }, former);
  assert.deepEqual(booted.peers, [`db1-2 ${DB1} 5`, "db1-1 - 5"]);
  assert.deepEqual(booted.former, former);
});

test("this host's own new key waits for its turn, also over a boot", () => {
  const live: Live = { key: "own1", peers: [["db1-1", DB1, 100]] };
  const first = reload("own2", "db1-1", live);
  assert.deepEqual([first.key, first.former.own], ["own1", "own1"]);
  const booted = reload("own2", "db1-1", { ...live, key: "own2" }, first.former);
  assert.deepEqual([booted.key, booted.former.own], ["own1", "own1"]);
});

test("what is taken back before it was used leaves nothing behind", () => {
  const former: Former = { own: "own1", peers: { [DB1]: ["db1-2", "db1-1"] } };
  const live: Live = {
    key: "own1",
    peers: [
      ["db1-1", DB1, 100],
      ["db1-2", "(none)", 0],
    ],
  };
  assert.deepEqual(reload("own1", "db1-1", live, former), {
    former: NONE,
    key: "own1",
    peers: [`db1-1 ${DB1} 0`],
  });
});

test("a key that is raised again before all have turned: every key in use stays", () => {
  const former: Former = { own: null, peers: { [DB1]: ["db1-2", "db1-1"] } };
  const live: Live = {
    key: "own1",
    peers: [
      ["db1-2", DB1, 101],
      ["db1-1", "(none)", 100],
    ],
  };
  const again = reload("own1", "db1-3", live, former);
  assert.deepEqual(again.former.peers[DB1], ["db1-3", "db1-2", "db1-1"]);
  assert.deepEqual(again.peers, ["db1-3 - 5", `db1-2 ${DB1} 5`, "db1-1 - 5"]);
});

test("a raised key is turned to on its host and then retired on its peers, and nowhere else", () => {
  const rotations = (generation: number) => {
    const plan = planOf(
      labInventory((farm) => {
        farm.generations = { "wireguard/edge1": generation };
      }),
    );
    return plan.hosts.flatMap(({ host, state }) =>
      state.rotations.map((r) => [host.id, r.secret, r.turn, r.retire] as const),
    );
  };
  assert.deepEqual(rotations(1), []);
  const raised = rotations(2);
  assert.deepEqual(
    raised.map(([host, secret, turn, retire]) => [host, secret, turn !== undefined, retire !== undefined]),
    [
      ["edge1", "wireguard/edge1", true, false],
      ["web1", "wireguard/edge1", false, true],
      ["web2", "wireguard/edge1", false, true],
    ],
  );
});
