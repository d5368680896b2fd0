/**
 * What a stream of writes and reads recorded, compared with what the database has afterwards. Pure. Times are
 * milliseconds since 1970 of one clock, which all machines of a twin share, so records of several hosts can be compared.
 */

/**
 * How an attempt ended: `ok` was acknowledged; `refused`: the server said no; `doubt`: the connection broke after the
 * statement was sent, so it may have happened or not; `unsent`: there was no connection to send it by.
 */
export type Outcome = "ok" | "refused" | "doubt" | "unsent";

export interface Attempt {
  readonly writer: number;
  /** Counts up for each writer; no number is tried twice. */
  readonly n: number;
  readonly began: number;
  readonly ended: number;
  readonly outcome: Outcome;
  /** What the answer was, where it was not `ok`. */
  readonly error: string;
}

export interface Read {
  readonly reader: number;
  readonly began: number;
  readonly ended: number;
  /** The highest number of each writer that it saw, writers without any left out; null when the read failed. */
  readonly seen: Readonly<Record<string, number>> | null;
  readonly error: string;
}

export interface StreamRecord {
  readonly attempts: readonly Attempt[];
  readonly reads: readonly Read[];
}

/** One copy of the data: how often it has each row. */
export interface Copy {
  readonly host: string;
  readonly counts: ReadonlyMap<string, number>;
}

/** The name of a row in a Copy. */
export const rowKey = (writer: number, n: number): string => `${writer}:${n}`;

/** A stretch of time, milliseconds since 1970. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What came out. Counts, unless said otherwise. */
export interface Checked {
  readonly attempts: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly inDoubt: number;
  readonly unsent: number;
  /** Not acknowledged, and neither was the same writer's next attempt: what one retry would not have helped. */
  readonly failedTwice: number;
  readonly reads: number;
  readonly failedReads: number;
  /** Acknowledged, and missing in at least one copy. */
  readonly lost: number;
  /** Rows that a copy has more than once. */
  readonly doubled: number;
  /** Refused, and there all the same. */
  readonly undead: number;
  /** Reads that saw less than had been acknowledged when they began. */
  readonly stale: number;
  /** Rows of which not all copies have the same number. */
  readonly differing: number;
  /** Longest time without an acknowledged write, seconds, up to the end of the stream: a hanging attempt counts. */
  readonly gap: number;
  /** Acknowledged writes that both began and ended while the fault was in force. */
  readonly duringFault: number;
  /** Acknowledged writes that began after the fault was undone. */
  readonly afterFault: number;
  /** What was not acknowledged, by answer. */
  readonly errors: Readonly<Record<string, number>>;
  /** The first few of all that should not be, in words. */
  readonly examples: readonly string[];
}

const EXAMPLES = 5;

function longestGap(attempts: readonly Attempt[], acknowledged: readonly Attempt[]): number {
  const started = attempts.reduce((least, a) => Math.min(least, a.began), Number.POSITIVE_INFINITY);
  const ended = attempts.reduce((most, a) => Math.max(most, a.ended), Number.NEGATIVE_INFINITY);
  const times = [started, ...acknowledged.map((a) => a.ended).sort((a, b) => a - b), ended];
  return Math.max(0, ...consecutive(times)) / 1000;
}

/** Differences between neighbours. */
function consecutive(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

/** For one writer: the highest number that had been acknowledged before a time. */
function acknowledgedBefore(good: readonly Attempt[]): (time: number) => number {
  const sorted = [...good].sort((a, b) => a.ended - b.ended);
  return (time) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle]?.ended ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return sorted[low - 1]?.n ?? 0;
  };
}

/** Counts the attempts that failed and whose writer failed again right afterwards. */
function failedTwice(attempts: readonly Attempt[]): number {
  const failed = new Set(attempts.filter((a) => a.outcome !== "ok").map((a) => rowKey(a.writer, a.n)));
  return attempts.filter(
    ({ writer, n }) => failed.has(rowKey(writer, n)) && failed.has(rowKey(writer, n + 1)),
  ).length;
}

function staleReads(reads: readonly Read[], good: readonly Attempt[]): string[] {
  const byWriter = Map.groupBy(good, (a) => a.writer);
  const known = [...byWriter].map(([writer, own]) => [writer, acknowledgedBefore(own)] as const);
  return reads.flatMap(({ reader, began, seen }) => {
    if (seen === null) return [];
    const behind = known.find(([writer, before]) => (seen[writer] ?? 0) < before(began));
    if (behind === undefined) return [];
    const [writer, before] = behind;
    return [
      `stale: reader ${reader} at ${began} saw ${seen[writer] ?? 0} of writer ${writer}, acknowledged was ${before(began)}`,
    ];
  });
}

