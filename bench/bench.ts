/**
 * Measures the figures that README.md gives, on the lab's twin, and prints them as a table with how each was measured.
 * `npm run bench` measures all of them (about 25 minutes), `npm run bench -- NAME…` some. It is no test: it judges
 * nothing and fails only when something does not work at all.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import Table from "cli-table3";
import { hostPlan } from "../src/plan/plan.ts";
import type { Checked } from "../src/twin/drills/record.ts";
import { spreadOf } from "../src/twin/drills/report.ts";
import { groupPath } from "../src/twin/machines/cgroup.ts";
import { machineGroup } from "../src/twin/machines/inside.ts";
import { bootHost, drilled, killHost, realDrill, underEdits, writerOf } from "../test/machines/faults.ts";
import { awaitGreen, commentOnEdge, copyOfProgram, farm, on, ROOT } from "../test/machines/lab-farm.ts";
import { labUp } from "../test/machines/the-lab.ts";
import { measureTen } from "./ten/measure.ts";

interface Row {
  readonly what: string;
  readonly how: string;
  readonly figures: readonly number[];
  readonly unit: string;
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};

async function times(count: number, work: (run: number) => Promise<number>): Promise<number[]> {
  const figures: number[] = [];
  for (let run = 0; run < count; run += 1) figures.push(await work(run));
  return figures;
}

async function succeed(argv: readonly string[], root = ROOT): Promise<string> {
  const { code, stdout, stderr } = await farm(argv, 900, root);
  if (code !== 0) throw new Error(`farm ${argv.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Large farms, by the names that plan-once.ts has for them. */
const LARGE = {
  spread: "1,000 hosts, nine guests on each Proxmox host",
  two: "1,008 guests on two Proxmox hosts",
};

async function planLarge(): Promise<Row[]> {
  const program = join(import.meta.dirname, "plan-once.ts");
  const rows: Row[] = [];
  for (const [name, what] of Object.entries(LARGE)) {
    const runs = await times(5, async () => {
      const output = execFileSync(process.execPath, [program, name], { encoding: "utf8" });
      const [took, memory] = output.split(" ").map(Number);
      largest.push(memory ?? Number.NaN);
      return took ?? Number.NaN;
    });
    const how = "inventory and plan in one process, start of Node not counted, 5 runs";
    rows.push({ what: `plan of ${what}`, how, figures: runs, unit: "s" });
  }
  const how = "largest resident size of each process";
  return [...rows, { what: "memory of both", how, figures: largest, unit: "MB" }];
}
const largest: number[] = [];

async function nothingToDo(): Promise<Row[]> {
  const lab = await labUp();
  const up = await times(5, () => seconds(() => succeed(["twin", "up"])));
  const { bundle } = hostPlan(lab.plan, "web1");
  const agent = await times(10, async () => {
    const command = "bash -c 'TIMEFORMAT=%R; time /usr/local/sbin/farm-agent apply >/dev/null 2>&1' 2>&1";
    return Number(await on(lab, "web1", command, bundle));
  });
  return [
    { what: "twin up, nothing to do", how: "whole command, 5 runs", figures: up, unit: "s" },
    {
      what: "the agent, nothing to do, web1",
      how: "whole process on the host, probes asked, 10 runs",
      figures: agent,
      unit: "s",
    },
  ];
}

/** One line of the edge's proxy changed in a copy of the program, applied from there, and back, in turn. */
async function oneFile(): Promise<Row[]> {
  await labUp();
  const copy = copyOfProgram();
  try {
    commentOnEdge(copy, "a line that changes nothing");
    const figures = await times(6, (run) =>
      seconds(() => succeed(["twin", "up"], run % 2 === 0 ? copy : ROOT)),
    );
    return [
      {
        what: "one changed file on one host",
        how: "twin up: validated, reloaded, probed, all hosts asked for their health; 6 runs",
        figures,
        unit: "s",
      },
    ];
  } finally {
    rmSync(copy, { recursive: true });
  }
}

async function upAfterDown(): Promise<Row[]> {
  await labUp();
  const figures = await times(3, async () => {
    await succeed(["twin", "down"]);
    return seconds(() => succeed(["twin", "up"]));
  });
  return [
    {
      what: "twin up after down",
      how: "machines powered off in order, until every probe says yes, 3 runs",
      figures,
      unit: "s",
    },
  ];
}

