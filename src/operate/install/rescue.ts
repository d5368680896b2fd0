/** The way into the rescue system: Robot lets it boot, and says by which key it is known. */
import type { Administrator } from "../../inventory/schema.ts";
import { FarmError } from "../../shell/errors.ts";
import { fingerprint, type Site } from "./site.ts";
import { awaitServer } from "./wait.ts";

/** Seconds from a reset until the rescue system answers: firmware and network boot take one to three minutes. */
const RESCUE_WITHIN = 600;

/** Type and key of a line of a .pub file, without its comment. */
const keyOf = (line: string): string => line.split(" ").slice(0, 2).join(" ");

/** Sees that Robot has the administrators' keys, and returns their fingerprints. Keys on hardware tokens it does not know. */
async function knownKeys({ robot }: Site, administrators: readonly Administrator[]): Promise<string[]> {
  const wanted = administrators.flatMap(({ name, keys }) =>
    keys.filter((key) => !key.startsWith("sk-")).map((key, index) => ({ name, index, key: keyOf(key) })),
  );
  if (wanted.length === 0)
    throw new FarmError(
      "no administrator has a key that Robot takes: those on hardware tokens (sk-…) can't open the rescue system",
      "add an ssh-ed25519 or ecdsa key to farms:administrators",
      2,
    );
  const there = await robot.keys.list();
  const fingerprints: string[] = [];
  for (const { name, index, key } of wanted) {
    const known = there.find(({ data }) => keyOf(data) === key);
    const { fingerprint } = known ?? (await robot.keys.add(`farm-${name}-${index + 1}`, key));
    fingerprints.push(fingerprint);
  }
  return fingerprints;
}

/**
 * Has a server boot the rescue system next, and returns the fingerprints of the SSH host keys that it will show. Throws a
 * FarmError if Robot names none: without them nobody could say whose system answers.
 */
export async function activateRescue(
  site: Site,
  number: number,
  administrators: readonly Administrator[],
): Promise<string[]> {
  const { rescue } = site.robot;
  const keys = await knownKeys(site, administrators);
  // One that is active already was made with keys that we don't know, and can't be activated again.
  if ((await rescue.get(number)).active) await rescue.deactivate(number);
  const { host_key } = await rescue.activate(number, keys);
  if (host_key.length === 0)
    throw new FarmError(
      `Robot has activated the rescue system of server ${number} and named no SSH host key for it`,
      "reset the server in Robot, read the key on its console (KVM): cat /etc/ssh/ssh_host_ed25519_key.pub, and run this again with --rescue-key 'ssh-ed25519 AAAA…'",
    );
  return host_key.map(({ key }) => key.fingerprint);
}

/** Waits until the server shows one of the keys and lets us in, and returns that host key. Throws a FarmError after 10 minutes. */
export function enterRescue(site: Site, known: readonly string[]): Promise<string> {
  const late = {
    message: "the rescue system does not let anybody in",
    remedy:
      "see that your SSH key is one of farms:administrators; if it does not boot at all, order a KVM console in Robot. Then run this again",
  };
  return awaitServer(
    site,
    RESCUE_WITHIN,
    () => late,
    async () => {
      const shown = await site.shownKey();
      if (shown === undefined || !known.includes(fingerprint(shown))) return undefined;
      const { code } = await site.run(shown, "true", { limit: 60 });
      return code === 0 ? shown : undefined;
    },
  );
}
