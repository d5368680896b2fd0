/**
 * Ends a test file's process that hangs on after the time limit of its tests. The runner's own limit ends tests only: a
 * program that a failed test left running keeps the file's process alive, and with it the whole run. Loaded into each
 * file's process by scripts/test. The runner's `--test-force-exit` is no way: it loses results of files that are well.
 */
import { spawnSync } from "node:child_process";

const MINUTES = 46;

if (process.env.NODE_TEST_CONTEXT !== undefined)
  setTimeout(() => {
    process.stderr.write(`${process.argv[1]}: still running after ${MINUTES} minutes, ended\n`);
    // They hold the streams that the runner reads to their end.
    spawnSync("pkill", ["-KILL", "--parent", String(process.pid)]);
    process.exit(1);
  }, MINUTES * 60_000).unref();
