import { FarmError } from "../../shell/errors.ts";
import type { Clock } from "../web-service.ts";

/** Milliseconds over which Robot counts: its documentation gives every limit for one hour. */
const HOUR = 3_600_000;

/** When, by this computer's clock, so many milliseconds from now is. */
export function timeIn(milliseconds: number): string {
  return new Date(Date.now() + milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}

/**
 * Counts what this run sends, one account for each kind of call, as the documentation gives a limit to each. What
 * other runs or people send counts at Robot all the same: its RATE_LIMIT_EXCEEDED has the last word.
 */
export class HourlyLimits {
  readonly #clock: Clock;
  readonly #sent = new Map<string, number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a call that is about to be sent. Throws a FarmError that says when to try again if it is one too many. */
  take(kind: string, perHour: number): void {
    const now = this.#clock.now();
    const recent = (this.#sent.get(kind) ?? []).filter((moment) => moment > now - HOUR);
    const [oldest = now] = recent;
    if (recent.length >= perHour) {
      throw new FarmError(
        `Hetzner Robot: ${kind}: not sent: it takes ${perHour} of these an hour, and this run has sent them`,
        `try again after ${timeIn(oldest + HOUR - now)}`,
      );
    }
    this.#sent.set(kind, [...recent, now]);
  }
}
