/** What the pictures say is so: calls as in the plan, quorums as they are counted. */
import assert from "node:assert/strict";
import test from "node:test";
import { clusterOf } from "../../../src/inventory/load.ts";
import { OUTSIDE, type Party, sumUp } from "../../../src/map/calls.ts";
import { distancesOf, domainsOf } from "../../../src/map/placement.ts";
import { planOf, prodInventory } from "../farms.ts";
import { plans } from "./farms.ts";

for (const [name, plan] of Object.entries(plans()))
  test(`${name}: the table has every call of the plan, and no other`, () => {
    const { groups, services, between } = sumUp(plan);
    assert.deepEqual(
      groups.flatMap(({ hosts }) => hosts.map(({ id }) => id)).sort(),
      plan.inventory.hosts.map(({ id }) => id),
    );
    const partyOf = (id: string): Party =>
      groups.findIndex(({ hosts }) => hosts.some((host) => host.id === id));
    const expected = new Set<string>();
    const expect = (from: Party, to: Party, { port, protocol }: { port: number; protocol: string }): void => {
      if (port !== 51820) expected.add(`${from} ${to} ${port}/${protocol}`);
    };
    for (const flow of plan.flows) expect(partyOf(flow.from), partyOf(flow.to), flow);
    for (const { host, state } of plan.hosts) {
      for (const listen of state.listens)
        if (listen.reach === "world") expect(OUTSIDE, partyOf(host.id), listen);
      for (const connect of state.connects)
        if (connect.to.kind === "internet" || connect.to.kind === "address")
          expect(partyOf(host.id), OUTSIDE, connect);
    }
    const parties: Party[] = [OUTSIDE, ...groups.keys()];
    const pairs = parties.flatMap((from) => parties.map((to) => [from, to] as const));
    // A letter stands for all ports of its service, so each call has a letter, and each letter at least one call.
    for (const call of expected) {
      const [from = "", to = "", port = ""] = call.split(" ");
      const [a, b] = [from, to].map((party) => (party === OUTSIDE ? OUTSIDE : Number(party)));
      assert.ok(
        between(a!, b!).some((position) => services[position]!.ports.includes(port)),
        call,
      );
    }
    for (const [from, to] of pairs)
      for (const position of between(from, to))
        assert.ok(
          services[position]!.ports.some((port) => expected.has(`${from} ${to} ${port}`)),
          `${services[position]!.name} from ${from} to ${to}`,
        );
  });

test("a physical machine that takes a majority of the votes with it stops the writes", () => {
  const inventory = prodInventory();
  const loss = (cluster: string) =>
    domainsOf(inventory, clusterOf(inventory, cluster)).map(({ id, votesLeft, goesOn }) => [
      id,
      votesLeft,
      goesOn,
    ]);
  assert.deepEqual(loss("mariadb"), [
    ["contabo-de1", 2, true],
    ["zhelezo2", 1, false],
  ]);
  assert.deepEqual(loss("postgresql"), [
    ["contabo-de1", 2, true],
    ["contabo-stl1", 3, true],
    ["zhelezo2", 2, true],
    ["do-nyc1-b", 2, true],
  ]);
});

test("half of an even number of votes is no majority", () => {
  const inventory = prodInventory();
  const members = ["contabo-de1", "db1", "db2", "do-nyc1-a"];
  const domains = domainsOf(inventory, { ...clusterOf(inventory, "mariadb"), members });
  const metal = domains.find(({ id }) => id === "zhelezo2");
  assert.deepEqual([metal?.votesLeft, metal?.goesOn], [2, false]);
});

test("distances between a cluster's sites are those that are declared", () => {
  const { inventory } = planOf(prodInventory());
  const [mariadb, postgresql] = ["mariadb", "postgresql"].map((id) => clusterOf(inventory, id));
  assert.deepEqual(distancesOf(inventory, mariadb!), [{ sites: ["contabo-de", "fsn1"], roundTrip: 8 }]);
  assert.equal(distancesOf(inventory, postgresql!).length, 6);
});
