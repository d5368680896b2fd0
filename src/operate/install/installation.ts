/** The steps of an installation as they are done (src/machines/proxmox-install/steps.ts has their order and their commands). */
import type { Hardware } from "../../inventory/hardware.ts";
import type { Host, Inventory } from "../../inventory/schema.ts";
import { answerFile } from "../../machines/proxmox-install/answer.ts";
import { firstBoot } from "../../machines/proxmox-install/first-boot.ts";
import { differences, reportLines } from "../../machines/proxmox-install/hardware.ts";
import {
  AWAIT,
  FETCH,
  type InstallState,
  install,
  keep,
  PREPARE,
  RESTART,
  release,
  STATE,
  verify,
} from "../../machines/proxmox-install/rescue-commands.ts";
import type { StepId } from "../../machines/proxmox-install/steps.ts";
import { readSurvey, SURVEY, type Survey, uplinkOf } from "../../machines/proxmox-install/survey.ts";
import { FRESH } from "../../machines/user-data.ts";
import type { Keys } from "../../plan/keys.ts";
import { FarmError } from "../../shell/errors.ts";
import { lastLines } from "../../twin/machines/run.ts";
import { EARLIER, type Work } from "./perform.ts";
import { activateRescue, enterRescue } from "./rescue.ts";
import { findServer, type Standing, standing } from "./server.ts";
import { NO_CONNECTION, type RunOptions, type Site } from "./site.ts";
import { awaitServer } from "./wait.ts";

/** Seconds for packages and 1.8 GB of ISO, at the slowest that is worth waiting for. */
const FETCH_LIMIT = 1800;
/** Seconds for the installer, which takes about ten minutes on such disks. */
const INSTALL_LIMIT = 3600;
/** Seconds from a restart until the installed system answers: firmware, GRUB, its first boot. */
const BOOT_WITHIN = 600;

/** A host that may be installed: a Proxmox host whose hardware is declared, disks included. */
export interface Candidate {
  readonly host: Host;
  readonly hardware: Hardware & { readonly disks: readonly [string, string] };
}

/** What is known of the farm. */
export interface Declared {
  readonly inventory: Inventory;
  readonly keys: Keys;
}

/** Asks a server for its hardware. Throws a FarmError when it can't be asked. */
export async function surveyOf(site: Site, hostKey: string): Promise<Survey> {
  const { code, stdout, stderr } = await site.run(hostKey, SURVEY, { limit: 60 });
  if (code !== 0) throw new FarmError(`can't ask the server for its hardware: ${lastLines(stderr, 5)}`);
  return readSurvey(stdout);
}

/**
 * One attempt to install a host. `confirm` is the name that a person has typed for it: Robot compares it once more before a reset.
 * `rescueKey` is one that was read on the rescue system's console.
 */
export class Installation {
  readonly #site: Site;
  readonly #declared: Declared;
  readonly #candidate: Candidate;
  readonly #confirm: string;
  readonly #rescueKey: string | undefined;
  #number = 0;
  #standing: Standing = { kind: "other" };
  #rescueFingerprints: readonly string[] = [];
  #rescue = "";
  #state: InstallState = "new";
  #survey: Survey | undefined;

  constructor(site: Site, declared: Declared, candidate: Candidate, confirm: string, rescueKey?: string) {
    this.#site = site;
    this.#declared = declared;
    this.#candidate = candidate;
    this.#confirm = confirm;
    this.#rescueKey = rescueKey;
  }

