import type { FileState, UnitState } from "./state.ts";

/** A file of root's that all may read, unless `more` says otherwise. */
export const file = (path: string, content: string, more: Partial<FileState> = {}): FileState => ({
  path,
  owner: "root:root",
  mode: "0644",
  content,
  ...more,
});

/** A unit that runs and starts at boot, unless `more` says otherwise. */
export const unit = (name: string, more: Partial<UnitState> = {}): UnitState => ({
  name,
  state: "running",
  enabled: true,
  restartOn: [],
  reloadOn: [],
  ...more,
});
