/** When a silent primary, and a silent standby, count as gone: the one place of all these times. */
import { FarmError } from "../../shell/errors.ts";

/** Seconds, by the names that Patroni has for them. */
export interface Timings {
  /** How long the right to write lasts unless it is renewed. Patroni takes nothing below 20. */
  readonly ttl: number;
  /** How often it is renewed, and how often a primary looks after its own process. */
  readonly loop_wait: number;
  /** How long etcd and PostgreSQL may be silent before a primary gives up. */
  readonly retry_timeout: number;
  /** 0: when its process died, a standby that has everything takes over at once, instead of waiting for the recovery. */
  readonly primary_start_timeout: number;
  /** After it a primary that is to stop is killed. */
  readonly primary_stop_timeout: number;
}

/** Measured on booted machines: the primary's machine cut off 21 s without writes; 30/10/10 (Patroni's) 33 s. */
export const TIMINGS: Timings = {
  ttl: 20,
  loop_wait: 5,
  retry_timeout: 5,
  primary_start_timeout: 0,
  primary_stop_timeout: 8,
};

/** After how many seconds of silence a standby does not confirm writes any more (PostgreSQL's wal_sender_timeout). */
export const STANDBY_SILENT = 4;

/** What is wrong with some timings, one line each; empty when they are sound. */
export function timingFlaws(t: Timings): string[] {
  const flaws: string[] = [];
  if (t.ttl < 20) flaws.push(`ttl ${t.ttl} s: Patroni takes nothing below 20 s`);
  if (t.loop_wait + 2 * t.retry_timeout > t.ttl)
    flaws.push(
      `loop_wait ${t.loop_wait} + 2 * retry_timeout ${t.retry_timeout} > ttl ${t.ttl} s: a primary that etcd answers late would lose its right to write`,
    );
  if (t.loop_wait + t.retry_timeout + t.primary_stop_timeout > t.ttl)
    flaws.push(
      `loop_wait ${t.loop_wait} + retry_timeout ${t.retry_timeout} + primary_stop_timeout ${t.primary_stop_timeout} > ttl ${t.ttl} s: a primary that is cut off might still run when the next one begins`,
    );
  return flaws;
}

/** The same timings. Throws a FarmError (exit code 2) that names what is wrong with them. */
export function sound(timings: Timings): Timings {
  const flaws = timingFlaws(timings);
  if (flaws.length === 0) return timings;
  throw new FarmError(`timings of PostgreSQL clusters: ${flaws.join("; ")}`, "correct timings.ts", 2);
}
