/** `farm history`: what a host says was applied to it, when, from which commit and by whom. Reads only. */
import { subjectOf } from "../shell/commit.ts";
import { askAgent } from "./ask-agent.ts";
import { type Farm, namedHost } from "./farm.ts";
import { printHistory } from "./history-view.ts";

/** One change as the host wrote it down (src/host/agent/history.py). */
export interface HistoryEntry {
  /** When it ended, ISO 8601 in UTC. */
  readonly at: string;
  readonly kind: "applied" | "rolled back" | "went back" | "not confirmed" | "failed" | "prepared";
  /** Of the bundle, hex. */
  readonly sha256: string;
  /** Commit of the program that made the bundle; `+changes` at its end: from files that differed from it. */
  readonly commit: string;
  /** An administrator's name, the fingerprint of a key that is nobody's, `unknown`, or `the host itself`. */
  readonly by: string;
  /** The address they came from; null for what was called on the host itself. */
  readonly from: string | null;
  /** The first 50 of the `count` things that changed or were to change. */
  readonly changes: readonly string[];
  readonly count: number;
  readonly seconds: number;
  /** Of what did not end well. */
  readonly why?: string;
}

/** A bundle that the host still has; number 0 is the present one, 1 that before it. */
export interface KeptBundle {
  readonly number: number;
  readonly sha256: string;
  readonly commit: string;
  /** When it was applied last. */
  readonly at: string;
}

export interface History {
  readonly host: string;
  /** The bundle that counts as the host's state, hex; null on a host that never saw one through. */
  readonly applied: string | null;
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly bundles: readonly KeptBundle[];
}

/** Prints the history of a host, for people or as JSON. Throws as askAgent does, or when there is no such host. */
export async function history(farm: Farm, name: string, json: boolean): Promise<void> {
  const { id } = namedHost(farm, name);
  const found = await askAgent<History>(farm, id, "history");
  process.stdout.write(
    json ? `${JSON.stringify(found, null, 1)}\n` : printHistory(found, subjectOf, new Date()),
  );
}
