/** First contact with a machine that nobody gave the farm's SSH host key when it was made. */
import { hostKeyCommand } from "../host/host-key.ts";
import { FarmError } from "../shell/errors.ts";
import type { Target } from "../shell/ssh.ts";
import { lastLines } from "../twin/machines/run.ts";
import { type Farm, namedHost } from "./farm.ts";

const PUBLIC_KEY = /^ssh-ed25519 [A-Za-z0-9+/=]+( [^\n]*)?$/;

/** What ssh ends with when it can't connect, or the host shows another key than the pinned one. */
const NO_CONNECTION = 255;

async function step(farm: Farm, target: Target, verb: "turn" | "keep", key: object): Promise<void> {
  const input = JSON.stringify(key);
  const { code, stderr } = await farm.ssh.run(target, hostKeyCommand(verb), {
    input,
    fresh: true,
    limit: 60,
  });
  if (code === 0) return;
  throw new FarmError(
    `${target.host}: ${lastLines(stderr, 5)}`,
    code === NO_CONNECTION
      ? "it has to let you in as root by your SSH key, and show the host key that you gave; then run this again"
      : undefined,
  );
}

/**
 * Gives a host the SSH host key by which the farm knows it, over a connection that is pinned to the key that it shows now:
 * `present`, the line of its /etc/ssh/ssh_host_ed25519_key.pub as its provider's console shows it. Run again after an
 * interruption it goes on; where it was done it changes nothing. Throws a FarmError: with exit code 2 for a guest, which its
 * Proxmox host gives its key, and for what is no key; with 1 when the host can't be reached by that key.
 */
export async function bootstrap(farm: Farm, id: string, present: string): Promise<void> {
  const host = namedHost(farm, id);
  if (host.origin.kind === "guest")
    throw new FarmError(
      `${id} is a guest: ${host.origin.parent} gives it its host key when it makes it`,
      "run the program",
      2,
    );
  if (!PUBLIC_KEY.test(present))
    throw new FarmError(
      "that is no public key of a host",
      "on the provider's console of the machine: cat /etc/ssh/ssh_host_ed25519_key.pub",
      2,
    );
  const target = farm.target(id);
  const key = farm.keys.sshHostKey(id);
  const known = await farm.ssh.run(target, "true", { fresh: true, limit: 60 });
  if (known.code !== 0) await step(farm, { ...target, hostKey: present }, "turn", key);
  await step(farm, target, "keep", { publicKey: key.publicKey });
  process.stdout.write(`${id} shows the farm's SSH host key: the program can reach it.\n`);
}
