/** The steps by which a virtual server is installed anew, as they are done (src/machines/contabo/steps.ts has their order). */
import type { Host } from "../../inventory/schema.ts";
import type { Contabo } from "../../machines/contabo/contabo.ts";
import { GATES, MEET, type ReinstallStep } from "../../machines/contabo/steps.ts";
import { hostConfig, userData } from "../../machines/user-data.ts";
import { FarmError } from "../../shell/errors.ts";
import { lastLines } from "../../twin/machines/run.ts";
import type { Declared } from "../install/installation.ts";
import { EARLIER, type Work } from "../install/perform.ts";
import { type OwnStanding, ownStanding } from "../install/server.ts";
import { NO_CONNECTION, type Reach } from "../install/site.ts";
import { awaitServer } from "../install/wait.ts";
import { differences, findInstance, imageOf, reportLines } from "./instance.ts";

/** Seconds for its gates, which wait for members that catch up. */
const GATES_LIMIT = 300;
/** Seconds from Contabo's word that it installs until the new system answers; by judgement, Contabo names no time. */
const INSTALLED_WITHIN = 1800;

/** Contabo, and the machine over SSH. */
export interface ContaboSite extends Reach {
  readonly contabo: Contabo;
}

const listed = (lines: readonly string[]): string => lines.map((line) => `  - ${line}`).join("\n");

/** One attempt to install a host anew. `confirm` is the name that a person has typed for it, which Contabo's is compared with. */
export class Reinstallation {
  readonly #site: ContaboSite;
  readonly #declared: Declared;
  readonly #host: Host;
  readonly #confirm: string;
  #number = 0;
  #status = "";
  #image = "";
  #standing: OwnStanding = { kind: "other" };

  constructor(site: ContaboSite, declared: Declared, host: Host, confirm: string) {
    this.#site = site;
    this.#declared = declared;
    this.#host = host;
    this.#confirm = confirm;
  }

  readonly steps: Work<ReinstallStep> = {
    find: () => this.#find(),
    image: () => this.#unlessBegun(() => this.#findImage()),
    ask: () => this.#unlessBegun(() => this.#ask()),
    reinstall: () => this.#unlessBegun(() => this.#reinstall()),
    meet: () => this.#meet(),
  };

  get #farmKey(): string {
    return this.#declared.keys.sshHostKey(this.#host.id).publicKey;
  }

  /** Does a step unless Contabo installs it already, or has. */
  async #unlessBegun(work: () => Promise<string>): Promise<string> {
    return this.#standing.kind === "installed" || this.#status === "installing" ? EARLIER.done : work();
  }

  async #look(): Promise<OwnStanding> {
    return ownStanding(this.#site, this.#farmKey, await this.#site.shownKey());
  }

  async #find(): Promise<string> {
    const instance = await findInstance(this.#site.contabo, this.#host);
    const problems = differences(this.#host, instance);
    if (problems.length > 0)
      throw new FarmError(
        `that is not ${this.#host.id} as it is declared, or it can't be installed; nothing was touched\n${listed(problems)}\nContabo reports:\n${listed(reportLines(instance))}`,
        "correct the declaration if it is wrong, or see that it is the right server",
      );
    this.#number = instance.instanceId;
    this.#status = instance.status;
    if (this.#status === "installing") return `instance ${this.#number} is being installed`;
    this.#standing = await this.#look();
    const what = {
      installed: "is installed already",
      farm: "runs a system of the farm's",
      other: "runs something else, or nothing",
    };
    return `instance ${this.#number} ${what[this.#standing.kind]}`;
  }

  async #findImage(): Promise<string> {
    const image = await imageOf(this.#site.contabo, this.#host);
    if (typeof image === "string") throw new FarmError(`${image}; nothing was touched`);
    this.#image = image.imageId;
    return image.description ?? "";
  }

  async #ask(): Promise<string> {
    if ((await this.#site.shownKey()) !== this.#farmKey) return "no system of the farm's answers";
    const { code, stderr } = await this.#site.run(this.#farmKey, GATES, { limit: GATES_LIMIT });
    if (code === 0) return "they can";
    const { id } = this.#host;
    throw new FarmError(
      `${id} is not installed anew: ${code === NO_CONNECTION ? "it can't be asked: " : ""}${lastLines(stderr, 3)}`,
      `mend the others first, where it names them. If it is ${id} that is broken, or lets nobody in, stop it (my.contabo.com) and run this again: who does not answer is not asked`,
    );
  }

  async #reinstall(): Promise<string> {
    const { inventory, keys } = this.#declared;
    const config = userData(hostConfig(this.#host, inventory, keys));
    const wanted = { imageId: this.#image, userData: config, defaultUser: "root" } as const;
    await this.#site.contabo.instances.reinstall(this.#number, wanted, this.#confirm);
    return "";
  }

  /** An error that was there before may still be told for a while. */
  async #refuseFailure(): Promise<void> {
    const before = this.#status;
    const { status, errorMessage } = await this.#site.contabo.instances.get(this.#number);
    this.#status = status;
    if (status === "error" && before !== "error")
      throw new FarmError(
        `Contabo could not install ${this.#host.id}: ${errorMessage || "it does not say why"}`,
        "run this again; if that fails too, Contabo's support has to mend it",
      );
  }

  async #meet(): Promise<string> {
    const { id, address } = this.#host;
    const late = () => ({
      message: `${id} does not show the farm's SSH host key as a new machine, or lets nobody in; Contabo says of it: ${this.#status}`,
      remedy: `see that your SSH key is one of farms:administrators, and look at its screen (my.contabo.com, VNC). Then run this again: what is not installed by then is installed anew`,
    });
    return awaitServer(this.#site, INSTALLED_WITHIN, late, async () => {
      await this.#refuseFailure();
      if ((await this.#look()).kind !== "installed") return undefined;
      const { code, stdout, stderr } = await this.#site.run(this.#farmKey, MEET, { limit: 60 });
      if (code === NO_CONNECTION) return undefined;
      if (code === 0) return lastLines(stdout, 1);
      throw new FarmError(
        `the installed system is not as it should be: ${lastLines(`${stdout}${stderr}`, 5)}`,
        `log in and look: ssh root@${address}`,
      );
    });
  }
}
