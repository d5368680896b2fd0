/** Every host looks for drift of its own, and keeps what it finds where monitoring reads it. */
import { AGENT } from "../host/agent.ts";
import { file, unit } from "../host/entries.ts";
import type { Contribution } from "../host/state.ts";

const UNIT = "farm-drift";
/** Open to all: what lies here are names and one line each. */
const DIRECTORY = "/var/lib/farm-status";

/**
 * The last result of a host: JSON with `host`, `time` (UTC), `applied` (SHA-256 of the bundle), `differences` (`kind`, `name`,
 * `what`) and `unhealthy` (probes and units that say no). One that is older than an hour means that the check does not run.
 */
export const DRIFT_RESULT = `${DIRECTORY}/drift.json`;

// What it finds is no failure of the service. Its output has diffs, which are for administrators alone.
const SERVICE = `[Unit]
Description=Look for what was changed on this host by hand

[Service]
Type=oneshot
ExecStart=${AGENT} drift --keep ${DRIFT_RESULT}
StandardOutput=null
TimeoutStartSec=2min
Nice=10
IOSchedulingClass=idle
`;

const TIMER = `[Unit]
Description=Look for what was changed on this host by hand, every quarter of an hour

[Timer]
OnCalendar=*:0/15
RandomizedDelaySec=10min

[Install]
WantedBy=timers.target
`;

/** What the base role adds for it. */
export const selfCheck = {
  directories: [{ path: DIRECTORY, owner: "root:root", mode: "0755" }],
  files: [
    file(`/etc/systemd/system/${UNIT}.service`, SERVICE),
    file(`/etc/systemd/system/${UNIT}.timer`, TIMER),
  ],
  units: [unit(`${UNIT}.timer`, { restartOn: [`/etc/systemd/system/${UNIT}.timer`] })],
} satisfies Partial<Contribution>;
