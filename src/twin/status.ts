/** `farm twin status`: what runs, what is unwell, what waits to be applied. Reads only. */
import Table from "cli-table3";
import type { MemberState } from "../clusters/kind.ts";
import { edgeHosts } from "../inventory/domains.ts";
import { hostOf } from "../inventory/load.ts";
import type { Application } from "../inventory/schema.ts";
import { clusterStates } from "../operate/cluster-state.ts";
import { nameOf, type WrittenFault, writtenFault } from "./drills/left-over.ts";
import { openRunningFarm, type TwinFarm } from "./farm.ts";
import { askHosts, type HostHealth, isGreen } from "./health.ts";
import { runInNamespace } from "./machines/network.ts";

interface ApplicationState {
  readonly application: string;
  /** For each node and for the edge: the HTTP status of the application's front page, 0 where nothing answers. */
  readonly answers: Readonly<Record<string, number>>;
  /** Days that the edge's certificate is still valid; null where there is none to see. */
  readonly certificateDays: number | null;
}

export interface Status {
  /** The fault of a drill that is under way, or that one left when it was killed. */
  readonly fault: WrittenFault | null;
  readonly hosts: readonly HostHealth[];
  readonly clusters: Readonly<Record<string, readonly MemberState[]>>;
  readonly applications: readonly ApplicationState[];
}

const DAY = 24 * 3600 * 1000;

async function answerOf(farm: TwinFarm, host: string, address: string, name: string): Promise<number> {
  const command = `curl -sS -o /dev/null -w '%{http_code}' --max-time 10 --location --resolve '${name}:80:${address}' http://${name}/`;
  try {
    return Number((await farm.ssh.run(farm.target(host), command, { limit: 20 })).stdout);
  } catch {
    return 0;
  }
}

async function certificateDays(farm: TwinFarm, name: string): Promise<number | null> {
  const [edge] = edgeHosts(farm.inventory);
  if (edge === undefined) return null;
  const { address } = hostOf(farm.inventory, edge);
  const command = `timeout 5 openssl s_client -connect ${address}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -enddate`;
  const { stdout } = await runInNamespace(farm.stack, ["sh", "-c", command], { limit: 15 });
  const end = Date.parse(stdout.replace("notAfter=", ""));
  return Number.isNaN(end) ? null : Math.floor((end - Date.now()) / DAY);
}

async function applicationState(farm: TwinFarm, application: Application): Promise<ApplicationState> {
  const [name = ""] = application.hostnames;
  const nodes = application.nodes.map((id) => [id, hostOf(farm.inventory, id).mesh] as const);
  const edges = edgeHosts(farm.inventory).map((id) => [id, hostOf(farm.inventory, id).address] as const);
  const [days, ...answers] = await Promise.all([
    certificateDays(farm, name),
    ...[...nodes, ...edges].map(
      async ([id, address]) => [id, await answerOf(farm, id, address, name)] as const,
    ),
  ]);
  return { application: application.id, answers: Object.fromEntries(answers), certificateDays: days };
}

/** Collects the status of a running twin. */
export async function readStatus(farm: TwinFarm): Promise<Status> {
  const { clusters, applications } = farm.inventory;
  const [hosts, clusterList, applicationList] = await Promise.all([
    askHosts(farm),
    Promise.all(clusters.map(async (c) => [c.id, await clusterStates(farm, c)] as const)),
    Promise.all(applications.map((a) => applicationState(farm, a))),
  ]);
  return {
    fault: writtenFault(farm.stack) ?? null,
    hosts,
    clusters: Object.fromEntries(clusterList),
    applications: applicationList,
  };
}

function hostRow(health: HostHealth): string[] {
  const changes = health.upToDate ? "none" : "waiting: farm twin up";
  if (health.unreachable !== undefined)
    return [health.host, health.running ? "running" : "off", health.unreachable, "", "", changes];
  const unwell = health.unhealthy.join("\n");
  const drift = health.drift.length === 0 ? "none" : health.drift.join("\n");
  return [
    health.host,
    "running",
    unwell || `${health.probes} probes say yes`,
    `${health.units} run`,
    drift,
    changes,
  ];
}

function people({ fault, hosts, clusters, applications }: Status): string {
  const style = { head: [], border: [] };
  const hostTable = new Table({
    head: ["host", "machine", "health", "units", "drift", "changes"],
    style,
    wordWrap: true,
  });
  hostTable.push(...hosts.map(hostRow));
  const clusterTable = new Table({
    head: ["cluster", "host", "status", "state", "sees", "committed", "lag", "writer"],
    style,
  });
  for (const [cluster, members] of Object.entries(clusters))
    for (const m of members)
      clusterTable.push([
        cluster,
        m.host,
        ...[m.status, m.state, m.size, m.committed, m.lag].map((v) => String(v ?? "-")),
        m.writer ? "yes" : "",
      ]);
  const applicationTable = new Table({ head: ["application", "answers", "certificate"], style });
  for (const { application, answers, certificateDays: days } of applications) {
    const said = Object.entries(answers).map(([host, code]) => `${host}: ${code === 0 ? "nothing" : code}`);
    applicationTable.push([application, said.join(", "), days === null ? "none seen" : `${days} days`]);
  }
  const drill =
    fault === null
      ? ""
      : `A drill's fault is in force: ${nameOf(fault)}. If no drill runs any more: farm twin mend\n`;
  return `${hostTable}\n${clusterTable}\n${applicationTable}\n${drill}`;
}

/**
 * Prints the status of a twin, for people or as JSON. Returns the exit code: 0 when all is well, 1 otherwise.
 * Throws a FarmError when the twin is down.
 */
export async function status(stack: string, json: boolean): Promise<number> {
  const found = await readStatus(await openRunningFarm(stack));
  process.stdout.write(json ? `${JSON.stringify(found, null, 1)}\n` : people(found));
  const answers = found.applications.flatMap((a) => Object.values(a.answers));
  const well = found.hosts.every(isGreen) && answers.every((code) => code === 200);
  return well && found.fault === null ? 0 : 1;
}
