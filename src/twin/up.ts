/** `farm twin up`: from whatever is there to the declared farm, running and healthy. */
import Table from "cli-table3";
import { Listr, PRESET_TIMER } from "listr2";
import { vSwitchMembers } from "../inventory/check-vswitches.ts";
import { isHypervisor, isMadeElsewhere, isVm } from "../inventory/machines.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import { FarmError } from "../shell/errors.ts";
import { previewPlan } from "../shell/stack.ts";
import { type Address, openBrowserPorts, refuseBusyPorts } from "./browser.ts";
import { keepSeen } from "./drift.ts";
import { undoLeftFault } from "./drills/left-over.ts";
import { startEdge } from "./edge/start.ts";
import { runProgram, type Summary } from "./engine/engine.ts";
import { ResourceState } from "./engine/state.ts";
import { openTwin, requireRoot, resourceFolder, type TwinFarm } from "./farm.ts";
import { awaitHealth, type HostHealth } from "./health.ts";
import { ensureImage } from "./machines/image.ts";
import { lockStack } from "./machines/lock.ts";
import { boot, bootAgain, listMachines, type MachineSpec, storedSpec } from "./machines/machine.ts";
import { openNetwork } from "./machines/network.ts";
import { startPackageProxy } from "./machines/packages.ts";
import { pctBinds, servePct } from "./machines/pct.ts";
import { ensurePrerequisites } from "./machines/prerequisites.ts";
import { readdress } from "./machines/readdress.ts";
import { madeAnew, recordAnew } from "./rebuilt.ts";
import { differences, TWIN_RANGE } from "./settings.ts";

/**
 * Seconds from the program's end until every probe says yes. A cluster cut off at once comes back in 40; the first start of
 * Redmine's second node took more than 120 while the cores had other work (measured).
 */
const HEALTHY_WITHIN = 300;
/** A server that we rent whole has terabytes, of which its part in the twin needs next to nothing. */
const MOST_DISK = 20e9;

interface Context {
  readonly servers: { close(): Promise<void> }[];
  farm: TwinFarm;
  summary: Summary;
  health: HostHealth[];
  /** Hosts that were there before, and whose machine this run has made. */
  anew: string[];
  addresses: Address[];
}

const hypervisors = (farm: TwinFarm): Host[] => farm.inventory.hosts.filter((h) => isHypervisor(h.origin));

/** Machines of the twin share this computer's kernel: what is declared to have its own can't be tried here. */
function refuseVms({ inventory: { hosts } }: TwinFarm): void {
  const vms = hosts.filter(({ origin }) => isVm(origin)).map(({ id }) => id);
  if (vms.length > 0)
    throw new FarmError(
      `${vms.join(", ")}: declared as VM, and the twin plays containers alone`,
      'try the rest with type: "lxc" in its origin',
      2,
    );
}

/** Guests of all Proxmox hosts are in one network here, so that there is nothing for a vSwitch between two of them to do. */
function refuseVSwitches({ hosts }: Inventory): void {
  const joined = Map.groupBy(vSwitchMembers({ hosts }), ({ vSwitch }) => vSwitch);
  for (const [vlan, members] of joined)
    if (members.length > 1)
      throw new FarmError(
        `${members.map(({ id }) => id).join(", ")}: declared on vSwitch ${vlan}, and the twin has one network for all guests`,
        "try the rest without vSwitch in their origins",
        2,
      );
}

/** Part of a machine's specification. */
const part6 = ({ address6 }: Host): Pick<MachineSpec, "address6"> =>
  address6 === undefined ? {} : { address6 };

/** Gives a server that is there the IPv6 address that it has got since, as its provider does; a guest gets it from its host. */
async function readdressServer(stack: string, host: Host): Promise<void> {
  const { address6, ...rest } = storedSpec(stack, host.id);
  if (address6 !== host.address6) await readdress(stack, { ...rest, ...part6(host) });
}