function differingRows(copies: readonly Copy[]): string[] {
  const keys = new Set(copies.flatMap(({ counts }) => [...counts.keys()]));
  return [...keys]
    .filter((key) => new Set(copies.map(({ counts }) => counts.get(key) ?? 0)).size > 1)
    .map(
      (key) => `differs: row ${key}: ${copies.map((c) => `${c.host} ${c.counts.get(key) ?? 0}`).join(", ")}`,
    );
}

function countBy(texts: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(texts, (text) => text)].map(([text, all]) => [text, all.length]));
}

/**
 * Compares a record with the copies that the cluster's members have. Attempts that are in doubt may be there or not.
 * @param fault when the fault was in force: from when all of it was there until its undoing began
 */
export function checkRecord(
  { attempts, reads }: StreamRecord,
  copies: readonly Copy[],
  fault: Stretch,
): Checked {
  const ofOutcome = (outcome: Outcome): Attempt[] => attempts.filter((a) => a.outcome === outcome);
  const good = ofOutcome("ok");
  const refused = ofOutcome("refused");
  const count = (copy: Copy, a: Attempt): number => copy.counts.get(rowKey(a.writer, a.n)) ?? 0;
  const lost = good.flatMap((a) => {
    const without = copies.filter((copy) => count(copy, a) === 0).map((copy) => copy.host);
    return without.length === 0
      ? []
      : [`lost: row ${rowKey(a.writer, a.n)}, acknowledged at ${a.ended}, is not on ${without.join(", ")}`];
  });
  const doubled = copies.flatMap(({ host, counts }) =>
    [...counts]
      .filter(([, times]) => times > 1)
      .map(([key, times]) => `doubled: ${host} has ${key} ${times} times`),
  );
  const undead = refused
    .filter((a) => copies.some((copy) => count(copy, a) > 0))
    .map((a) => `refused yet there: row ${rowKey(a.writer, a.n)}, ${a.error}`);
  const stale = staleReads(reads, good);
  const differing = differingRows(copies);
  return {
    attempts: attempts.length,
    acknowledged: good.length,
    refused: refused.length,
    inDoubt: ofOutcome("doubt").length,
    unsent: ofOutcome("unsent").length,
    failedTwice: failedTwice(attempts),
    reads: reads.length,
    failedReads: reads.filter((read) => read.seen === null).length,
    lost: lost.length,
    doubled: doubled.length,
    undead: undead.length,
    stale: stale.length,
    differing: differing.length,
    gap: longestGap(attempts, good),
    duringFault: good.filter((a) => a.began >= fault.from && a.ended <= fault.to).length,
    afterFault: good.filter((a) => a.began > fault.to).length,
    errors: countBy(attempts.filter((a) => a.outcome !== "ok").map((a) => a.error)),
    examples: [lost, doubled, undead, stale, differing].flatMap((found) => found.slice(0, EXAMPLES)),
  };
}

/** What a drill expects beyond what every drill does. */
export interface Expectation {
  /** It must lose acknowledged writes: the control that shows that a loss would be seen. */
  readonly loses?: boolean;
  /** Nothing may be acknowledged while the fault is in force. */
  readonly blocks?: boolean;
  /** Some attempts must fail: a fault that the database may not notice at all has shown nothing then. */
  readonly bites?: boolean;
  /** What failed must have gone through when its client tried once more. */
  readonly oneRetry?: boolean;
}

/** What is not as expected, in words; empty when the drill passed. */
export function judge(
  checked: Checked,
  { loses = false, blocks = false, bites = false, oneRetry = false }: Expectation,
): string[] {
  const failures: string[] = [];
  const refuse = (count: number, what: string): void => {
    if (count > 0) failures.push(`${count} ${what}`);
  };
  if (!loses) {
    refuse(checked.lost, "acknowledged writes are lost");
    // A read after a loss is behind the record for good, so where there must be one it says nothing.
    refuse(checked.stale, "reads saw less than was acknowledged before them");
  } else if (checked.lost === 0) failures.push("nothing was lost, so this check could not see a loss");
  refuse(checked.doubled, "rows are doubled");
  refuse(checked.undead, "writes were refused and are there all the same");
  refuse(checked.differing, "rows differ between members");
  if (blocks) refuse(checked.duringFault, "writes were acknowledged although no member had a majority");
  if (oneRetry) refuse(checked.failedTwice, "writes failed, and so did the next try");
  if (bites && checked.acknowledged === checked.attempts)
    failures.push("every write was acknowledged, so the database has not noticed the fault");
  if (checked.afterFault === 0) failures.push("no write was acknowledged after the fault was undone");
  return failures;
}
