/** Waiting for a machine that boots or is installed. */
import type { Clock } from "../../machines/web-service.ts";
import { FarmError } from "../../shell/errors.ts";

/** Seconds between two looks. */
const PAUSE = 5;

/** What is said when something has not come in time: the limit is added to the message. */
export interface Late {
  readonly message: string;
  readonly remedy: string;
}

/** Looks every few seconds until something is there, at most `limit` seconds; `late` gives the message then. */
export async function awaitServer<T>(
  { clock }: { readonly clock: Clock },
  limit: number,
  late: () => Late,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const end = clock.now() + limit * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.now() >= end) {
      const { message, remedy } = late();
      throw new FarmError(`${message} after ${limit} s`, remedy);
    }
    await clock.sleep(PAUSE);
  }
}