async function upFromImage(): Promise<Row[]> {
  const figures = await times(2, async () => {
    await succeed(["twin", "down", "--purge"]);
    return seconds(() => succeed(["twin", "up"]));
  });
  return [
    {
      what: "twin up from nothing but image and packages",
      how: "after down --purge, 2 runs",
      figures,
      unit: "s",
    },
  ];
}

/** Proportional set size of all processes of a machine, MB. */
function machineMemory(name: string): number {
  const group = groupPath(machineGroup("lab", name));
  const pids = readdirSync(group, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith("cgroup.procs"))
    .flatMap((file) => readFileSync(join(group, file), "utf8").split("\n").filter(Boolean));
  const sizes = pids.map((pid) => {
    const file = `/proc/${pid}/smaps_rollup`;
    return existsSync(file) ? Number(/^Pss:\s+(\d+)/m.exec(readFileSync(file, "utf8"))?.[1] ?? 0) / 1000 : 0;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function memory(): Promise<Row[]> {
  const lab = await labUp();
  const figures = [lab.inventory.hosts.reduce((sum, host) => sum + machineMemory(host.id), 0)];
  return [
    {
      what: "memory of the running lab",
      how: "proportional set sizes of all processes of its machines, once",
      figures,
      unit: "MB",
    },
  ];
}

function measured(what: string, how: string, runs: readonly Checked[]): Row[] {
  const acknowledged = runs.reduce((sum, c) => sum + c.acknowledged, 0);
  return [
    { what: `${what}: longest gap`, how, figures: runs.map((c) => c.gap), unit: "s" },
    {
      what: `${what}: acknowledged and lost`,
      how: `of ${acknowledged} acknowledged in all runs`,
      figures: runs.map((c) => c.lost),
      unit: "writes",
    },
  ];
}

async function writerKilled(): Promise<Row[]> {
  const lab = await labUp();
  const runs: Checked[] = [];
  for (let run = 0; run < 10; run += 1) {
    const writer = await writerOf(lab);
    runs.push(await underEdits(lab, () => killHost(lab, writer)));
    await bootHost(lab, writer);
    await awaitGreen(lab, 60);
  }
  return measured("writer's machine killed", "page edits through the edge, one after another, 10 runs", runs);
}

async function powerCuts(): Promise<Row[]> {
  const lab = await labUp();
  const runs = async (name: string, count: number): Promise<Checked[]> => {
    const found: Checked[] = [];
    for (let run = 0; run < count; run += 1) {
      const { checked, failures } = await drilled(lab, realDrill(name));
      if (checked === null) throw new Error(failures.join("; "));
      found.push(checked);
    }
    return found;
  };
  const how =
    "power of all members cut at once and switched on again, inserts through the web hosts' proxies";
  return [
    ...measured("power cut", `${how}, 3 runs`, await runs("power-cut", 3)),
    ...measured("power cut, flush 0", `${how}, once`, await runs("power-cut-control", 1)),
  ];
}

/** The comparison with other tools: the same work on ten machines. */
async function ten(): Promise<Row[]> {
  const how = "whole process, start of Node and check of all hosts included, 10 runs";
  return (await measureTen()).map((row) => ({ ...row, unit: "s", how }));
}

const benches: Record<string, () => Promise<Row[]>> = {
  plan: planLarge,
  nothing: nothingToDo,
  file: oneFile,
  memory,
  down: upAfterDown,
  purge: upFromImage,
  writer: writerKilled,
  power: powerCuts,
  ten,
};

const short = (figure: number): string => figure.toFixed(figure >= 100 || Number.isInteger(figure) ? 0 : 2);

async function main(names: readonly string[]): Promise<void> {
  const table = new Table({
    head: ["what", "min", "median", "max", "unit", "how"],
    style: { head: [], border: [] },
  });
  for (const [name, bench] of Object.entries(benches)) {
    if (names.length > 0 && !names.includes(name)) continue;
    process.stderr.write(`bench: ${name}\n`);
    for (const { what, figures, unit, how } of await bench()) {
      const { min, median, max } = spreadOf(figures);
      table.push([what, ...[min, median, max].map(short), unit, how]);
    }
  }
  process.stdout.write(`${table}\n`);
}

await main(process.argv.slice(2));
