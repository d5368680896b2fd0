/** An administrator who is removed is out at once: SSH sessions end with the key that they were opened with. */
import { readFileSync } from "node:fs";
import { file, unit } from "../host/entries.ts";
import type { Contribution } from "../host/state.ts";

const UNIT = "farm-sessions.service";
const DIRECTORY = "/usr/local/lib/farm-ssh";
const PROGRAM = `${DIRECTORY}/sessions.py`;

const shipped = (name: string): string => readFileSync(new URL(`./base/${name}`, import.meta.url), "utf8");

/** What the base role adds for it. `keyFiles` are all files of authorised keys: when they change it looks for sessions. */
export const endedSessions = (keyFiles: readonly string[]) =>
  ({
    directories: [{ path: DIRECTORY, owner: "root:root", mode: "0755" }],
    files: [
      file(PROGRAM, shipped("sessions.py"), { mode: "0755" }),
      file(`/etc/systemd/system/${UNIT}`, shipped(UNIT)),
    ],
    units: [unit(UNIT, { restartOn: [...keyFiles, PROGRAM] })],
  }) satisfies Partial<Contribution>;
