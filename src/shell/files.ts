/** Files of the command line's own on this computer. */
import { renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Writes a small file so that a kill or an error leaves the old content or the new, never half of it, and so that another
 * process may write the same file meanwhile. `mode` is that of a new file, less what the umask takes.
 */
export function writeWhole(path: string, content: string, mode = 0o600): void {
  const aside = `${path}.${process.pid}.new`;
  try {
    writeFileSync(aside, content, { mode });
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}
