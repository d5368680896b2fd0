/** Inventories for tests: the lab with changes, and generated ones of any size. */
import { loadInventory } from "../../src/inventory/load.ts";
import type { FarmDeclaration, Inventory } from "../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { makePlan, type Plan } from "../../src/plan/plan.ts";
import { readSettings, type Settings } from "../../src/shell/stack.ts";
import { lab } from "../../stacks/lab.ts";
import { prod } from "../../stacks/prod.ts";

/** For machines whose price is not what a test is about. */
export const PRICE = { monthly: "1 EUR", on: "2026-11-26", source: "a test" };

/** The lab's inventory after `change` has edited copies of its declaration and settings. */
export function labInventory(
  change: (farm: FarmDeclaration, settings: Settings) => void = () => {},
): Inventory {
  const farm = structuredClone(lab);
  const settings = structuredClone(readSettings("lab"));
  change(farm, settings);
  return loadInventory("lab", farm, settings);
}

/** The production cloud's inventory, as labInventory. */
export function prodInventory(
  change: (farm: FarmDeclaration, settings: Settings) => void = () => {},
): Inventory {
  const farm = structuredClone(prod);
  const settings = structuredClone(readSettings("prod"));
  change(farm, settings);
  return loadInventory("prod", farm, settings);
}

/**
 * The lab with a MariaDB cluster alone, and beside it a PostgreSQL cluster of two members, witness and far copy, used
 * through pools by an application on web3 and web4 and kept ready for another, after `change` has edited both.
 */
export function bothInventory(
  change: (farm: FarmDeclaration, settings: Settings) => void = () => {},
): Inventory {
  return labInventory((farm, settings) => {
    const guest = (id: string, index: number): FarmDeclaration["hosts"][number] => ({
      id,
      site: "fsn1",
      origin: { kind: "guest", parent: "zhelezo1", vmid: 200 + index },
      mesh: `10.80.0.${200 + index}`,
      memory: "2 GB",
      disk: "20 GB",
    });
    const ids = ["pg1", "pg2", "pg3", "pg4", "web3", "web4"];
    farm.hosts = [...farm.hosts.filter(({ id }) => !id.startsWith("pg")), ...ids.map(guest)];
    settings.addresses = Object.fromEntries([
      ...Object.entries(settings.addresses as object).filter(([id]) => !id.startsWith("pg")),
      ...ids.map((id, index) => [id, `10.90.0.${200 + index}`]),
    ]);
    farm.clusters = [
      ...farm.clusters!.filter(({ software }) => software === "mariadb"),
      {
        id: "postgresql",
        title: { en: "PostgreSQL cluster", ru: "Связка PostgreSQL" },
        software: "postgresql",
        members: ["pg1", "pg2"],
        witness: "pg3",
        replicas: ["pg4"],
      },
    ];
    const [wiki] = farm.applications!;
    farm.applications = [
      wiki!,
      {
        ...wiki!,
        id: "taiga",
        software: "redmine",
        database: { cluster: "postgresql", connections: 60, pool: 20, extensions: ["vector"] },
        hostnames: ["taiga.lab.opplet.net"],
        nodes: ["web3", "web4"],
      },
    ];
    farm.databases = [
      {
        id: "krynka",
        title: { en: "Krynka", ru: "Крынка" },
        cluster: "postgresql",
        connections: 200,
        extensions: ["pg_trgm", "btree_gist"],
      },
    ];
    change(farm, settings);
  });
}

export function planOf(inventory: Inventory): Plan {
  return makePlan(inventory, deriveKeys(PREVIEW_MASTER_KEY, inventory.stack, inventory.generations));
}

/**
 * A farm of `count` hosts (a multiple of ten): for each ten hosts a Proxmox host, a cluster of three, and an application
 * on six web nodes; in the first three tens the last of these is an edge host instead, which serves all applications.
 * `change` has edited declaration and settings before they are read.
 */
export function generatedInventory(
  count: number,
  change: (farm: FarmDeclaration, settings: Settings) => void = () => {},
): Inventory {
  const groups = Array.from({ length: count / 10 }, (_, group) => group);
  const address = (network: number, group: number, number: number): string =>
    `10.${network}.${group % 250}.${Math.floor(group / 250) * 20 + number + 1}`;
  // Not private, since guests of all Proxmox hosts call each other: of the range for measurements (RFC 2544).
  const outside = (group: number, number: number): string =>
    address(18, group, number).replace("10.", "198.");
  const edges = 3;
  const nodes = (group: number): string[] =>
    [1, 2, 3, 4, 5, 6].slice(0, group < edges ? 5 : 6).map((n) => `web${group}x${n}`);
  const names = (group: number): string[] => [
    `metal${group}`,
    ...[1, 2, 3].map((n) => `db${group}x${n}`),
    ...nodes(group),
    ...(group < edges ? [`edge${group}`] : []),
  ];
  const farm: FarmDeclaration = {
    ...structuredClone(lab),
    hosts: groups.flatMap((group) =>
      names(group).map((id, index) => ({
        id,
        site: "fsn1",
        origin:
          index === 0
            ? { kind: "dedicated" as const, hypervisor: "proxmox" as const, cores: 16 }
            : { kind: "guest" as const, parent: `metal${group}`, vmid: 100 + index },
        mesh: address(80, group, index),
        memory: index === 0 ? "64 GB" : "2 GB",
        disk: index === 0 ? "3 TB" : "20 GB",
        ...(index === 0 ? { price: PRICE } : {}),
      })),
    ),
    clusters: groups.map((group) => ({
      id: `mariadb${group}`,
      title: { en: "cluster", ru: "связка" },
      software: "mariadb",
      members: [1, 2, 3].map((n) => `db${group}x${n}`),
    })),
    applications: groups.map((group) => ({
      id: `wiki${group}`,
      title: { en: "wiki", ru: "вики" },
      software: "mediawiki",
      language: "en",
      database: { cluster: `mariadb${group}` },
      hostnames: [`wiki${group}.opplet.net`],
      nodes: nodes(group),
      storage: { uploads: "off" },
    })),
    databases: [],
    edge: { kind: "hosts", hosts: groups.slice(0, edges).map((group) => `edge${group}`) },
  };
  const addresses = Object.fromEntries(
    groups.flatMap((group) => names(group).map((id, index) => [id, outside(group, index)])),
  );
  const guestNetworks = Object.fromEntries(groups.map((group) => [`metal${group}`, "10.90.0.1/24"]));
  const settings = { ...readSettings("lab"), addresses, guestNetworks, addresses6: {}, guestNetworks6: {} };
  change(farm, settings);
  return loadInventory("generated", farm, settings);
}

/** The same farm of `count` hosts on two Proxmox hosts: all others are guests, one half of them on each. */
export function guestsOnTwoHosts(count: number): Inventory {
  const parents = ["metal0", "metal1"];
  return generatedInventory(count, (farm, settings) => {
    farm.hosts = farm.hosts.map(({ price, ...host }, index) => {
      if (parents.includes(host.id)) {
        const origin = { kind: "dedicated" as const, hypervisor: "proxmox" as const, cores: 2 * count };
        return { ...host, ...(price && { price }), origin, memory: "4 TB", disk: "100 TB" };
      }
      const origin = { kind: "guest" as const, parent: parents[index % 2] ?? "", vmid: 100 + index };
      return { ...host, origin, memory: "2 GB", disk: "20 GB" };
    });
    settings.guestNetworks = Object.fromEntries(parents.map((parent) => [parent, "10.90.0.1/24"]));
  });
}
