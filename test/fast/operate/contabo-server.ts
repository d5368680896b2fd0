/** A virtual server that can be installed anew, with its Contabo, on this machine: it does what it is told, and remembers that. */
import type { TestContext } from "node:test";
import { parse } from "yaml";
import { GATES, MEET } from "../../../src/machines/contabo/steps.ts";
import type { RunOptions } from "../../../src/operate/install/site.ts";
import type { ContaboSite } from "../../../src/operate/reinstall/reinstallation.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import type { Result } from "../../../src/twin/machines/run.ts";
import { prodInventory } from "../farms.ts";
import { RECORDED, serve } from "../machines/contabo-service.ts";
import type { Reply, Seen } from "../machines/loopback.ts";

export const ID = "contabo-de1";
export const keys = deriveKeys(PREVIEW_MASTER_KEY, "prod", {});
export const inventory = prodInventory((_, settings) => {
  Object.assign(settings.addresses as object, { [ID]: "10.90.0.51" });
});
const FARM_KEY = keys.sshHostKey(ID).publicKey;
const OLD_KEY = keys.sshHostKey("old").publicKey;
const INSTANCE = "/v1/compute/instances/100";

/** What a test starts from, and what goes wrong in it. */
export interface Setting {
  /** What runs there: something unknown, the farm's own system, a new machine of the farm's, or nothing. */
  runs?: "old" | "farm" | "new" | "nothing";
  /** What Contabo says of the instance otherwise than that all is well. */
  instance?: object;
  images?: string[];
  /** What the host says that the others can't do without. */
  missed?: string;
  /** It lets nobody in. */
  shut?: boolean;
  /** Looks at Contabo after which it begins, until when all goes on as before; none unless given. */
  late?: number;
  /** How the installation ends: as a failure, or as another system. */
  ends?: "error" | "another";
  /** Contabo's answer to the request for it, which it then does not do. */
  refusal?: Reply;
  /** The answer to the request for it is lost, and Contabo does it. */
  lost?: boolean;
}

export interface StandIn {
  readonly site: ContaboSite;
  /** All that was done, in order: calls that change something at Contabo, and commands by their names. */
  readonly done: string[];
  /** What Contabo was told to install. */
  readonly wanted: { imageId?: string; userData?: string; defaultUser?: string; sshKeys?: number[] };
  readonly seen: readonly Seen[];
  /** What the next calls do. */
  readonly setting: Setting;
}

const NAMES: Readonly<Record<string, string>> = { [GATES]: "gates", [MEET]: "meet?" };

/** The host key that a machine shows which was given such user data: what cloud-init does with them. */
const keyOf = (userData = ""): string => parse(userData).ssh_keys.ed25519_public.trim();

export async function standIn(t: TestContext, setting: Setting = {}): Promise<StandIn> {
  setting.runs ??= "old";
  const done: string[] = [];
  const wanted: StandIn["wanted"] = {};
  let status = "running";
  /** Looks at Contabo until its next stage. */
  let looks = 0;
  const instance = () => ({
    ...(RECORDED[`GET ${INSTANCE}`] as { data: object[] }).data[0],
    displayName: ID,
    productName: "VPS S",
    cancelDate: null,
    ipConfig: { v4: { ip: "10.90.0.51", netmaskCidr: 24, gateway: "10.90.0.1" } },
    status,
    ...setting.instance,
  });
  const image = (name: string) => ({
    ...(RECORDED["GET /v1/compute/images"] as { data: object[] }).data[0],
    imageId: `id-of-${name}`,
    name,
    standardImage: name !== "debian-own",
  });
  let stage: "idle" | "taken" | "installing" = "idle";
  const advance = () => {
    if (stage === "idle" || looks-- > 0) return;
    if (stage === "taken") {
      [stage, status, looks, setting.runs] = ["installing", "installing", 2, "nothing"];
      return;
    }
    [stage, status] = ["idle", setting.ends === "error" ? "error" : "running"];
    if (status === "running") setting.runs = setting.ends === "another" ? "old" : "new";
  };
  const list = (data: object[]): Reply => ({ body: { data, _pagination: { totalPages: 1 } } });
  const answer = ({ method, path, body }: Seen): Reply | undefined => {
    const asked = `${method} ${path.split("?")[0]}`;
    if (method !== "GET") done.push(asked);
    if (asked === "GET /v1/compute/instances") return list([instance()]);
    if (asked === "GET /v1/compute/images")
      return list((setting.images ?? ["ubuntu-24.04", "debian-own", "debian-13"]).map(image));
    if (asked === `GET ${INSTANCE}`) {
      advance();
      return { body: { data: [instance()] } };
    }
    if (asked !== `PUT ${INSTANCE}`) return undefined;
    if (setting.refusal) return setting.refusal;
    Object.assign(wanted, JSON.parse(body));
    [stage, looks] = ["taken", setting.late ?? 0];
    if (looks === 0) advance();
    return setting.lost ? { silent: "cut" } : undefined;
  };
  const shown = () =>
    ({
      old: OLD_KEY,
      farm: FARM_KEY,
      new: wanted.userData ? keyOf(wanted.userData) : FARM_KEY,
      nothing: undefined,
    })[setting.runs ?? "old"];
  const run = async (key: string, command: string, _options?: RunOptions): Promise<Result> => {
    if (setting.shut || key !== shown())
      return { code: 255, stdout: "", stderr: "Host key verification failed." };
    const name = NAMES[command] ?? "fresh?";
    done.push(name);
    if (name === "gates" && setting.missed) return { code: 2, stdout: "", stderr: setting.missed };
    if (name === "fresh?") return { code: setting.runs === "new" ? 0 : 1, stdout: "", stderr: "" };
    return { code: 0, stdout: "Debian GNU/Linux 13 (trixie)\n", stderr: "" };
  };
  const { contabo, service, clock } = await serve(t, answer);
  const site = { contabo, clock, run, shownKey: async () => shown() };
  return { site, done, wanted, seen: service.seen, setting };
}
