/** A Proxmox host, as far as making guests needs it: the program that drives `pct` and `qm`. */
import { readFileSync } from "node:fs";
import { file } from "../host/entries.ts";
import type { HostRole } from "./role.ts";

export const PROGRAMS = "/usr/local/lib/farm";
export const GUEST_PROGRAM = `${PROGRAMS}/guest`;

const shipped = (name: string): string =>
  readFileSync(new URL(`./hypervisor/${name}`, import.meta.url), "utf8");
/** Parts of it, which Python finds beside it. */
const modules = ["guest_mounts.py", "guest_tool.py", "guest_vm.py"];

export const hypervisor: HostRole = () => ({
  role: "hypervisor",
  files: [
    file(GUEST_PROGRAM, shipped("guest.py"), { mode: "0755", validate: "python3 %s --help >/dev/null" }),
    ...modules.map((name) => file(`${PROGRAMS}/${name}`, shipped(name))),
  ],
});
