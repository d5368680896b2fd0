/** Files of the command line's own on this computer. */
import { renameSync, writeFileSync } from "node:fs";

/**
 * Writes a small file (0600) so that a kill leaves the old content or the new, never half of it, and so that another
 * process may write the same file meanwhile.
 */
export function writeWhole(path: string, content: string): void {
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, content, { mode: 0o600 });
  renameSync(aside, path);
}
