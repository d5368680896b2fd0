import { formatPatch, OMIT_HEADERS, structuredPatch } from "diff";

/** Lines shown around each change, as `diff -u` and git do. */
const CONTEXT = 3;

/**
 * The hunks of a unified patch between two texts whose lines all end with a newline. Each hunk's head ends with `name`,
 * where git names the function; "" when the texts are equal.
 */
export function hunks(before: string, after: string, name: string): string {
  if (before === after) return "";
  const patch = structuredPatch(name, name, before, after, undefined, undefined, { context: CONTEXT });
  return formatPatch(patch, OMIT_HEADERS).replace(/^@@ .* @@$/gm, (head) => `${head} ${name}`);
}
