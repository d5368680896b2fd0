/** The turn of a host that stands on its own to another SSH host key; a guest is given its key by its Proxmox host. */
import { readFileSync } from "node:fs";
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { KeyPair } from "../plan/keys.ts";
import type { Connection } from "./connection.ts";

const program = readFileSync(new URL("./host-key.py", import.meta.url), "utf8");

/** The shell command of a step; its input is the key as JSON: all of it for `turn`, its public part for `keep`. */
export const hostKeyCommand = (verb: "turn" | "keep"): string => `exec python3 -c '${program}' ${verb}`;

/** How long an interrupted turn may take to show the key that this run dials by. */
const SHOWN_WITHIN = "5m";

export interface HostKeyTurnArgs {
  readonly key: KeyPair;
  /** Pins the key that the host shows before the turn. */
  readonly former: Connection<pulumi.Output<string>>;
  /** Pins `key`. */
  readonly present: Connection<pulumi.Output<string>>;
}

/** A host that shows one SSH host key is made to show another. All connections that pin the new one depend on `kept`. */
export class HostKeyTurn extends pulumi.ComponentResource {
  /** The program has come by the new key. */
  readonly kept: pulumi.Resource;

  constructor(name: string, args: HostKeyTurnArgs, options?: pulumi.ComponentResourceOptions) {
    super("farms:host:HostKeyTurn", name, {}, options);
    const step = (
      verb: "turn" | "keep",
      connection: Connection<pulumi.Output<string>>,
      key: Partial<KeyPair>,
      dependsOn: pulumi.Resource[],
    ): remote.Command => {
      const run = hostKeyCommand(verb);
      return new remote.Command(
        `${name}-host-key-${verb}`,
        {
          connection: { ...connection, dialErrorLimit: -1 },
          create: run,
          update: run,
          stdin: pulumi.secret(JSON.stringify(key)),
          logging: "stderr",
          addPreviousOutputInEnv: false,
        },
        { parent: this, dependsOn, customTimeouts: { create: SHOWN_WITHIN, update: SHOWN_WITHIN } },
      );
    };
    const turned = step("turn", args.former, args.key, []);
    this.kept = step("keep", args.present, { publicKey: args.key.publicKey }, [turned]);
    this.registerOutputs({});
  }
}
