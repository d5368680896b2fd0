/** listener.py, by which members of database clusters answer their proxies. */
import { readFileSync } from "node:fs";

export const listener = readFileSync(new URL("./listener.py", import.meta.url), "utf8");
