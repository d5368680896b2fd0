/** How one host takes over from another: each declaration on the way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dataHostsOf, partsOf, votersOf } from "../../../src/inventory/clusters.ts";
import { edgeHosts } from "../../../src/inventory/domains.ts";
import { loadInventory } from "../../../src/inventory/load.ts";
import type { Inventory } from "../../../src/inventory/schema.ts";
import type { Draft } from "../../../src/operate/move/first-host.ts";
import { planMove } from "../../../src/operate/move/plan.ts";
import { type Pair, worksOf } from "../../../src/operate/move/works.ts";
import { prod } from "../../../stacks/prod.ts";
import { generatedInventory } from "../farms.ts";
import { labDraft, prodDraft, singapore } from "./move-drafts.ts";

/** All declarations on the way from a draft, each as the person has it who wrote what the step before said. */
function walk(stack: string, start: Draft, pair: Pair): { names: string[]; inventories: Inventory[] } {
  const names: string[] = [];
  const inventories = [loadInventory(stack, start.farm, start.settings)];
  for (let draft = start; ; ) {
    const due = planMove(stack, draft, pair).steps.find(({ write }) => write.length > 0);
    if (due === undefined) return { names, inventories };
    names.push(due.name);
    draft = due.draft;
    // The real loader: it refuses whatever a declaration in stacks/ would be refused for.
    inventories.push(loadInventory(stack, draft.farm, draft.settings));
  }
}

/** That no declaration has fewer copies or votes than the first one, and that the last one has the new host in all of them. */
function assertKept({ inventories }: ReturnType<typeof walk>, { from, to }: Pair): void {
  const [first] = inventories;
  const last = inventories.at(-1);
  assert(first && last);
  for (const inventory of inventories)
    for (const cluster of inventory.clusters) {
      const former = first.clusters.find((c) => c.id === cluster.id);
      assert(former);
      assert(dataHostsOf(cluster).length >= dataHostsOf(former).length, `copies of ${cluster.id}`);
      assert(votersOf(cluster).length >= votersOf(former).length, `votes of ${cluster.id}`);
    }
  const renamed = (ids: readonly string[]): string[] => ids.map((id) => (id === from ? to : id)).sort();
  assert.deepEqual(
    last.clusters.map((c) => partsOf(c).toSorted()),
    first.clusters.map((c) => renamed(partsOf(c))),
  );
  assert.deepEqual(
    last.clusters.map((c) => votersOf(c).toSorted()),
    first.clusters.map((c) => renamed(votersOf(c))),
  );
  assert.deepEqual(
    last.applications.map((a) => a.nodes),
    first.applications.map((a) => renamed(a.nodes)),
  );
  assert.deepEqual(edgeHosts(last), renamed(edgeHosts(first)));
  assert.equal(
    last.hosts.some((host) => host.id === from),
    false,
  );
}