/** Servers that exist before the program runs, and whatever was made by earlier runs and is off. */
async function bootMachines(farm: TwinFarm): Promise<string[]> {
  const known = listMachines(farm.stack);
  const servers = farm.inventory.hosts.filter(({ origin }) => isMadeElsewhere(origin));
  const first = servers.filter((host) => !known.some((m) => m.name === host.id));
  for (const host of servers) if (!first.includes(host)) await readdressServer(farm.stack, host);
  const again = known.filter((m) => !m.running).map((m) => m.name);
  await Promise.all([
    ...first.map((host) =>
      boot(farm.stack, {
        name: host.id,
        address: host.address,
        prefixLength: Number(TWIN_RANGE.split("/")[1]),
        ...part6(host),
        diskBytes: Math.min(host.disk, MOST_DISK),
        hostKey: farm.keys.sshHostKey(host.id),
        authorizedKeys: farm.inventory.administrators.flatMap((a) => a.keys),
        fresh: true,
        // A physical server has more than this computer.
        ...(host.origin.kind === "dedicated" ? {} : { memoryBytes: host.memory }),
        ...(hypervisors(farm).includes(host) ? { binds: pctBinds(farm.stack, host.id) } : {}),
      }),
    ),
    ...again.map((name) => bootAgain(farm.stack, name)),
  ]);
  return [...first.map((host) => host.id), ...again];
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
const timer = { ...PRESET_TIMER, field: seconds };

/** `began`: of the command, milliseconds since 1970. */
function tasks(stack: string, port: number, began: number): Listr<Context> {
  return new Listr<Context>(
    [
      {
        title: "What this computer needs",
        task: async (_, task) => {
          const installed = await ensurePrerequisites();
          if (installed.length > 0) task.title += `: installed ${installed.join(", ")}`;
        },
      },
      {
        title: "Declaration",
        task: async (context, task) => {
          context.farm = await openTwin(stack);
          refuseVms(context.farm);
          await refuseBusyPorts(context.farm, port);
          task.title += `: ${context.farm.inventory.hosts.length} hosts`;
        },
      },
      {
        title: "Network without a way out, package proxy",
        task: async ({ farm }) => {
          await openNetwork(stack, TWIN_RANGE);
          await startPackageProxy(stack);
          if (farm.inventory.edge.kind === "cloudflare")
            await startEdge(stack, farm.plan, resourceFolder(stack));
        },
      },
      { title: "Base image (Debian 13)", task: async () => void (await ensureImage(stack)) },
      {
        title: "Machines",
        task: async (context, task) => {
          for (const host of hypervisors(context.farm)) context.servers.push(await servePct(stack, host.id));
          const booted = await bootMachines(context.farm);
          if (booted.length > 0) task.title += `: booted ${booted.join(", ")}`;
          const fault = await undoLeftFault(context.farm);
          if (fault !== undefined) task.title += `; undid ${fault}`;
        },
      },
      {
        title: "Program",
        task: async (context, task) => {
          const { farm } = context;
          const state = new ResourceState(resourceFolder(stack));
          const say = (line: string): void => {
            task.output = line;
          };
          const program = async () => ({ ...(await import("../../stacks/index.ts")) });
          context.summary = await runProgram(stack, farm.settings, state, farm.ssh, say, program);
          const { created, updated, deleted, unchanged } = context.summary;
          task.title += `: ${created.length} created, ${updated.length} updated, ${deleted.length} deleted, ${unchanged} unchanged`;
        },
      },
      {
        title: "Health",
        task: async (context, task) => {
          context.health = await awaitHealth(context.farm, HEALTHY_WITHIN, {
            say: (text) => {
              task.output = text;
            },
          });
          context.anew = madeAnew(context.farm, began);
          keepSeen(context.farm, context.health);
          task.title += `: ${context.health.reduce((sum, h) => sum + h.probes, 0)} probes say yes`;
        },
      },
      {
        title: "Way in for your browser",
        task: async (context) => {
          context.addresses = await openBrowserPorts(context.farm, port);
        },
      },
    ],
    // The default renderer redraws a terminal; where there is none the simple one prints line by line.
    {
      rendererOptions: { timer },
      fallbackRenderer: "simple",
      fallbackRendererOptions: { timer },
    },
  );
}

function report({ farm, health, addresses }: Context): string {
  const table = new Table({
    head: ["host", "address", "mesh", "roles", "probes"],
    style: { head: [], border: [] },
  });
  for (const { host, roles } of farm.plan.hosts) {
    const said = health.find((h) => h.host === host.id);
    table.push([host.id, host.address, host.mesh, roles.join(", "), `${said?.probes ?? 0} yes`]);
  }
  const drifted = health.filter((h) => h.drift.length > 0);
  const different = differences(farm.stack, farm.settings);
  return [
    table.toString(),
    ...drifted.map((h) => `${h.host} differs from what was applied: ${h.drift.join("; ")}`),
    ...addresses.map(({ application, url }) => `${application.title.ru} (${application.title.en}): ${url}`),
    `The twin differs from the real stack in ${different.length} keys: ${different.map((key) => `farms:${key}`).join(", ")}`,
  ].join("\n");
}

/**
 * Brings the twin of a stack up: installs what this computer needs, boots, runs the Pulumi program, waits until every
 * probe says yes. Shows its progress and ends with a table. `port` is the first one on 127.0.0.1 for a browser.
 * Throws a FarmError for whatever a person can mend; another run then goes on from where this one ended.
 */
export async function up(stack: string, port: number): Promise<void> {
  requireRoot();
  // Whatever is wrong in the declaration is said before anything is touched.
  refuseVSwitches(previewPlan(stack).inventory);
  const [began, start] = [Date.now(), performance.now()];
  const context: Context = { servers: [], health: [], anew: [], addresses: [] } as unknown as Context;
  const lock = await lockStack(stack, `farm twin up ${stack}`);
  try {
    await tasks(stack, port, began).run(context);
    const took = performance.now() - start;
    recordAnew(context.farm, context.anew, took / 1000);
    process.stdout.write(`${report(context)}\nDone in ${seconds(took)}.\n`);
  } finally {
    for (const server of context.servers) await server.close();
    lock.release();
  }
}
