/** The world as an installation meets it: Robot, the server over SSH, time. Tests put stand-ins. */
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

export interface Site {
  readonly robot: Robot;
  readonly clock: Clock;
  /** Runs a command on the server over a new connection that is pinned to a host key; code 255 where there is none. */
  run(hostKey: string, command: string, options?: RunOptions): Promise<Result>;
  /** The Ed25519 host key that the server shows just now, proven by nobody: "ssh-ed25519 AAAA…"; undefined if none answers. */
  shownKey(): Promise<string | undefined>;
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

/** The real world. `target` is the way to the server, its host key aside. */
export function realSite(robot: Robot, clock: Clock, ssh: SshPool, target: Target): Site {
  return {
    robot,
    clock,
    run: (hostKey, command, options) => ssh.run({ ...target, hostKey }, command, { ...options, fresh: true }),
    shownKey: () => scan(target.host),
    // The password goes by the input: arguments are for everybody to read.
    hash: async (password) =>
      (
        await must("hash root's password", ["openssl", "passwd", "-6", "-stdin"], { input: `${password}\n` })
      ).trim(),
  };
}
