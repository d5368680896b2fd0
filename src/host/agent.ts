/** The agent as it travels: its Python modules as one text, and the command that puts them in place. */
import { readdirSync, readFileSync } from "node:fs";
import type { Keys } from "../plan/keys.ts";
import type { HostPlan } from "../plan/plan.ts";

/** Where the agent is called on a host. */
export const AGENT = "/usr/local/sbin/farm-agent";

const folder = new URL("./agent/", import.meta.url);
const source = (name: string): string => readFileSync(new URL(name, folder), "utf8");
const INSTALLER = "install.py";

/** All modules of the agent, each after a line `#: NAME.py`: the input of INSTALL_AGENT. */
export const agentText: string = readdirSync(folder)
  .filter((name) => name.endsWith(".py") && name !== INSTALLER)
  .sort()
  .map((name) => `#: ${name}\n${source(name)}`)
  .join("");

/**
 * Installs the agent from its text on stdin, and hands it what follows after a line `#! secrets`, if that comes. Python is
 * all that it needs; a container template may come without it.
 */
export const INSTALL_AGENT = `set -e
command -v python3 >/dev/null || { apt-get -q update && apt-get -qy install --no-install-recommends python3; }
exec python3 -c '${source(INSTALLER)}'`;

/** The input of INSTALL_AGENT for a host: the agent and the host's secrets, and so a secret itself. */
export const agentAndSecrets = (plan: HostPlan, keys: Keys, given: GivenSecrets = {}): string =>
  `${agentText}#! secrets\n${secretsFor(plan, keys, given)}`;

/** Secrets by name that derive from no key alone: what somebody else made has its part in them. */
export type GivenSecrets = Readonly<Record<string, string>>;

/** A host's secrets as `farm-agent secrets` takes them on stdin: JSON, and a secret itself. */
export function secretsFor({ host, secrets }: HostPlan, keys: Keys, given: GivenSecrets = {}): string {
  const each = <T>(value: (name: string) => T) =>
    Object.fromEntries(secrets.map((name) => [name, value(name)]));
  const values = each((name) => given[name] ?? keys.secret(name));
  return JSON.stringify({ host: host.id, secrets: values, generations: each(keys.generation) });
}
