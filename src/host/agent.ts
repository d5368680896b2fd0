/** The agent as it travels: its Python modules as one text, and the command that puts them in place. */
import { readdirSync, readFileSync } from "node:fs";

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

/** Installs the agent from its text on stdin. Python is all that it needs; a container template may come without it. */
export const INSTALL_AGENT = `set -e
command -v python3 >/dev/null || { apt-get -q update && apt-get -qy install --no-install-recommends python3; }
exec python3 -c '${source(INSTALLER)}'`;
