/** A server that can be installed, with its Robot, on this machine: it does what it is told, and remembers what it was told. */
import type { TestContext } from "node:test";
import * as commands from "../../../src/machines/proxmox-install/rescue-commands.ts";
import { SURVEY } from "../../../src/machines/proxmox-install/survey.ts";
import { Robot } from "../../../src/machines/robot/robot.ts";
import { fingerprint, type RunOptions, type Site } from "../../../src/operate/install/site.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import type { Result } from "../../../src/twin/machines/run.ts";
import { idleClock, loopback, type Reply, type Seen } from "../machines/loopback.ts";
import { CREDENTIALS, RECORDED } from "../machines/robot-service.ts";
import { ADDRESS, type Change, DISKS, surveyText } from "../machines/zhelezo.ts";

export const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});
const FARM_KEY = keys.sshHostKey("zhelezo1").publicKey;
export const RESCUE_KEY = keys.sshHostKey("rescue").publicKey;
const OLD_KEY = keys.sshHostKey("old").publicKey;
export const HASH = "$6$salt$secret-hash";

/** What a test starts from, and what goes wrong in it. */
export interface Setting {
  /** What runs there: something unknown, the farm's own system, the rescue system, the new system. */
  runs?: "old" | "farm" | "rescue" | "installed";
  /** How far the installer has come. */
  state?: commands.InstallState;
  hardware?: Change;
  name?: string;
  /** Robot names no host key of the rescue system. */
  silent?: boolean;
  /** Commands that fail, by what they are, each with what it says. */
  fails?: Record<string, string>;
  /** The connection is lost in the middle of the first such command. */
  lost?: string;
}

export interface StandIn {
  readonly site: Site;
  /** All that was done, in order: calls that change something at Robot, and commands by their names. */
  readonly done: string[];
  /** Inputs of commands, by their names. */
  readonly inputs: Map<string, string>;
  readonly seen: readonly Seen[];
  /** What the next commands do. */
  readonly setting: Setting;
}

/** What a command is called here; commands that only ask have the names of questions. */
function nameOf(command: string): string {
  const known: [string, string][] = [
    [SURVEY, "survey?"],
    [commands.STATE, "state?"],
    [commands.FETCH, "fetch"],
    [commands.keep("answer.toml"), "keep answers"],
    [commands.keep("first-boot"), "keep first-boot"],
    [commands.PREPARE, "prepare"],
    [commands.release(DISKS), "release"],
    [commands.AWAIT, "await"],
    [commands.verify(DISKS), "verify"],
    [commands.RESTART, "restart"],
    ["true", "in?"],
  ];
  const exact = known.find(([text]) => text === command)?.[1];
  if (exact) return exact;
  if (command.includes("qemu-system-x86_64 -enable-kvm")) return "install";
  return command.includes("zpool status") ? "meet?" : "fresh?";
}

const server = ({ name = "zhelezo1" }: Setting) => ({
  ...(RECORDED["GET /server/321"] as { server: object }).server,
  server_ip: ADDRESS,
  server_name: name,
});

/** Robot's answers that differ from the recorded ones. */
function answer({ method, path }: Seen, setting: Setting, changes: { active: boolean }): Reply | undefined {
  const asked = `${method} ${path}`;
  const rescue = (body: unknown, active: boolean) => {
    const host_key = setting.silent
      ? []
      : [{ key: { fingerprint: fingerprint(RESCUE_KEY), type: "ED25519", size: 256 } }];
    return { body: { rescue: { ...(body as { rescue: object }).rescue, active, host_key } } };
  };
  const body = RECORDED[asked];
  if (asked === "GET /server") return { body: [{ server: server(setting) }] };
  if (asked === "GET /server/321") return { body: { server: server(setting) } };
  if (asked === "GET /boot/321/rescue/last")
    return setting.runs === "rescue"
      ? rescue(body, false)
      : { status: 404, body: { error: { status: 404, code: "NOT_FOUND", message: "none" } } };
  if (path === "/boot/321/rescue") {
    if (method !== "GET") changes.active = method === "POST";
    return rescue(body, changes.active);
  }
  return undefined;
}

export async function standIn(t: TestContext, setting: Setting = {}): Promise<StandIn> {
  setting.runs ??= "old";
  setting.state ??= "new";
  const done: string[] = [];
  const inputs = new Map<string, string>();
  const changes = { active: false };
  const { url, seen } = await loopback(t, (request) => {
    const { method, path } = request;
    if (method !== "GET") done.push(`${method} ${path}`);
    if (method === "POST" && path === "/reset/321") setting.runs = changes.active ? "rescue" : "old";
    if (method === "POST" && path === "/reset/321") changes.active = false;
    return answer(request, setting, changes) ?? { body: RECORDED[`${method} ${path}`] ?? "" };
  });
  const shown = () =>
    ({ old: OLD_KEY, farm: FARM_KEY, rescue: RESCUE_KEY, installed: FARM_KEY })[setting.runs ?? "old"];
  const outputs: Record<string, () => string> = {
    "survey?": () => surveyText(setting.hardware),
    "state?": () => `${setting.state}\n`,
    await: () => {
      setting.state = "installed";
      return "0\n";
    },
    "meet?": () => "pool 'rpool' is healthy\npve-manager/9.2.1\n",
  };
  const run = async (key: string, command: string, { input }: RunOptions = {}): Promise<Result> => {
    const name = nameOf(command);
    if (key !== shown()) return { code: 255, stdout: "", stderr: "Host key verification failed." };
    done.push(name);
    if (input !== undefined) inputs.set(name, input);
    if (setting.lost === name) {
      delete setting.lost;
      if (name === "await") setting.state = "installing";
      return { code: 255, stdout: "", stderr: "Connection closed" };
    }
    const failure = setting.fails?.[name];
    if (failure !== undefined) return { code: 1, stdout: "", stderr: failure };
    if (name === "fresh?") return { code: setting.runs === "installed" ? 0 : 1, stdout: "", stderr: "" };
    const stdout = outputs[name]?.() ?? "";
    if (name === "restart") setting.runs = "installed";
    return { code: 0, stdout, stderr: "" };
  };
  const clock = idleClock();
  const robot = new Robot(CREDENTIALS, { url, clock, timeLimit: 5 });
  const site: Site = { robot, clock, run, shownKey: async () => shown(), hash: async () => HASH };
  return { site, done, inputs, seen, setting };
}
