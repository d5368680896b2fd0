/** A twin of its own for rotations: generations only rise, so the lab would have to be made anew after each test. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Target } from "../../src/shell/ssh.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import type { Result } from "../../src/twin/machines/run.ts";
import { copyOfProgram, declare, editFile, farm, farmUntil } from "./lab-farm.ts";
import { takeRange } from "./small-farm.ts";

const STACK = "rotation";
const RANGE = "10.94.0.0/24";
const PORT = "8194";

export interface Leaver {
  readonly name: string;
  readonly publicKey: string;
}

/** The lab with the wiki alone, whose secrets are of all kinds that are rotated: the more machines, the longer each run. */
const WIKI = `{
  ...lab,
  hosts: lab.hosts.filter(({ id }) => !id.startsWith("pg")),
  clusters: lab.clusters?.filter(({ software }) => software === "mariadb") ?? [],
  applications: lab.applications?.filter(({ software }) => software === "mediawiki") ?? [],
  databases: [],
}`;

/** The program with the lab's wiki under another name and some generations raised, in a folder of its own. */
export class Program {
  readonly root = copyOfProgram();

  constructor(generations: Readonly<Record<string, number>>, leavers: readonly Leaver[] = []) {
    declare(this.root, STACK, `{ ...${WIKI}, generations: ${JSON.stringify(generations)} }`);
    const settings = readFileSync(join(this.root, "Pulumi.lab.yaml"), "utf8");
    writeFileSync(join(this.root, `Pulumi.${STACK}.yaml`), settings.replaceAll(/^ {4}pg\d: .*\n/gm, ""));
    const more = leavers.map((l) => JSON.stringify({ name: l.name, languages: ["ru"], keys: [l.publicKey] }));
    takeRange(this.root, RANGE);
    if (more.length === 0) return;
    editFile(this.root, "src/twin/settings.ts", (text) =>
      text.replace("administrators: [", `administrators: [${more.map((m) => `${m},`).join("")}`),
    );
  }

  up(): Promise<Result> {
    return farm(["twin", "up", STACK, "--port", PORT], 900, this.root);
  }

  /** As `up`; it has to succeed. Returns what the program did to its resources, in words. */
  async good(): Promise<string> {
    const { code, stdout, stderr } = await this.up();
    assert.equal(code, 0, stdout + stderr);
    return /Program: (.*?) \[/.exec(stdout)?.[1] ?? "";
  }

  /** Runs `up` and does something as soon as it prints a line. */
  upUntil(line: string, act: (pid: number) => unknown): Promise<{ code: number | null; output: string }> {
    return farmUntil(["twin", "up", STACK, "--port", PORT], line, act, this.root);
  }

  /** The running twin as this program knows it, with its keys and pins. */
  async open(): Promise<TwinFarm> {
    const module = await import(pathToFileURL(join(this.root, "src/twin/farm.ts")).href);
    return module.openRunningFarm(STACK) as Promise<TwinFarm>;
  }

  async purge(): Promise<void> {
    await farm(["twin", "down", STACK, "--purge"], 120, this.root);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}

/** Whether somebody gets in over a connection of their own. */
export async function getsIn({ ssh }: TwinFarm, target: Target): Promise<boolean> {
  return (await ssh.run(target, "true", { fresh: true, limit: 30 })).code === 0;
}

/** What the database answers to the wiki's account with a password, through web1's proxy: "ok" or an error. */
export async function databaseSays(lab: TwinFarm, password: string): Promise<string> {
  const program = `mysqli_report(0); $d = @mysqli_connect("127.0.0.1", "pravka", trim(fgets(STDIN)), "pravka"); echo $d ? "ok" : mysqli_connect_error();`;
  const { stdout } = await lab.ssh.run(lab.target("web1"), `php -r '${program}'`, { input: `${password}\n` });
  return stdout;
}

/** Whether a peer answers the handshake of an interface that has a host's private key, tried from that host. */
export async function answersHandshake(
  lab: TwinFarm,
  host: string,
  privateKey: string,
  peer: string,
): Promise<boolean> {
  const endpoint = `${lab.inventory.hosts.find((h) => h.id === peer)?.address}:51820`;
  const key = lab.keys.wireguard(peer).publicKey;
  const script = `set -e
trap 'ip link delete wg9' EXIT
wireguard-go wg9 >/dev/null 2>&1
ip link set wg9 up
wg set wg9 private-key /dev/stdin peer ${key} endpoint ${endpoint} persistent-keepalive 1
for _ in $(seq 40); do
  wg show wg9 latest-handshakes | grep -q '\\s0$' || break
  sleep 0.1
done
wg show wg9 latest-handshakes`;
  const { code, stdout, stderr } = await lab.ssh.run(lab.target(host), script, { input: `${privateKey}\n` });
  assert.equal(code, 0, stderr);
  return !/\s0$/.test(stdout.trim());
}
