/** The world as an installation meets it: the provider, the machine over SSH, time. Tests put stand-ins. */
import { createHash } from "node:crypto";
import type { Robot } from "../../machines/robot/robot.ts";
import type { Clock } from "../../machines/web-service.ts";
import type { SshPool, Target } from "../../shell/ssh.ts";
import { must, type Result, run } from "../../twin/machines/run.ts";

/** What ssh ends with when it can't connect, or the host shows another key than the pinned one. */
export const NO_CONNECTION = 255;

export interface RunOptions {
  readonly input?: string;
  /** Seconds; after them the connection is ended and a FarmError thrown. */
  readonly limit?: number;
}

/** A machine over SSH, and time. */
export interface Reach {
  readonly clock: Clock;
  /** Runs a command on the machine over a new connection that is pinned to a host key; code 255 where there is none. */
  run(hostKey: string, command: string, options?: RunOptions): Promise<Result>;
  /** The Ed25519 host key that the machine shows just now, proven by nobody: "ssh-ed25519 AAAA…"; undefined if none answers. */
  shownKey(): Promise<string | undefined>;
}

/** A whole server at Hetzner. */
export interface Site extends Reach {
  readonly robot: Robot;
  /** A password as crypt(5) has it. */
  hash(password: string): Promise<string>;
}

/** The MD5 fingerprint of a public key, which is how Robot calls it: aa:bb:cc… */
export function fingerprint(key: string): string {
  const blob = Buffer.from(key.split(" ")[1] ?? "", "base64");
  return (createHash("md5").update(blob).digest("hex").match(/../g) ?? []).join(":");
}

async function scan(address: string): Promise<string | undefined> {
  const { stdout } = await run(["ssh-keyscan", "-T", "5", "-t", "ed25519", address]);
  return /^\S+ (ssh-ed25519 \S+)$/m.exec(stdout)?.[1];
}

/** A real machine. `target` is the way to it, its host key aside. */
export function realReach(clock: Clock, ssh: SshPool, target: Target): Reach {
  return {
    clock,
    run: (hostKey, command, options) => ssh.run({ ...target, hostKey }, command, { ...options, fresh: true }),
    shownKey: () => scan(target.host),
  };
}

/** The real world. `target` as of realReach. */
export function realSite(robot: Robot, clock: Clock, ssh: SshPool, target: Target): Site {
  return {
    ...realReach(clock, ssh, target),
    robot,
    // The password goes by the input: arguments are for everybody to read.
    hash: async (password) =>
      (
        await must("hash root's password", ["openssl", "passwd", "-6", "-stdin"], { input: `${password}\n` })
      ).trim(),
  };
}
