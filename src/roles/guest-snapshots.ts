/** Snapshots of the files that guests have on mounts: sanoid takes them every hour, and removes old ones. */
import { readFileSync } from "node:fs";
import { file, unit } from "../host/entries.ts";
import type { Contribution } from "../host/state.ts";
import { guestsOf } from "../inventory/capacity.ts";
import { PROGRAMS } from "./hypervisor.ts";
import type { RoleContext } from "./role.ts";

const DECLARED = "/etc/farm/guest-snapshots.json";
const PROGRAM = `${PROGRAMS}/guest-snapshots`;
const source = readFileSync(new URL("./hypervisor/snapshots.py", import.meta.url), "utf8");

/**
 * Debian's unit is skipped without a configuration, which the program is yet to write. Where it finds nothing to take
 * snapshots of, the run is skipped.
 */
const DROP_IN = `[Unit]
ConditionFileNotEmpty=

[Service]
ExecCondition=${PROGRAM}
`;

/** What is declared, sorted by guest and path. A mount of which no snapshot is to be kept is left out. */
function declared({ inventory, host }: RoleContext): object[] {
  return guestsOf(inventory, host.id).flatMap(({ origin }) =>
    origin.kind === "guest"
      ? origin.mounts
          .filter(({ snapshots }) => Object.values(snapshots).some((kept) => kept > 0))
          .map(({ path, snapshots }) => ({ vmid: origin.vmid, path, snapshots }))
      : [],
  );
}

/**
 * What a Proxmox host needs so that snapshots of its guests' mounts are taken; nothing where none are declared. Its probe
 * tells that they are taken at all; `sanoid --monitor-snapshots` there tells how old the newest are.
 */
export function guestSnapshots(context: RoleContext): Contribution[] {
  const mounts = declared(context);
  if (mounts.length === 0) return [];
  return [
    {
      role: "snapshots of guests",
      packages: ["sanoid"],
      directories: [{ path: "/etc/farm", owner: "root:root", mode: "0755" }],
      files: [
        file(DECLARED, `${JSON.stringify(mounts, undefined, 2)}\n`),
        file(PROGRAM, source, { mode: "0755" }),
        file("/etc/systemd/system/sanoid.service.d/60-farm.conf", DROP_IN),
      ],
      units: [unit("sanoid.timer")],
      probes: [
        {
          name: "snapshots of guests are taken",
          command: "systemctl is-active --quiet sanoid.timer && ! systemctl is-failed --quiet sanoid.service",
          within: 10,
        },
      ],
    },
  ];
}
