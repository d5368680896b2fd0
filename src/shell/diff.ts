/** `farm diff`: what a change of the sources means for the farm, without engine, cloud, password or root. */
import { inspect } from "node:util";
import { isDifferent } from "../plan/compare.ts";
import { forPullRequest } from "./diff-markdown.ts";
import { forPeople, forPrograms } from "./diff-view.ts";
import { FarmError } from "./errors.ts";

const say = (text: string): void => {
  process.stderr.write(`farm: ${text}\n`);
};

/** 1 says that there is a difference, so nothing that keeps us from finding out may end with it. */
function neverOne(error: unknown): FarmError {
  if (!(error instanceof FarmError))
    return new FarmError(`the plans can't be compared: ${inspect(error)}`, undefined, 2);
  return error.exitCode === 1 ? new FarmError(error.message, error.remedy, 2) : error;
}

/**
 * Compares the plan of a commit with that of the working tree and prints what differs. Returns the exit code: 0 for no
 * difference, 1 for some. Throws a FarmError for all that prevents the comparison; its exit code is never 1.
 */
export async function diff(
  revision: string,
  stack: string,
  options: { json?: boolean; markdown?: boolean },
): Promise<0 | 1> {
  const began = performance.now();
  try {
    // Imported here, because a slip in the sources that are being edited shows when they are read.
    const { compareWith } = await import("./both-plans.ts");
    const found = await compareWith(revision, stack, say);
    const print = options.json ? forPrograms : options.markdown ? forPullRequest : forPeople;
    process.stdout.write(print(found, process.stdout));
    const different = isDifferent(found.comparison);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const commit = `${revision} (${found.from.commit.slice(0, 7)})`;
    say(`compared with ${commit} in ${seconds} s: ${different ? "they differ" : "no difference"}`);
    return different ? 1 : 0;
  } catch (error) {
    throw neverOne(error);
  }
}
