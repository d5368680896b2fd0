/** A move as a person reads it. */
import type { Move } from "./plan.ts";
import type { Standing } from "./stage.ts";
import { type Works, worksText } from "./works.ts";

/** Texts come from hosts too: control characters must not reach a terminal. */
const harmless = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

const does = (host: string, works: Works | undefined): string =>
  works === undefined ? `${host} is not declared` : `${host} does: ${worksText(works)}`;

function detail({ step, state, declared, reasons }: Standing, stack: string): string[] {
  if (state === "done") return [];
  const written = step.write.map((line) => `in stacks/${stack}.ts, ${line}`);
  const up = `${declared ? "" : "a review, pulumi preview --diff, "}pulumi up; then this command again`;
  return [...reasons, ...written, ...step.commands, ...(state === "next" ? [up] : []), ...step.afterwards];
}

const LABEL = { done: "done ", next: "NEXT ", waits: "waits" } as const;

/** Prints how a move stands, its steps in their order. */
export function printMove(move: Move, standings: readonly Standing[]): string {
  const { from, to, stack, leaver, successor } = move;
  const steps = standings.flatMap((standing, index) => [
    `${index + 1}. ${LABEL[standing.state]}  ${standing.step.title}`,
    ...detail(standing, stack).map((line) => `            ${line.replaceAll("\n", "\n            ")}`),
  ]);
  const isDone = standings.every(({ state }) => state === "done");
  const end =
    leaver === undefined
      ? `${from} is no host of stack ${stack}, any more or at all: of what it did nothing is known here. Its machine may go once you are sure that this is its name.`
      : "Nothing is remembered between two runs: each step is told from the declaration and from what the hosts say.";
  return harmless(
    `${[
      `${to} takes over from ${from}, stack ${stack}${isDone ? ": every step is done" : ""}`,
      does(from, leaver),
      does(to, successor),
      "",
      ...steps,
      "",
      end,
    ].join("\n")}\n`,
  );
}

/** The exit code: 0 when every step is done, else 1. */
export const exitCode = (standings: readonly Standing[]): number =>
  standings.every(({ state }) => state === "done") ? 0 : 1;
