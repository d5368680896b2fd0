/** What `farm diff` says of names: the records and rows that a change moves, and no others. */
import assert from "node:assert/strict";
import test from "node:test";
import { type Comparison, comparePlans, planDocumentSchema } from "../../../src/plan/compare.ts";
import { forPullRequest } from "../../../src/shell/diff-markdown.ts";
import { type Diff, forPeople, summary } from "../../../src/shell/diff-view.ts";
import { printPlan } from "../../../src/shell/plan-view.ts";
import { behindCloudflare, type Change, domain } from "../dns/farm.ts";
import { planOf, prodInventory } from "../farms.ts";

const compare = (change: Change, load: (change?: Change) => ReturnType<typeof prodInventory>): Comparison => {
  const document = (of: ReturnType<typeof prodInventory>) =>
    planDocumentSchema.parse(JSON.parse(printPlan(planOf(of), { json: true })));
  return comparePlans(document(load()), document(load(change)));
};

/** The lines of a part of the plan that come and go, as "+…" and "-…", whatever stands around them. */
const moved = ({ farm }: Comparison, section: string): string[] =>
  farm
    .filter((change) => change.section === section)
    .flatMap(({ patch }) => patch.split("\n").filter((line) => /^[+-]/.test(line)))
    .map((line) => line.replace(/^(.)\s*- '?(.*?)'?$/, "$1$2"));

const node = (farm: Parameters<Change>[0], id: string) => farm.applications!.find((a) => a.id === id)!;
const diffOf = (comparison: Comparison): Diff => ({
  stack: "prod",
  from: { revision: "main", commit: "0".repeat(40), declared: true },
  to: { declared: true },
  comparison,
});

test("an application that moves to another node: its rows, and no record, since names lead to the edge", () => {
  for (const load of [prodInventory, behindCloudflare]) {
    const found = compare((farm) => {
      node(farm, "redmine").nodes = ["web1", "contabo-de1"];
    }, load);
    assert.deepEqual(moved(found, "dns"), []);
    assert.deepEqual(moved(found, "ingress"), [
      "-redmine.opplet.net is redmine on web1, web2",
      "+redmine.opplet.net is redmine on contabo-de1, web1",
    ]);
  }
});

test("an application that moves takes the tunnel's connectors along, and those that stay learn where it is now", () => {
  const found = compare((farm) => {
    node(farm, "pravka").nodes = ["web1", "web2", "contabo-stl1"];
  }, behindCloudflare);
  const hostsOf = (name: string, kind: string): string[] =>
    found.groups
      .filter(({ changes }) => changes.some((c) => c.name === name && c.kind === kind))
      .flatMap(({ hosts }) => hosts)
      .toSorted();
  for (const entry of ["file /etc/farm/connector/token", "unit farm-connector.service"]) {
    assert.deepEqual(hostsOf(entry, "added"), ["contabo-stl1"], entry);
    assert.deepEqual(hostsOf(entry, "gone"), ["contabo-de1"], entry);
    assert.deepEqual(hostsOf(entry, "changed"), [], entry);
  }
  assert.deepEqual(hostsOf("file /etc/farm/connector/haproxy.cfg", "changed"), ["web1", "web2"]);
  assert.deepEqual(moved(found, "ingress"), [
    "-pravka.opplet.net is pravka on contabo-de1, web1, web2",
    "+pravka.opplet.net is pravka on contabo-stl1, web1, web2",
  ]);
  assert.deepEqual(moved(found, "dns"), []);
});

test("a host of the edge that is replaced: the addresses of all names that lead there, line by line", () => {
  const found = compare((farm) => {
    farm.edge = { kind: "hosts", hosts: ["contabo-stl1", "do-nyc1-b"] };
  }, prodInventory);
  const names = ["mta-sts.cnmcyber.com", "pravka.opplet.net", "redmine.opplet.net", "www.opplet.net"];
  const addresses = moved(found, "dns").map((line) => line.replace(/ ; .*/, ""));
  assert.deepEqual(
    addresses.toSorted(),
    names
      .flatMap((name) => [`+${name}. 300 IN A 159.89.230.212`, `-${name}. 300 IN A 192.0.2.53`])
      .toSorted(),
  );
  assert.deepEqual(moved(found, "ingress"), []);
});

test("a name that is added, a record that goes, and what they are for", () => {
  const found = compare((farm) => {
    node(farm, "pravka").hostnames.push("wiki.opplet.net");
    domain(farm, "ksacerts.com").extras = [];
  }, behindCloudflare);
  assert.deepEqual(moved(found, "dns").toSorted(), [
    "+wiki.opplet.net. 300 IN CNAME tunnel.cfargotunnel.com. ; proxied, application pravka",
    "-wiki.ksacerts.com. 300 IN A 159.89.230.212 ; extra wiki.ksacerts.com of ksacerts.com",
  ]);
  assert.deepEqual(moved(found, "ingress"), ["+wiki.opplet.net is pravka on contabo-de1, web1, web2"]);
  const diff = diffOf(found);
  assert.deepEqual(
    summary(diff).find(([title]) => title === "names"),
    ["names", "ksacerts.com +0 -1, opplet.net +1 -0, ingress +1 -0"],
  );
  assert.match(forPeople(diff, process.stderr), /\n {2}names {5}ksacerts\.com \+0 -1, opplet\.net \+1 -0/);
  assert.match(forPullRequest(diff), /- names: <code>ksacerts\.com \+0 -1/);
  assert.match(forPullRequest(diff), /^\+ +- wiki\.opplet\.net\. 300 IN CNAME/m);
});

test("the plan names each name once, with all that it says", () => {
  const text = printPlan(planOf(prodInventory()), {});
  assert.match(text, /\n {2}users come in by contabo-stl1, contabo-stl2\n/);
  assert.match(text, /\n {2}registered nowhere: Pulumi\.prod\.yaml has no farms:cloudflare\n/);
  assert.match(
    text,
    /\n {4}pravka\.opplet\.net: A 192\.0\.2\.52; A 192\.0\.2\.53; HTTPS 1 \. alpn="h2,http\/1\.1"; no mail\n/,
  );
  assert.match(
    text,
    /\n {2}192\.0\.2\.53 of contabo-stl2 is to be mail\.cnmcyber\.com in reverse, by its provider\n/,
  );
  const proxied = printPlan(planOf(behindCloudflare()), {});
  assert.match(proxied, /\n {4}pravka\.opplet\.net: CNAME tunnel\.cfargotunnel\.com \(proxied\)\n/);
});
