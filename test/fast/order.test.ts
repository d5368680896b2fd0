/** The order in which a farm is written down means nothing, where it is not said to. */

import assert from "node:assert/strict";
import test from "node:test";
import { edgeHosts } from "../../src/inventory/domains.ts";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { printPlan } from "../../src/shell/plan-view.ts";
import type { Settings } from "../../src/shell/stack.ts";
import { generatedInventory, labInventory, planOf } from "./farms.ts";

/** Numbers from 0 to 1 that a seed decides (mulberry32), so that a failure can be repeated. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffle(list: unknown[] | undefined, random: () => number): void {
  if (list === undefined) return;
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [list[last], list[other]] = [list[other], list[last]];
  }
}

/** A map with its keys in another order. */
function shuffled<T>(map: Record<string, T> | undefined, random: () => number): Record<string, T> {
  const entries = Object.entries(map ?? {});
  shuffle(entries, random);
  return Object.fromEntries(entries);
}

interface Administrator {
  name: string;
  languages: string[];
  keys: string[];
}

/** More of everything that is a list. */
function enrich(farm: FarmDeclaration, settings: Settings): void {
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  settings.administrators = ["boris", "anna", "vera"].map((name) => ({
    name,
    languages: ["ru"],
    keys: [`${key} ${name}-2`, `${key} ${name}-1`],
  }));
  settings.nameservers = ["10.90.0.2", "10.90.0.1"];
  farm.sites.push({ ...farm.sites[0]!, id: "hel1", roundTrips: { fsn1: 8 } });
  const extras = ["a", "b", "c"].map((label) => ({
    ...{ type: "A" as const, name: `${label}.example.org`, content: "192.0.2.9" },
  }));
  farm.domains!.push({
    ...{ name: "example.org", caa: ["letsencrypt.org", "pki.goog"], extras },
    mail: {
      names: ["example.org", "news.example.org"],
      servers: ["mail.example.org"],
      includes: ["b", "a"].map((label) => ({ domain: `${label}.example.net` })),
      dmarc: { policy: "reject", reports: "dmarc@example.org" },
    },
  });
  farm.mailServers = [
    { name: "mail.example.org", host: farm.hosts[0]!.id },
    { name: "mx.example.org", host: farm.hosts[1]!.id },
  ];
  farm.redirects = ["x", "y", "w"].map((label) => ({
    ...{ from: `${label}.example.org`, to: "https://example.org", status: 301 as const },
  }));
  const { id, database } = farm.applications![0]!;
  farm.generations = { [`wireguard/${farm.hosts[0]!.id}`]: 2, [`password/${database.cluster}/${id}`]: 3 };
  for (const application of farm.applications!)
    application.hostnames = ["", "z", "a", "m"].map((label) => `${label}${application.hostnames[0]}`);
}

/** Writes all of it down in another order; the first host name and nameservers stay, for theirs mean something. */
function disorder(farm: FarmDeclaration, settings: Settings, random: () => number): void {
  const administrators = settings.administrators as Administrator[];
  const lists = [
    farm.sites,
    farm.hosts,
    farm.clusters,
    ...farm.clusters!.map((c) => c.members),
    farm.applications,
    ...farm.applications!.map((a) => a.nodes),
    farm.domains,
    edgeHosts(farm) as string[],
    farm.mailServers,
    farm.redirects,
    ...farm.domains!.flatMap((d) => [d.caa, d.extras, d.mail?.names, d.mail?.includes]),
    administrators,
    ...administrators.map((a) => a.keys),
  ];
  for (const list of lists) shuffle(list, random);
  for (const application of farm.applications!) {
    const others = application.hostnames.slice(1);
    shuffle(others, random);
    application.hostnames = [application.hostnames[0]!, ...others];
  }
  settings.addresses = shuffled(settings.addresses as Record<string, string>, random);
  farm.generations = shuffled(farm.generations, random);
}

const inventories = { lab: labInventory, "a farm of 30": generatedInventory.bind(null, 30) };

for (const [name, load] of Object.entries(inventories))
  test(`${name}: written down in any order it is the same plan, to the letter`, () => {
    const expected = printPlan(planOf(load(enrich)), { json: true });
    for (let seed = 1; seed <= 10; seed++) {
      const random = numbers(seed);
      const inventory = load((farm, settings) => {
        enrich(farm, settings);
        disorder(farm, settings, random);
      });
      assert(printPlan(planOf(inventory), { json: true }) === expected, `differs with seed ${seed}`);
    }
  });

test("an order that means something is kept: the first host name is the one that people see", () => {
  const names = (list: string[]) =>
    labInventory((farm) => {
      farm.applications![0]!.hostnames = list.map((label) => `${label}.opplet.net`);
    }).applications[0]?.hostnames;
  assert.deepEqual(names(["z", "b", "a"]), ["z.opplet.net", "a.opplet.net", "b.opplet.net"]);
  assert.deepEqual(names(["a", "z", "b"]), ["a.opplet.net", "b.opplet.net", "z.opplet.net"]);
});

test("an order that means something is kept: nameservers", () => {
  const nameservers = ["10.90.0.2", "10.90.0.1"];
  const inventory = labInventory((_, settings) => {
    settings.nameservers = nameservers;
  });
  assert.deepEqual(inventory.nameservers, nameservers);
});
