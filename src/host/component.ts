import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Keys } from "../plan/keys.ts";
import type { HostPlan } from "../plan/plan.ts";
import { AGENT, agentAndSecrets, type GivenSecrets, INSTALL_AGENT } from "./agent.ts";
import type { Connection } from "./connection.ts";

/** How long a machine may take from its making until SSH answers. */
const REACHABLE_WITHIN = "5m";

/**
 * Three dials of 10 s: a host that can't be reached after its change undoes it within 60 s, and must not be found then
 * by a dial that still goes on, which would make the change again.
 */
const CONFIRM_DIALS = { dialErrorLimit: 3, perDialTimeout: 10 };

/** What the agent said of a step that was done, as far as later steps need it. */
interface Report {
  /** When the host prepared. */
  readonly preparedAt?: string;
  /** When a change began to wait for its confirmation. */
  readonly armed?: string;
}

/** Reads a report; "" of a step that had nothing to do. */
const read = (report: string): Report => (report === "" ? {} : JSON.parse(report));

/** Confirms the change that a line on stdin tells of: hash of its bundle, commit, and since when it waits. */
const confirmation = (options: string): string =>
  `read -r sha256 commit armed || exit 0\nexec ${AGENT} confirm ${options} --commit "$commit" "$sha256"`;

export interface FarmHostArgs {
  readonly plan: HostPlan;
  readonly keys: Keys;
  readonly connection: Connection<pulumi.Output<string>>;
  /** What must be there before the host can be reached, such as the guest itself. */
  readonly machine?: pulumi.Resource;
  /** Secrets that are known when other resources are there; the host's own among them are handed to it. */
  readonly given?: pulumi.Output<GivenSecrets>;
  /** Commit of the program that made this bundle, for the host's history. */
  readonly commit: string;
  /** Whether a host that had a life before the farm may be taken over. */
  readonly adopt: boolean;
}

/**
 * A host brought to its planned state. What changes nothing that runs is registered at once, for all hosts together:
 * install the agent and hand it the secrets, prepare the bundle. `activate` adds the rest, in waves.
 */
export class FarmHost extends pulumi.ComponentResource {
  /** The bundle has been found good on the host itself, and its packages are there. */
  readonly prepared: remote.Command;
  #confirmed: pulumi.Resource | undefined;
  #settled: pulumi.Resource | undefined;
  readonly #command: (
    step: string,
    run: string,
    dependsOn: readonly pulumi.Resource[],
    more?: Partial<remote.CommandArgs>,
    options?: pulumi.CustomResourceOptions,
  ) => remote.Command;
  readonly #plan: HostPlan;
  readonly #commit: string;
  readonly #connection: Connection<pulumi.Output<string>>;

  constructor(name: string, args: FarmHostArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:host:Host", name, {}, options);
    const { plan, connection } = args;
    this.#plan = plan;
    this.#commit = args.commit;
    this.#connection = connection;
    // A machine that was made anew has nothing of what was done before.
    const { machine } = plan.host;
    const triggers = machine > 1 ? { triggers: [`machine ${machine}`] } : {};
    this.#command = (step, run, dependsOn, more = {}, resourceOptions = {}) =>
      new remote.Command(
        `${name}-${step}`,
        { connection, create: run, update: run, addPreviousOutputInEnv: false, ...triggers, ...more },
        { parent: this, dependsOn: [...dependsOn], ...resourceOptions },
      );

    const agent = this.#command(
      "agent",
      INSTALL_AGENT,
      args.machine ? [args.machine] : [],
      {
        // Dials until the machine answers.
        connection: { ...connection, dialErrorLimit: -1 },
        stdin: pulumi.secret(
          (args.given ?? pulumi.output({})).apply((given) => agentAndSecrets(plan, args.keys, given)),
        ),
        logging: "none",
      },
      { customTimeouts: { create: REACHABLE_WITHIN, update: REACHABLE_WITHIN } },
    );
    const prepare = `${AGENT} prepare --commit ${args.commit}${args.adopt ? " --adopt" : ""}`;
    this.prepared = this.#command("bundle", prepare, [agent], { stdin: plan.bundle });
    this.registerOutputs({ address: plan.host.address, mesh: plan.host.mesh, bundle: plan.sha256 });
  }

  /**
   * Activates the bundle when all of `after` is done. A change of what administrators come in by is then confirmed over a
   * new connection, which shows that the host can still be reached; a host that nobody comes back to undoes the change.
   * The confirmation makes the change again if an interrupted run has let that happen; the last step, over yet another
   * connection, sees that it stays.
   *
   * A step runs again whenever the one before has left something new to do, though its own words be the same: a run that
   * was cut off may have left the host with another bundle than the one that is recorded here. With nothing to do it does
   * not even run.
   */
  activate(after: readonly pulumi.Resource[]): void {
    const { sha256 } = this.#plan;
    const commit = this.#commit;
    const stdin = this.prepared.stdout.apply((report) => read(report).preparedAt ?? "");
    const activate = `${AGENT} activate --commit ${commit} ${sha256}`;
    const activated = this.#command("activate", activate, [this.prepared, ...after], { stdin });
    const confirm = (step: string, options: string, before: remote.Command): remote.Command => {
      const toConfirm = before.stdout.apply((report) => {
        const { armed } = read(report);
        return armed === undefined ? "" : `${sha256} ${commit} ${armed}\n`;
      });
      return this.#command(step, confirmation(options), [before], {
        stdin: toConfirm,
        connection: { ...this.#connection, ...CONFIRM_DIALS },
      });
    };
    const confirmed = confirm("confirm", "--again", activated);
    this.#confirmed = confirmed;
    this.#settled = confirm("settled", "", confirmed);
  }

  /**
   * A step after the activation of all hosts, as `commands` say: completes what was only begun (`complete`), begins to use a
   * secret's new value (`turn`), or refuses former ones (`retire`). It runs again when they change: those of a rotation do so
   * with the generation alone.
   */
  afterwards(
    step: "complete" | "turn" | "retire",
    commands: readonly string[],
    after: readonly pulumi.Resource[],
  ): pulumi.Resource {
    return this.#command(step, ["set -e", ...commands].join("\n"), after);
  }

  /** Whatever needs the host in its planned state depends on this. Throws before `activate` was called. */
  get confirmed(): pulumi.Resource {
    return this.#activated(this.#confirmed);
  }

  /** There when all that is to be done to the host is done. Throws before `activate` was called. */
  get settled(): pulumi.Resource {
    return this.#activated(this.#settled);
  }

  #activated(step: pulumi.Resource | undefined): pulumi.Resource {
    if (step === undefined) throw new Error(`${this.#plan.host.id} is needed before it is activated`);
    return step;
  }
}
