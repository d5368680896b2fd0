/** agent_lock.py, by which daemons of database clusters know that their host is being changed. */
import { readFileSync } from "node:fs";

export const agentLock = readFileSync(new URL("./agent_lock.py", import.meta.url), "utf8");
