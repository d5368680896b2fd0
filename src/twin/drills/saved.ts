/** The results of drills that this computer has kept (results.ts), as far as others show them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FarmError } from "../../shell/errors.ts";
import { stackLayout } from "../machines/layout.ts";

const savedSchema = z.object({
  cluster: z.string(),
  runs: z.array(
    z.object({
      drill: z.string(),
      /** ISO 8601. */
      began: z.iso.datetime(),
      /** Seconds from the beginning of the undoing until all members were at work. */
      wholeAfter: z.number().nullable(),
      checked: z
        .object({
          acknowledged: z.int(),
          lost: z.int(),
          /** Longest time without an acknowledged write, seconds. */
          gap: z.number(),
        })
        .nullable(),
      /** What was not as expected; empty when the drill passed. */
      failures: z.array(z.string()),
    }),
  ),
});

/** What one `farm drill` has left. */
export type SavedDrills = z.output<typeof savedSchema>;

/** Where the results of a stack's drills lie. */
export const drillFolder = (stack: string): string => join(stackLayout(stack).state, "drills");

/** All of a folder, the earliest first; none where it is not there. Throws a FarmError that names a file which is none of these. */
export function readDrills(folder: string): SavedDrills[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return files.sort().map((name) => {
    const path = join(folder, name);
    try {
      return savedSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
      throw new FarmError(`${path} has no results of drills`, "remove it");
    }
  });
}
