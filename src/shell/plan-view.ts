/** The plan as a person reads it, and as a program does. */
import { createHash } from "node:crypto";
import Table from "cli-table3";
import { agentText } from "../host/agent.ts";
import { guestsOf, roomOf, takenBy } from "../inventory/capacity.ts";
import { warnings } from "../inventory/check-placement.ts";
import { dataHostsOf, votersOf } from "../inventory/clusters.ts";
import type { Inventory } from "../inventory/schema.ts";
import { costLine, costOf } from "../plan/cost.ts";
import { type HostPlan, hostPlan, type Plan } from "../plan/plan.ts";
import { FarmError } from "./errors.ts";
import { nameDocuments, nameLines } from "./names-view.ts";

const ports = (plan: HostPlan, reach: string): string =>
  plan.state.listens
    .filter((l) => l.reach === reach)
    .map((l) => `${l.service} ${l.port}/${l.protocol}${l.when ? ` (${l.when})` : ""}`)
    .join(", ");

function hostTable(plan: Plan): string {
  const table = new Table({
    head: ["host", "site", "from", "mesh", "roles", "open to the world", "open to hosts that connect"],
    style: { head: [], border: [] },
    colWidths: [null, null, null, null, 28, 24, 36],
    wordWrap: true,
  });
  for (const host of plan.hosts) {
    const { origin } = host.host;
    table.push([
      host.host.id,
      host.host.site,
      origin.kind === "guest" ? `guest ${origin.vmid} of ${origin.parent}` : origin.kind,
      host.host.mesh,
      host.roles.join(", "),
      ports(host, "world"),
      [ports(host, "mesh"), ports(host, "underlay")].filter(Boolean).join(", "),
    ]);
  }
  return table.toString();
}

/** How much of each Proxmox host is promised to its guests, one line each. */
function capacity(inventory: Inventory): string[] {
  const gigabytes = (bytes: number) => Math.round(bytes / 1e9);
  return inventory.hosts.flatMap((host) => {
    const guests = guestsOf(inventory, host.id);
    if (guests.length === 0) return [];
    const [room, taken] = [roomOf(host), takenBy(guests)];
    return [
      `  ${host.id}, ${guests.length} guests: memory ${gigabytes(taken.memory)} of ${gigabytes(room.memory)} GB, disk ${gigabytes(taken.disk)} of ${gigabytes(room.disk)} GB, ${taken.cores} of ${room.cores} threads`,
    ];
  });
}

/** Texts under a title; nothing at all where there are none. */
const section = (title: string, lines: readonly string[]): string[] =>
  lines.length > 0 ? [`${title}\n${lines.join("\n")}`] : [];

function people(plan: Plan): string {
  const { inventory } = plan;
  const clusters = inventory.clusters.map((c) => {
    const votes = votersOf(c).filter((id) => !c.members.includes(id));
    const copies = dataHostsOf(c).filter((id) => !c.members.includes(id));
    const beside = [
      ...votes.map((id) => `a vote alone on ${id}`),
      ...(copies.length > 0 ? [`copies on ${copies.join(", ")}`] : []),
    ];
    return `  ${[`${c.id}: ${c.software} on ${c.members.join(", ")}`, ...beside].join("; ")}`;
  });
  const applications = inventory.applications.map(
    (a) =>
      `  ${a.id}: ${a.software} on ${a.nodes.join(", ")}, database in ${a.database.cluster}, ${a.hostnames.join(", ")}`,
  );
  const databases = inventory.databases.map(
    (d) => `  ${d.id}: ${d.title.en} (${d.title.ru}), in ${d.cluster}`,
  );
  const waves = plan.waves.map((wave, index) => `  ${index + 1}. ${wave.join(", ")}`);
  return `${[
    `${inventory.title.en} (${inventory.title.ru}), stack ${inventory.stack}: ${plan.hosts.length} hosts`,
    hostTable(plan),
    ...section(
      "Conceded for now",
      warnings(inventory).map((warning) => `  ${warning}`),
    ),
    ...section("Clusters", clusters),
    ...section("Applications", applications),
    ...section("Names", nameLines(plan)),
    ...section("Databases kept ready for what the farm does not run yet", databases),
    ...section("Room on Proxmox hosts", capacity(inventory)),
    `Money\n  ${costLine(costOf(inventory))}`,
    `Order of change; hosts of one line together, each line when the one before is healthy\n${waves.join("\n")}`,
    "Public keys in the bundles are those of a preview: the stack's own come from its master key.",
  ].join("\n\n")}\n`;
}

function programs(plan: Plan): string {
  const { inventory, hosts, waves, flows } = plan;
  const { stack, environment, clusters, applications } = inventory;
  const databases = inventory.databases.length > 0 ? { databases: inventory.databases } : {};
  // A change of the agent changes no bundle, and runs on every host all the same.
  const agent = { sha256: createHash("sha256").update(agentText).digest("hex") };
  return `${JSON.stringify({ stack, environment, cost: costOf(inventory), agent, clusters, applications, ...databases, ...nameDocuments(plan), waves, flows, hosts }, null, 1)}\n`;
}

/**
 * Prints a plan: for people, for programs (`json`), or the bundle of one host (`host`).
 * Throws a FarmError (exit code 2) when there is no such host.
 */
export function printPlan(plan: Plan, options: { json?: boolean; host?: string }): string {
  if (options.host !== undefined) {
    if (!plan.hosts.some((h) => h.host.id === options.host))
      throw new FarmError(
        `stack ${plan.inventory.stack} has no host "${options.host}"`,
        `name one of: ${plan.hosts.map((h) => h.host.id).join(", ")}`,
        2,
      );
    return hostPlan(plan, options.host).bundle;
  }
  return options.json ? programs(plan) : people(plan);
}
