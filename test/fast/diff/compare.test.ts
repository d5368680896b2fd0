/** What the comparison of two plans says differs. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  type Comparison,
  comparePlans,
  isDifferent,
  type PlanDocument,
  planDocumentSchema,
} from "../../../src/plan/compare.ts";
import { printPlan } from "../../../src/shell/plan-view.ts";
import { labInventory, planOf } from "../farms.ts";

type Change = Parameters<typeof labInventory>[0];

const documentOf = (change?: Change): PlanDocument =>
  planDocumentSchema.parse(JSON.parse(printPlan(planOf(labInventory(change)), { json: true })));

/** A host whose bundle has the given entries: head line to the lines under it. */
const host = (id: string, entries: Record<string, string[]>, rest: object = {}) => {
  const body = Object.entries(entries).map(([head, lines]) =>
    [head, ...lines.map((line) => `    ${line}`)].join("\n"),
  );
  const text = `${[`farm bundle 1 for ${id}`, ...body].join("\n\n")}\n`;
  return { host: { id, ...rest }, bundle: `${text}end ${text.split("\n").length - 1}\n` };
};

const plan = (hosts: PlanDocument["hosts"], rest: object = {}): PlanDocument => ({
  hosts,
  waves: hosts.map((h) => [h.host.id]),
  ...rest,
});

/** Every change in few words: "db1,db2 changed file /etc/hosts". */
const inShort = ({ farm, groups }: Comparison): string[] =>
  [
    ...farm.map((change) => ({ hosts: ["farm"], change })),
    ...groups.flatMap((g) => g.changes.map((change) => ({ hosts: g.hosts, change }))),
  ].map(({ hosts, change: c }) =>
    [hosts.join(","), c.kind, c.section === "bundle" ? "" : c.section, c.name].filter(Boolean).join(" "),
  );

test("a plan does not differ from itself, nor from one whose things stand in another order", () => {
  const before = documentOf();
  assert(!isDifferent(comparePlans(before, documentOf())));
  const after = structuredClone(before);
  after.hosts.reverse();
  for (const section of ["clusters", "applications", "flows"]) (after[section] as unknown[]).reverse();
  assert(
    !isDifferent(comparePlans(before, Object.fromEntries(Object.entries(after).reverse()) as PlanDocument)),
  );
});

test("a changed line is a patch with its entry's name, on the one host that has it", () => {
  const before = plan([host("a", { "file /x": ["one", "two"] }), host("b", { "file /x": ["one", "two"] })]);
  const after = plan([host("a", { "file /x": ["one", "three"] }), host("b", { "file /x": ["one", "two"] })]);
  const found = comparePlans(before, after);
  assert.deepEqual([found.added, found.gone, found.changed, found.order], [[], [], ["a"], [["a"]]]);
  assert.deepEqual(found.groups, [
    {
      hosts: ["a"],
      changes: [
        {
          section: "bundle",
          name: "file /x",
          kind: "changed",
          patch: "@@ -1,2 +1,2 @@ file /x\n one\n-two\n+three\n",
        },
      ],
    },
  ]);
});

test("a patch that many hosts share stands once, with all their names, before what is one host's own", () => {
  const hosts = (word: string) =>
    ["a", "b", "c"].map((id) =>
      host(id, { "file /own": [id === "b" ? word : "same"], "file /shared": [word] }),
    );
  assert.deepEqual(inShort(comparePlans(plan(hosts("old")), plan(hosts("new")))), [
    "a,b,c changed file /shared",
    "b changed file /own",
  ]);
});

test("a file under another path with the same text has moved; other entries come and go", () => {
  const before = plan([host("a", { "file /old": ["content:", "    x"], "directory /old": ["mode: 0755"] })]);
  const after = plan([host("a", { "file /new": ["content:", "    x"], "directory /new": ["mode: 0755"] })]);
  const found = comparePlans(before, after);
  assert.deepEqual(inShort(found), ["a moved file /new", "a added directory /new", "a gone directory /old"]);
  assert.equal(found.groups[0]?.changes[0]?.formerName, "file /old");

  const changed = plan([host("a", { "file /new": ["content:", "    y"] })]);
  assert.deepEqual(
    inShort(comparePlans(plan([host("a", { "file /old": ["content:", "    x"] })]), changed)),
    ["a added file /new", "a gone file /old"],
  );
});

test("an added host is compared with the one that it is most like; one that goes is named", () => {
  const web = (id: string) => host(id, { "file /x": ["web"], "file /y": ["web"], "file /name": [id] });
  const db = host("db1", { "file /x": ["db"], "file /y": ["db"], "file /name": ["db1"] });
  const found = comparePlans(plan([db, web("web1"), web("web9")]), plan([db, web("web1"), web("web2")]));
  assert.deepEqual([found.added, found.gone, found.changed], [["web2"], ["web9"], []]);
  assert.deepEqual(
    found.groups.map((g) => [g.hosts, g.comparedWith]),
    [[["web2"], "web1"]],
  );
  assert.match(found.groups[0]?.changes.find((c) => c.name === "file /name")?.patch ?? "", /-web1\n\+web2\n/);
});