  readonly steps: Work<StepId> = {
    find: () => this.#find(),
    rescue: () => this.#unless("rescue", () => this.#activate()),
    reset: () => this.#unless("rescue", () => this.#reset()),
    enter: () => this.#unless("installed", () => this.#enter()),
    check: () => this.#unless("installed", () => this.#check()),
    fetch: () => this.#new(() => this.#do("fetch what is needed", FETCH, { limit: FETCH_LIMIT })),
    prepare: () => this.#new(() => this.#prepare()),
    release: () => this.#new(() => this.#do("let go of the disks", release(this.#disks), { limit: 120 })),
    install: () => this.#unless("installed", () => this.#install()),
    verify: () =>
      this.#unless("installed", () =>
        this.#do("find the new system on the disks", verify(this.#disks), { limit: 120 }),
      ),
    restart: () => this.#unless("installed", () => this.#restart()),
    meet: () => this.#meet(),
  };

  get #disks(): readonly [string, string] {
    return this.#candidate.hardware.disks;
  }

  get #farmKey(): string {
    return this.#declared.keys.sshHostKey(this.#candidate.host.id).publicKey;
  }

  /** Does a step unless the server has come further than that. */
  async #unless(stage: "rescue" | "installed", work: () => Promise<string>): Promise<string> {
    const { kind } = this.#standing;
    if (kind === "installed") return EARLIER.done;
    if (stage === "rescue" && kind === "rescue") return EARLIER.running;
    return work();
  }

  /** Does a step unless the installer runs or has ended well. */
  #new(work: () => Promise<string>): Promise<string> {
    return this.#unless("installed", async () => (this.#state === "new" ? work() : EARLIER.done));
  }

  /** Runs a command in the rescue system. Throws a FarmError with the end of what it said, secrets blotted out. */
  async #do(purpose: string, command: string, options: RunOptions, secrets: string[] = []): Promise<string> {
    const { code, stderr } = await this.#site.run(this.#rescue, command, options);
    if (code === 0) return "";
    const said = secrets.reduce((text, secret) => text.replaceAll(secret, "…"), lastLines(stderr, 5));
    throw new FarmError(
      `can't ${purpose}: ${said || `exit code ${code}`}`,
      code === NO_CONNECTION ? "the connection was lost: run this again, it goes on" : undefined,
    );
  }

  async #find(): Promise<string> {
    const { host } = this.#candidate;
    this.#number = (await findServer(this.#site, host.id, host.address)).server_number;
    this.#standing = await standing(this.#site, this.#number, this.#farmKey, this.#rescueKey);
    // Better refused now, while everything there still runs.
    if (this.#standing.kind === "farm") this.#compare(await surveyOf(this.#site, this.#standing.hostKey));
    const what = {
      installed: "is installed already",
      rescue: "is in its rescue system",
      farm: "runs a system of the farm's",
      other: "runs something else, or nothing",
    };
    return `server ${this.#number} ${what[this.#standing.kind]}`;
  }

  #compare(survey: Survey): void {
    const { host, hardware } = this.#candidate;
    const problems = differences(host, hardware, survey);
    if (problems.length === 0) return;
    const list = (lines: readonly string[]) => lines.map((line) => `  - ${line}`).join("\n");
    throw new FarmError(
      `${host.id} is not made of what is declared; nothing was written to its disks\n${list(problems)}\nit reports:\n${list(reportLines(survey))}`,
      "correct the declaration if it is wrong, or let Hetzner correct the server",
    );
  }

  async #activate(): Promise<string> {
    const { administrators } = this.#declared.inventory;
    this.#rescueFingerprints = await activateRescue(this.#site, this.#number, administrators);
    return "";
  }

  async #reset(): Promise<string> {
    await this.#site.robot.servers.reset(this.#number, "hw", this.#confirm);
    return "";
  }

  async #enter(): Promise<string> {
    this.#rescue =
      this.#standing.kind === "rescue"
        ? this.#standing.hostKey
        : await enterRescue(this.#site, this.#rescueFingerprints);
    const { code, stdout, stderr } = await this.#site.run(this.#rescue, STATE, { limit: 60 });
    const state = stdout.trim();
    if (code !== 0 || !["new", "installing", "installed"].includes(state))
      throw new FarmError(`can't ask the rescue system how far it is: ${lastLines(stderr, 5) || state}`);
    this.#state = state as InstallState;
    return { new: "", installing: "the installer runs", installed: "the installer is done" }[this.#state];
  }

  async #check(): Promise<string> {
    this.#survey = await surveyOf(this.#site, this.#rescue);
    this.#compare(this.#survey);
    return this.#disks.join(", ");
  }

  /** What the comparison has found: without it there is nothing to write to. */
  #checked(): Survey {
    if (this.#survey === undefined)
      throw new Error("the hardware is compared before anything is done with it");
    return this.#survey;
  }

  async #prepare(): Promise<string> {
    const { inventory, keys } = this.#declared;
    const { host } = this.#candidate;
    const survey = this.#checked();
    const prefix = survey.addresses.find(({ ip }) => ip === host.address)?.prefix;
    const passwordHash = await this.#site.hash(keys.secret(`password/${host.id}/root`));
    const answers = answerFile(host, inventory, {
      cidr: `${host.address}/${prefix}`,
      gateway: survey.route?.gateway ?? "",
      mac: uplinkOf(survey)?.mac ?? "",
      passwordHash,
    });
    const script = firstBoot(keys.sshHostKey(host.id), inventory);
    await this.#do("keep the answers", keep("answer.toml"), { input: answers });
    await this.#do("keep the script of the first boot", keep("first-boot"), { input: script });
    return this.#do("make the ISO unattended", PREPARE, {}, [passwordHash]);
  }

  async #install(): Promise<string> {
    const mac = uplinkOf(this.#checked())?.mac ?? "";
    if (this.#state === "new")
      await this.#do("start the installer", install(this.#candidate.host, this.#disks, mac), { limit: 60 });
    const { code, stdout, stderr } = await this.#site.run(this.#rescue, AWAIT, { limit: INSTALL_LIMIT });
    if (code === 0 && stdout.trim() === "0") return this.#state === "new" ? "" : EARLIER.begun;
    throw new FarmError(
      `the installer did not come to its end: ${lastLines(stderr, 5) || `it ended with ${stdout.trim() || code}`}`,
      "run this again: if it is still at work, that waits for it; its screen is at 127.0.0.1:5900 of the rescue system (ssh -L 5900:127.0.0.1:5900)",
    );
  }

  async #restart(): Promise<string> {
    const { rescue } = this.#site.robot;
    if ((await rescue.get(this.#number)).active) await rescue.deactivate(this.#number);
    const { code, stderr } = await this.#site.run(this.#rescue, RESTART, { limit: 60 });
    // It may go before it has said that it will.
    if (code !== 0 && code !== NO_CONNECTION)
      throw new FarmError(`it does not restart: ${lastLines(stderr, 5)}`);
    return "";
  }

  async #meet(): Promise<string> {
    const late = {
      message: `${this.#candidate.host.id} does not show the farm's SSH host key`,
      remedy:
        "order a KVM console in Robot and look at its screen; Robot's rescue system still boots, and there zpool import -R /mnt rpool shows what was installed",
    };
    const command = `test -e ${FRESH} && zpool status -x rpool && pveversion`;
    return awaitServer(
      this.#site,
      BOOT_WITHIN,
      () => late,
      async () => {
        if ((await this.#site.shownKey()) !== this.#farmKey) return undefined;
        const { code, stdout, stderr } = await this.#site.run(this.#farmKey, command, { limit: 60 });
        if (code === NO_CONNECTION) return undefined;
        if (code === 0 && stdout.includes("is healthy")) return lastLines(stdout, 1);
        throw new FarmError(
          `the installed system is not as it should be: ${lastLines(`${stdout}${stderr}`, 5)}`,
          `log in and look: ssh root@${this.#candidate.host.address}`,
        );
      },
    );
  }
}
