import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Keys } from "../plan/keys.ts";
import type { HostPlan } from "../plan/plan.ts";
import { AGENT, agentText, INSTALL_AGENT } from "./agent.ts";
import type { Connection } from "./connection.ts";

/** How long a machine may take from its making until SSH answers. */
const REACHABLE_WITHIN = "5m";

export interface FarmHostArgs {
  readonly plan: HostPlan;
  readonly keys: Keys;
  readonly connection: Connection<pulumi.Output<string>>;
  /** What must be there before the host can be reached, such as the guest itself. */
  readonly machine?: pulumi.Resource;
  /** Activations of the waves before; this host is changed when they are done. */
  readonly after: readonly pulumi.Resource[];
}

/**
 * A host brought to its planned state, in five commands: reach it, install the agent, hand over the secrets,
 * prepare the bundle (all hosts at once) and activate it (in waves).
 */
export class FarmHost extends pulumi.ComponentResource {
  /** The last step: whatever needs the host in its planned state depends on it. */
  readonly activated: pulumi.Resource;

  constructor(name: string, args: FarmHostArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:host:Host", name, {}, options);
    const { plan, connection } = args;

    const command = (
      step: string,
      run: string,
      dependsOn: readonly pulumi.Resource[],
      more: Partial<remote.CommandArgs> = {},
      resourceOptions: pulumi.CustomResourceOptions = {},
    ): remote.Command =>
      new remote.Command(
        `${name}-${step}`,
        { connection, create: run, update: run, addPreviousOutputInEnv: false, ...more },
        { parent: this, dependsOn: [...dependsOn], ...resourceOptions },
      );

    const reachable = command(
      "reachable",
      "true",
      args.machine ? [args.machine] : [],
      { connection: { ...connection, dialErrorLimit: -1 } },
      { customTimeouts: { create: REACHABLE_WITHIN } },
    );
    const agent = command("agent", INSTALL_AGENT, [reachable], { stdin: agentText });
    const values = Object.fromEntries(plan.secrets.map((secret) => [secret, args.keys.secret(secret)]));
    const secrets = command("secrets", `${AGENT} secrets`, [agent], {
      stdin: pulumi.secret(JSON.stringify({ host: plan.host.id, secrets: values })),
      logging: "none",
    });
    const prepared = command("bundle", `${AGENT} prepare`, [secrets], { stdin: plan.bundle });
    this.activated = command("activate", `${AGENT} activate ${plan.sha256}`, [prepared, ...args.after]);
    this.registerOutputs({ address: plan.host.address, mesh: plan.host.mesh, bundle: plan.sha256 });
  }
}
