/** Asks hosts, all at once, in what they differ from what was applied to them. Reads only. */
import { diffLines } from "diff";
import { hostPlan } from "../../plan/plan.ts";
import { FarmError } from "../../shell/errors.ts";
import { askAgent } from "../ask-agent.ts";
import type { Farm } from "../farm.ts";
import { keepSightings, readSightings, type Sighting } from "./sightings.ts";

/** One thing that somebody changed. */
export interface Finding {
  /** Which kind of thing: file, mode, owner, link, directory, unit, package, account, key, port, firewall and so on. */
  readonly kind: string;
  readonly name: string;
  /** In one line. */
  readonly what: string;
  /** Unified diff from what was applied, or found when the farm took over, to what is there. */
  readonly diff: string | null;
}

/** The answer of `farm-agent drift`. */
interface Answer {
  readonly applied: string | null;
  readonly appliedAt?: string;
  readonly commit?: string | null;
  readonly differences: readonly Finding[];
  readonly notes: readonly string[];
  /** What is under way there and may be the reason of differences. */
  readonly changing: string | null;
}

export interface HostSeen {
  readonly host: string;
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  readonly changing: string | null;
  /** Lines in which the bundle that was applied and the declared one differ; null when nothing was ever applied. */
  readonly waiting: number | null;
}

export interface HostMissed {
  readonly host: string;
  /** Why it could not be asked. */
  readonly why: string;
  /** How it was when it last could; absent when this computer has never seen it. */
  readonly last?: Omit<Sighting, "bundle"> & {
    /** As `waiting` of a host that was seen. */
    readonly waiting: number;
    /** Commits between the one that was applied and the present one; absent where that can't be told. */
    readonly commits?: number;
  };
}

export interface Drift {
  readonly stack: string;
  /** In the order of the inventory. */
  readonly seen: readonly HostSeen[];
  readonly missed: readonly HostMissed[];
  readonly seconds: number;
}

/** Counts the commits of the program since one; undefined where that can't be told. */
type CommitsSince = (commit: string) => number | undefined;

/** Seconds for a host's answer. It takes a tenth of one; a host that is being changed is slower. */
const ANSWER_LIMIT = 40;
/** The bundle that a host was given last, as its agent keeps it. */
const APPLIED = "/var/lib/farm/applied.bundle";

/** Lines that were changed from one bundle to another, their last one apart, which counts them: 0 for equal ones. */
export function changedLines(before: string, after: string): number {
  const [from, to] = [before, after].map((bundle) => bundle.replace(/^end \d+\n$/m, ""));
  const parts = diffLines(from ?? "", to ?? "");
  const count = (side: "added" | "removed"): number =>
    parts.reduce((sum, part) => sum + (part[side] ? part.count : 0), 0);
  return Math.max(count("added"), count("removed"));
}

async function see(
  farm: Farm,
  host: string,
  known: Sighting | undefined,
): Promise<{ seen: HostSeen; sighting?: Sighting }> {
  const answer = await askAgent<Answer>(farm, host, "drift", { limit: ANSWER_LIMIT });
  const { applied, appliedAt = "", commit, differences: findings, notes, changing } = answer;
  const seen = { host, findings, notes, changing };
  if (applied === null) return { seen: { ...seen, waiting: null } };
  const declared = hostPlan(farm.plan, host);
  const bundle =
    [declared, known].find((each) => each?.sha256 === applied)?.bundle ?? (await appliedBundle(farm, host));
  const sighting = {
    seenAt: new Date().toISOString(),
    appliedAt,
    sha256: applied,
    bundle,
    ...(commit ? { commit } : {}),
  };
  return { seen: { ...seen, waiting: changedLines(bundle, declared.bundle) }, sighting };
}

async function appliedBundle(farm: Farm, host: string): Promise<string> {
  const { code, stdout, stderr } = await farm.ssh.run(farm.target(host), `cat ${APPLIED}`, {
    limit: ANSWER_LIMIT,
  });
  if (code !== 0) throw new FarmError(`${host}: ${stderr.trim()}`);
  return stdout;
}

function miss(
  farm: Farm,
  host: string,
  why: string,
  known: Sighting | undefined,
  commitsSince: CommitsSince,
): HostMissed {
  if (known === undefined) return { host, why };
  const { bundle, ...last } = known;
  const commits = last.commit === undefined ? undefined : commitsSince(last.commit);
  const waiting = changedLines(bundle, hostPlan(farm.plan, host).bundle);
  return { host, why, last: { ...last, waiting, ...(commits === undefined ? {} : { commits }) } };
}

/** Asks hosts, by name, and keeps what was seen of them. Those that can't be asked are part of the answer. */
export async function askDrift(
  farm: Farm,
  hosts: readonly string[],
  commitsSince: CommitsSince,
): Promise<Drift> {
  const began = performance.now();
  const known = readSightings(farm.sightings);
  const sightings: Record<string, Sighting> = {};
  const ask = async (host: string): Promise<HostSeen | HostMissed> => {
    try {
      const { seen, sighting } = await see(farm, host, known[host]);
      if (sighting) sightings[host] = sighting;
      return seen;
    } catch (error) {
      if (!(error instanceof FarmError)) throw error;
      // As ssh ends its lines for a terminal.
      const why = error.message.replaceAll("\r", "").trim();
      return miss(farm, host, why, known[host], commitsSince);
    }
  };
  const answers = await Promise.all(hosts.map(ask));
  keepSightings(farm.sightings, sightings);
  return {
    stack: farm.stack,
    seen: answers.filter((answer) => "findings" in answer),
    missed: answers.filter((answer) => "why" in answer),
    seconds: (performance.now() - began) / 1000,
  };
}