describe("declarations on the way", () => {
  const all = ["declare", "join", "serve", "vote", "resign", "withdraw", "leave", "remove"];
  const has = (...names: string[]): string[] => all.filter((name) => names.includes(name));

  const moves: [string, string, () => Draft, Pair, string[]][] = [
    [
      "a member of MariaDB",
      "lab",
      labDraft,
      { from: "db1", to: "db4" },
      has("declare", "join", "leave", "remove"),
    ],
    [
      "a member of PostgreSQL",
      "lab",
      labDraft,
      { from: "pg1", to: "pg5" },
      has("declare", "join", "vote", "resign", "leave", "remove"),
    ],
    [
      "a witness",
      "lab",
      labDraft,
      { from: "pg3", to: "pg5" },
      has("declare", "vote", "resign", "leave", "remove"),
    ],
    [
      "a witness at a provider of its own",
      "prod",
      () => prodDraft(),
      { from: "do-nyc1-b", to: "vote9" },
      has("declare", "vote", "resign", "leave", "remove"),
    ],
    [
      "a web node",
      "lab",
      labDraft,
      { from: "web1", to: "web3" },
      has("declare", "serve", "withdraw", "remove"),
    ],
    [
      "the edge",
      "lab",
      labDraft,
      { from: "edge1", to: "edge2" },
      has("declare", "serve", "withdraw", "remove"),
    ],
    [
      "St. Louis to Singapore",
      "prod",
      () => singapore("sgp1"),
      { from: "contabo-stl1", to: "sgp1" },
      has("join", "serve", "withdraw", "leave", "remove"),
    ],
    ["all works at once", "prod", () => prodDraft(), { from: "contabo-de1", to: "vps9" }, all],
    // Joined first, it would be changed before the web nodes, who have nothing to do with its cluster.
    [
      "an edge with data that no application uses, which has to serve first",
      "lab",
      () =>
        labDraft((farm, settings) => {
          const edge = farm.hosts.find(({ id }) => id === "edge1");
          assert(edge);
          Object.assign(farm.hosts[0]!.origin, { cores: 16 });
          for (const [index, id] of ["e2", "e3"].entries()) {
            const origin = { kind: "guest", parent: "zhelezo1", vmid: 190 + index } as const;
            farm.hosts.push({ ...edge, id, origin, mesh: `10.80.0.${90 + index}` });
            Object.assign(settings.addresses as object, { [id]: `10.90.0.${90 + index}` });
          }
          const title = { en: "Other", ru: "Другая" };
          farm.clusters!.push({ id: "other", title, software: "mariadb", members: ["edge1", "e2", "e3"] });
        }),
      { from: "edge1", to: "edge2" },
      ["declare", "serve", "join", "withdraw", "leave", "remove"],
    ],
  ];
  for (const [what, stack, draft, pair, names] of moves)
    test(`${what}: each is what the loader takes, and none has fewer copies or votes`, () => {
      const walked = walk(stack, draft(), pair);
      assert.deepEqual(walked.names, names);
      assertKept(walked, pair);
    });

  test("of a generated farm", () => {
    let draft: Draft | undefined;
    generatedInventory(30, (farm, settings) => {
      draft = { farm, settings };
    });
    assert(draft);
    for (const pair of [
      { from: "db2x2", to: "db2x4" },
      { from: "web1x2", to: "web1x9" },
    ])
      assertKept(walk("generated", draft, pair), pair);
  });

  test("an IPv6 address is asked for where the one that leaves has one, and goes with that", () => {
    const { steps } = planMove("lab", labDraft(), { from: "edge1", to: "edge2" });
    assert(steps[0]?.commands.includes("pulumi config set --path 'farms:addresses6.edge2' ADDRESS"));
    assert(steps.at(-1)?.commands.includes("pulumi config rm --path 'farms:addresses6.edge1'"));
  });

  test("what names the host besides goes with it", () => {
    const draft = labDraft((farm, settings) => {
      farm.generations = { "wireguard/web1": 2, "machine/web1": 2, "wireguard/web2": 2 };
      settings.adopt = ["web2", "web1"];
    });
    const { steps } = planMove("lab", draft, { from: "web1", to: "web3" });
    const last = steps.at(-1);
    assert.deepEqual(last?.write.slice(1), [
      'generations: remove "wireguard/web1"',
      'generations: remove "machine/web1"',
    ]);
    assert(last?.commands.includes("pulumi config rm --path 'farms:adopt[1]'"));
    assertKept(walk("lab", draft, { from: "web1", to: "web3" }), { from: "web1", to: "web3" });
  });

  test("what is protected is named before its removal, with what its files have to be freed by", () => {
    const last = (stack: string, draft: Draft, pair: Pair): readonly string[] =>
      planMove(stack, draft, pair).steps.at(-1)?.commands ?? [];
    const unprotect = (of: string) =>
      `pulumi state unprotect $(pulumi stack --show-urns | grep -oE 'urn:.*::${of}$')`;
    const mounts = labDraft((farm) => {
      const { origin } = farm.hosts.find(({ id }) => id === "web1")!;
      Object.assign(origin, { mounts: [{ path: "/srv/files", size: "1 GB" }] });
    });
    const web = { from: "web1", to: "web3" };
    const [, save, free] = last("lab", mounts, web);
    assert.match(
      save ?? "",
      /^save what is in \/srv\/files; then on zhelezo1: pct shutdown 121, pct set 121 --delete mp0/,
    );
    assert.equal(free, unprotect("web1-(guest)"));
    // What has left its clusters has no data any more, and is not protected.
    for (const pair of [web, { from: "db1", to: "db4" }])
      assert.doesNotMatch(last("lab", labDraft(), pair).join(), /unprotect/);
    const droplet = prodDraft((farm) => {
      farm.edge = { kind: "hosts", hosts: ["do-nyc1-a"] };
    });
    const commands = last("prod", droplet, { from: "do-nyc1-a", to: "do-nyc1-z" });
    assert(commands.includes(unprotect("do-nyc1-a-(droplet|address|firewall)")));
  });

  test("one more node may need more connections, which is part of the step", () => {
    const draft = labDraft((farm) => {
      farm.applications![1]!.database.connections = 6;
    });
    const { steps } = planMove("lab", draft, { from: "web1", to: "web3" });
    assert.deepEqual(
      steps.find(({ name }) => name === "serve")?.write.filter((line) => line.includes("redmine")),
      [
        'application redmine: database: { cluster: "postgresql", connections: 9 }',
        'application redmine: nodes: ["web1", "web3", "web2"]',
      ],
    );
  });

  test("a witness gives up its vote when the next one has voted beside it, and is heard until then", () => {
    const { steps } = planMove("lab", labDraft(), { from: "pg3", to: "pg5" });
    assert.deepEqual(
      steps.map(({ title }) => title),
      [
        "pg5 is declared, and does nothing yet",
        "pg5 votes in postgresql",
        "pg3 gives up its vote in postgresql",
        "pg3 leaves postgresql",
        "pg3 is removed",
      ],
    );
    const [, vote, resign, leave] = steps.map(({ write }) =>
      write.map((line) => line.replace("cluster postgresql: ", "")),
    );
    assert.equal(vote?.[0], 'nextWitness: "pg5"');
    assert.match(vote?.[1] ?? "", /^concessions: \[\{ rule: "quorum", /);
    assert.deepEqual(resign, [
      'witness: "pg5"',
      "remove nextWitness",
      "remove concessions",
      'formerWitness: "pg3"',
    ]);
    assert.deepEqual(leave, ["remove formerWitness"]);
  });

  test("an even number of members is conceded while it is one, and a former concession comes back", () => {
    const { steps } = planMove("prod", prodDraft(), { from: "contabo-de1", to: "vps9" });
    const [first, second] = ["join", "leave"].map((name) => steps.find((step) => step.name === name)?.write);
    assert.match(
      first?.[1] ?? "",
      /concessions: \[\{ rule: "quorum", proposal: \{ en: "contabo-de1 leaves when vps9/,
    );
    assert.match(
      second?.[1] ?? "",
      /concessions: \[\{ rule: "failureDomains", proposal: \{ en: "as it was before/,
    );
  });
});

test("works are told by their parts", () => {
  const { clusters, applications, edge } = worksOf(prod, "contabo-de1");
  assert.deepEqual(
    [[...clusters], applications, edge],
    [
      [
        ["mariadb", "member"],
        ["postgresql", "member"],
      ],
      ["pravka"],
      false,
    ],
  );
});