test("an added host that is like none is shown whole", () => {
  const found = comparePlans(
    plan([host("a", { "file /x": ["a"] })]),
    plan([host("a", { "file /x": ["a"] }), host("b", { packages: ["nginx"], "unit u": ["state: running"] })]),
  );
  assert.equal(found.groups[0]?.comparedWith, undefined);
  assert.deepEqual(
    inShort(found).filter((line) => line.startsWith("b")),
    ["b added host", "b added farm bundle", "b added packages", "b added unit u"],
  );
});

test("a stack that one side does not declare: all hosts added, or gone", () => {
  const document = documentOf();
  const ids = document.hosts.map((h) => h.host.id).sort();
  assert.deepEqual([...comparePlans(undefined, document).added].sort(), ids);
  assert.deepEqual([...comparePlans(document, undefined).gone].sort(), ids);
  assert(!isDifferent(comparePlans(undefined, undefined)));
});

test("what is known of a machine is compared beside its bundle", () => {
  const found = comparePlans(
    plan([host("a", {}, { memory: 1, disk: 5 })]),
    plan([host("a", {}, { memory: 2, disk: 5 })]),
  );
  assert.deepEqual(inShort(found), ["a changed host memory"]);
});

test("a part that the comparison has never heard of shows up, thing by thing", () => {
  const records = (ttl: number) => ({
    records: [
      { name: "www", ttl },
      { name: "mail", ttl: 60 },
    ],
    zones: [
      { zone: "b", serial: 1 },
      { zone: "a", serial: ttl },
    ],
  });
  const found = comparePlans(plan([], records(1)), plan([], { ...records(2), edge: { hosts: ["x"] } }));
  assert.deepEqual(inShort(found), ["farm changed records www", "farm changed zones", "farm added edge"]);
  assert.equal(found.farm[0]?.patch, "@@ -1,2 +1,2 @@ records www\n name: www\n-ttl: 1\n+ttl: 2\n");
  assert.equal(
    found.farm[1]?.patch,
    "@@ -1,1 +1,1 @@ zones\n-- {serial: 1, zone: a}\n+- {serial: 2, zone: a}\n",
  );
});

test("things without names are counted: one of two equal ones that goes is seen", () => {
  const flow = { from: "a", to: "b" };
  const found = comparePlans(
    plan([], { flows: [flow, flow] }),
    plan([], { flows: [flow, { ...flow, to: "c" }] }),
  );
  assert.equal(found.farm[0]?.patch, "@@ -1,1 +1,1 @@ flows\n-- {from: a, to: b}\n+- {from: a, to: c}\n");
});

test("the order of change is compared: a wave's place means something", () => {
  const hosts = [host("a", {}), host("b", {})];
  const found = comparePlans(plan(hosts, { waves: [["a"], ["b"]] }), plan(hosts, { waves: [["b"], ["a"]] }));
  assert.deepEqual([inShort(found), found.changed], [["farm changed waves"], []]);
});

test("of another version of the bundle's grammar it is said once for all hosts", () => {
  const before = plan([host("a", {}), host("b", {})]);
  const after = structuredClone(before);
  for (const h of after.hosts) h.bundle = h.bundle.replace("farm bundle 1", "farm bundle 2");
  assert.deepEqual(inShort(comparePlans(before, after)), ["a,b changed farm bundle"]);
});

test("a guest more in the lab: itself, those who must let it in, its place in the order", () => {
  const found = comparePlans(
    documentOf(),
    documentOf((farm, settings) => {
      farm.hosts.push({
        ...farm.hosts.find((h) => h.id === "web2")!,
        id: "web3",
        mesh: "10.80.0.23",
        origin: { kind: "guest", parent: "zhelezo1", vmid: 123 },
      });
      farm.applications![0]!.nodes.push("web3");
      (settings.addresses as Record<string, string>).web3 = "10.90.0.23";
    }),
  );
  assert.deepEqual(found.added, ["web3"]);
  assert.deepEqual([...found.changed].sort(), ["db1", "db2", "db3", "edge1", "web1", "web2", "zhelezo1"]);
  assert.deepEqual(found.order, [
    ["zhelezo1"],
    ["db1"],
    ["db2"],
    ["db3"],
    ["web1"],
    ["web2"],
    ["web3"],
    ["edge1"],
  ]);
  assert.deepEqual([...new Set(found.farm.map((c) => c.section))].sort(), [
    "applications",
    "flows",
    "ingress",
    "waves",
  ]);
  assert(found.groups.some((g) => g.hosts.includes("web3") && /^web[12]$/.test(g.comparedWith ?? "")));
});

test("what a change costs is said, also when a side knows no prices", () => {
  const before = documentOf();
  const after = documentOf((farm) => {
    farm.hosts[0]!.price!.monthly = "39.99 EUR";
  });
  assert.deepEqual(comparePlans(before, after).money, { before: 35, after: 39.99 });
  assert.equal(comparePlans(before, before).money, undefined);
  const { cost, ...old } = before;
  assert.deepEqual(comparePlans(old, after).money, { before: undefined, after: 39.99 });
  assert.deepEqual(comparePlans(before, undefined).money, { before: 35, after: undefined });
});
