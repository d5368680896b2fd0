/** `farm map`: pictures of a stack, in a file. */
import { dirname, extname } from "node:path";
import { mapPage } from "../map/page.ts";
import { topologySvg } from "../map/topology.ts";
import type { Language } from "../map/words.ts";
import type { Plan } from "../plan/plan.ts";
import { FarmError } from "./errors.ts";
import { writeWhole } from "./files.ts";
import { previewPlan } from "./stack.ts";

/** What is drawn into a file, by how its name ends. */
const drawings: Readonly<Record<string, (plan: Plan, language?: Language) => string>> = {
  ".svg": (plan, language = "en") => topologySvg(plan, language),
  ".html": mapPage,
};

/**
 * Draws a stack into a file, which is written whole or not at all: as .svg what stands where, as .html all pictures.
 * Throws a FarmError (exit code 2) when there is no such stack, the name ends otherwise, or the file can't be written.
 */
export function drawMap(stack: string, file: string, language?: Language): void {
  const draw = drawings[extname(file)];
  if (draw === undefined)
    throw new FarmError(
      `"${file}" ends neither in .svg nor in .html`,
      "name a file such as map.svg for the topology alone, or map.html for all pictures",
      2,
    );
  const text = draw(previewPlan(stack), language);
  try {
    // For anybody to read, as far as the umask lets them: it holds no secret.
    writeWhole(file, text, 0o666);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FarmError(
      code === "ENOENT" || code === "ENOTDIR"
        ? `there is no folder "${dirname(file)}"`
        : `"${file}" can't be written: ${code}`,
      "nothing was written; name a file in a folder that is there and that you may write to",
      2,
    );
  }
}
