/** Steps of an installation, done one after the other and shown. */
import { Listr, PRESET_TIMER } from "listr2";
import type { Step } from "../../machines/install-step.ts";

/** What a step does; it returns what to tell of it. Every one may be run again, and one that is done already does nothing. */
export type Work<Id extends string> = Readonly<Record<Id, () => Promise<string>>>;

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(0)} s`;
const timer = { ...PRESET_TIMER, field: seconds };

/** What a step tells that an earlier attempt has done, or begun. */
export const EARLIER = { done: "done before", begun: "begun before", running: "it runs already" } as const;

/** Says at the end what is left to do for a host that now has `system`. */
export function tellWhatIsLeft(id: string, stack: string, system: string): void {
  process.stdout.write(
    `${id} has ${system} and waits for the program. What is left to do: farm rebuild ${id} --stack ${stack}, at its end.\n`,
  );
}

/**
 * Does all steps in their order, and shows them; stops at the first that fails. Returns the seconds that all took; undefined when
 * some were done by an earlier attempt, so that nobody has measured the whole.
 */
export async function performSteps<Id extends string>(
  steps: readonly Step<Id>[],
  work: Work<Id>,
): Promise<number | undefined> {
  const began = performance.now();
  const earlier: readonly string[] = Object.values(EARLIER);
  let isWhole = true;
  await new Listr(
    steps.map(({ id, what, harm }) => ({
      title: harm ? `${what} (destructive)` : what,
      task: async (_, task) => {
        const told = await work[id]();
        if (earlier.includes(told)) isWhole = false;
        if (told) task.title += `: ${told}`;
      },
    })),
    { rendererOptions: { timer }, fallbackRenderer: "simple", fallbackRendererOptions: { timer } },
  ).run();
  return isWhole ? (performance.now() - began) / 1000 : undefined;
}
