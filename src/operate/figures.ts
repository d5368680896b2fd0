/** What was measured of a stack and is on record on this computer: drills of its twin, hosts that were made anew. */
import { drillFolder, readDrills } from "../twin/drills/saved.ts";
import { twinRebuildings } from "../twin/rebuilt.ts";
import type { Records } from "../wiki/figures.ts";
import { readRebuildings, realRebuildings } from "./rebuild-record.ts";

/** Whether the caller may read what the twin has recorded: its files are root's. */
export const readsTwin = (): boolean => process.getuid?.() === 0;

/** The records that the caller may read. Throws a FarmError that names a file with something else in it. */
export const recordsOf = (stack: string): Records => ({
  drills: readsTwin() ? readDrills(drillFolder(stack)) : [],
  rebuildings: [
    ...(readsTwin() ? readRebuildings(twinRebuildings(stack)) : []),
    ...readRebuildings(realRebuildings(stack)),
  ],
});
