/** A Proxmox host, as far as making guests needs it: the program that drives `pct`. */
import { readFileSync } from "node:fs";
import type { HostRole } from "./role.ts";

export const GUEST_PROGRAM = "/usr/local/lib/farm/guest";
const source = readFileSync(new URL("./hypervisor/guest.py", import.meta.url), "utf8");

export const hypervisor: HostRole = () => ({
  role: "hypervisor",
  files: [
    {
      path: GUEST_PROGRAM,
      owner: "root:root",
      mode: "0755",
      content: source,
      validate: "python3 %s --help >/dev/null",
    },
  ],
});
