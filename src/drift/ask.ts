/** Asks hosts, all at once, in what they differ from what was applied to them. Reads only. */
import { AGENT } from "../host/agent.ts";
import { hostPlan, type Plan } from "../plan/plan.ts";
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

/** A farm whose hosts can be asked, be it the real one or a twin. */
export interface Askable<Target> {
  readonly plan: Plan;
  readonly ssh: {
    /** Runs a command; throws when the host can't be reached. `limit` in seconds. */
    run(
      target: Target,
      command: string,
      options: { limit: number },
    ): Promise<{ code: number; stdout: string; stderr: string }>;
  };
  readonly target: (host: string) => Target;
}

export interface AskOptions {
  /** The hosts to ask, by name. */
  readonly hosts: readonly string[];
  /** Where sightings are kept. */
  readonly sightings: string;
  /** Counts the commits of the program since one; undefined where that can't be told. */
  readonly commitsSince: (commit: string) => number | undefined;
}

/** Seconds for a host's answer. It takes a tenth of one; a host that is being changed is slower. */
const ANSWER_LIMIT = 40;
/** The bundle that a host was given last, as its agent keeps it. */
const APPLIED = "/var/lib/farm/applied.bundle";

/** A bundle's lines, without the last one, which counts them. */
const linesOf = (bundle: string): string[] => bundle.split("\n").filter((line) => !/^end \d+$/.test(line));

/** Lines that two bundles do not share, on the side that has more of them: 0 for equal ones. */
export function changedLines(before: string, after: string): number {
  const counts = new Map<string, number>();
  for (const line of linesOf(before)) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of linesOf(after)) counts.set(line, (counts.get(line) ?? 0) - 1);
  const sides = [...counts.values()];
  const removed = sides.reduce((sum, n) => sum + Math.max(n, 0), 0);
  const added = sides.reduce((sum, n) => sum + Math.max(-n, 0), 0);
  return Math.max(removed, added);
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

/** The output of a command on a host. Throws an Error that says why there is none. */
async function output<T>(farm: Askable<T>, host: string, command: string): Promise<string> {
  const { code, stdout, stderr } = await farm.ssh.run(farm.target(host), command, { limit: ANSWER_LIMIT });
  if (code !== 0)
    throw new Error(
      `\`${command}\` ended with ${code}: ${lastLine(stderr) || lastLine(stdout) || "no word"}`,
    );
  return stdout;
}

async function see<T>(
  farm: Askable<T>,
  host: string,
  known: Sighting | undefined,
): Promise<{ seen: HostSeen; sighting?: Sighting }> {
  const answer: Answer = JSON.parse(lastLine(await output(farm, host, `${AGENT} drift`)));
  const { applied, appliedAt = "", commit, differences: findings, notes, changing } = answer;
  const seen = { host, findings, notes, changing };
  if (applied === null) return { seen: { ...seen, waiting: null } };
  const declared = hostPlan(farm.plan, host);
  const texts = [
    { sha256: declared.sha256, bundle: declared.bundle },
    ...(known === undefined ? [] : [known]),
  ];
  const bundle =
    texts.find((text) => text.sha256 === applied)?.bundle ?? (await output(farm, host, `cat ${APPLIED}`));
  const sighting = {
    seenAt: new Date().toISOString(),
    appliedAt,
    sha256: applied,
    bundle,
    ...(commit ? { commit } : {}),
  };
  return { seen: { ...seen, waiting: changedLines(bundle, declared.bundle) }, sighting };
}

function miss<T>(
  farm: Askable<T>,
  host: string,
  why: string,
  known: Sighting | undefined,
  commitsSince: AskOptions["commitsSince"],
): HostMissed {
  if (known === undefined) return { host, why };
  const { bundle, ...last } = known;
  const commits = last.commit === undefined ? undefined : commitsSince(last.commit);
  const waiting = changedLines(bundle, hostPlan(farm.plan, host).bundle);
  return { host, why, last: { ...last, waiting, ...(commits === undefined ? {} : { commits }) } };
}

/** Asks the hosts and keeps what was seen of them. Hosts that can't be asked are part of the answer. */
export async function askDrift<T>(farm: Askable<T>, options: AskOptions): Promise<Drift> {
  const began = performance.now();
  const known = readSightings(options.sightings);
  const seen: HostSeen[] = [];
  const missed: HostMissed[] = [];
  const sightings: Record<string, Sighting> = {};
  const ask = async (host: string): Promise<void> => {
    try {
      const found = await see(farm, host, known[host]);
      seen.push(found.seen);
      if (found.sighting) sightings[host] = found.sighting;
    } catch (error) {
      missed.push(miss(farm, host, (error as Error).message, known[host], options.commitsSince));
    }
  };
  await Promise.all(options.hosts.map(ask));
  keepSightings(options.sightings, sightings);
  const order = ({ host }: { host: string }): number => options.hosts.indexOf(host);
  const sorted = <H extends { host: string }>(list: H[]): H[] => list.sort((a, b) => order(a) - order(b));
  return {
    stack: farm.plan.inventory.stack,
    seen: sorted(seen),
    missed: sorted(missed),
    seconds: (performance.now() - began) / 1000,
  };
}
