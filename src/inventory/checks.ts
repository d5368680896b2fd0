/** What must hold between the parts of an inventory, each with a message a part-time administrator can act on. */
import { checkDns } from "../dns/checks.ts";
import { checkApplication } from "./check-application.ts";
import { checkClouds } from "./check-clouds.ts";
import { checkConnectors } from "./check-connectors.ts";
import { checkDatabases } from "./check-databases.ts";
import { checkGuestNetworks } from "./check-guest-networks.ts";
import { checkHosts } from "./check-hosts.ts";
import { checkIpv6 } from "./check-ipv6.ts";
import { checkClusters } from "./check-placement.ts";
import { checkVSwitches } from "./check-vswitches.ts";
import { edgeHosts } from "./domains.ts";
import { doubles } from "./doubles.ts";
import type { Inventory, StackConfig } from "./schema.ts";
import { checkTrainings } from "./training.ts";

type Problems = string[];

function checkNames(inventory: Inventory): Problems {
  const problems: Problems = [];
  const lists = {
    sites: inventory.sites,
    hosts: inventory.hosts,
    clusters: inventory.clusters,
    applications: inventory.applications,
  };
  for (const [list, items] of Object.entries(lists))
    for (const [name] of doubles<{ id: string }>(
      items,
      (i) => i.id,
      (i) => i.id,
    ))
      problems.push(`${list}: "${name}" is declared twice; names are unique: rename one`);
  for (const [name] of doubles(
    inventory.administrators,
    (a) => a.name,
    (a) => a.name,
  ))
    problems.push(`farms:administrators: "${name}" is declared twice; names are unique: rename one`);
  return problems;
}

function checkAddresses(inventory: Inventory, config: StackConfig): Problems {
  const problems: Problems = [];
  const known = new Set(inventory.hosts.map((h) => h.id));
  for (const host of inventory.hosts)
    if (host.address === "")
      problems.push(
        `host ${host.id} has no address; write one: pulumi config set --path 'farms:addresses.${host.id}' ADDRESS`,
      );
  for (const name of Object.keys(config.addresses))
    if (!known.has(name))
      problems.push(
        `farms:addresses has an address for "${name}", which is no host; declare the host or remove the address`,
      );
  for (const name of config.adopt)
    if (!known.has(name))
      problems.push(`farms:adopt names "${name}", which is no host; declare the host or remove the name`);
  const both = [
    [
      "mesh address",
      doubles(
        inventory.hosts,
        (h) => h.mesh,
        (h) => h.id,
      ),
    ],
    [
      "address",
      doubles(
        inventory.hosts,
        (h) => h.address,
        (h) => h.id,
      ),
    ],
  ] as const;
  for (const [what, groups] of both)
    for (const [address, hosts] of groups)
      problems.push(`hosts ${hosts.join(" and ")} have one ${what}, ${address}; give each its own`);
  for (const host of inventory.hosts)
    for (const other of inventory.hosts)
      if (host.mesh === other.address)
        problems.push(
          `${host.mesh} is the mesh address of ${host.id} and the outside address of ${other.id}; take another range for the mesh`,
        );
  return problems;
}

function checkApplications(inventory: Inventory): Problems {
  return [
    ...inventory.applications.flatMap((application) => checkApplication(inventory, application)),
    ...edgeHosts(inventory)
      .filter((id) => !inventory.hosts.some((h) => h.id === id))
      .map((id) => `edge has a host "${id}", which is no host; declare the host or name another`),
  ];
}

/** All that is wrong with an inventory, as sentences for people; empty when it is good. */
export function findProblems(inventory: Inventory, config: StackConfig): string[] {
  return [
    ...checkNames(inventory),
    ...checkAddresses(inventory, config),
    ...checkHosts(inventory),
    ...checkGuestNetworks(inventory, config),
    ...checkIpv6(inventory, config),
    ...checkVSwitches(inventory, config),
    ...checkClouds(inventory),
    ...checkClusters(inventory),
    ...checkDatabases(inventory),
    ...checkApplications(inventory),
    ...checkDns(inventory),
    ...checkConnectors(inventory),
    ...checkTrainings(inventory),
  ];
}
