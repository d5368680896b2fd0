/** The comparison of two plans as a comment on a pull request. */
import { type Change, isDifferent } from "../plan/compare.ts";
import { type Diff, groupTitle, patchText, summary, visible } from "./diff-view.ts";

/**
 * Longest comment, in characters; `length` counts no fewer. GitHub takes 65,536, and a line goes before by which the comment is
 * found again (.github/workflows/comment.yml).
 */
const LIMIT = 65_000;
/** Kept free for the note that something was cut, which has the names of the revision and the stack in it. */
const NOTE = 1_000;
/** Names of hosts listed before "and N more": some thousand of them would leave no room for a patch. */
const NAMES = 100;

/** Text between HTML tags, all of it shown as it is: a name is not to become a link, a mention or markup. */
const code = (text: string): string => {
  const escaped = visible(text).replace(/[&<>"`*_@#[\]\n]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<code>${escaped}</code>`;
};

function shortened(text: string): string {
  const names = text.split(", ");
  return names.length <= NAMES
    ? text
    : `${names.slice(0, NAMES).join(", ")} and ${names.length - NAMES} more`;
}

interface Block {
  readonly title: string;
  readonly lines: readonly string[];
}

/** A fence is longer than any row of backticks inside, so that nothing in there ends it. */
function fenceFor(lines: readonly string[]): string {
  const longest = Math.max(
    2,
    ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([row]) => row.length)),
  );
  return "`".repeat(longest + 1);
}

/** One foldable block with as many of its lines as fit into `room` characters; undefined when none does. */
function details({ title, lines }: Block, room: number): { text: string; left: number } | undefined {
  const fence = fenceFor(lines);
  const head = `<details><summary>${code(shortened(title))}</summary>\n\n${fence}diff\n`;
  const tail = `\n${fence}\n\n</details>\n`;
  let free = room - head.length - tail.length;
  const fitting: string[] = [];
  for (const line of lines) {
    free -= line.length + 1;
    if (free < 0) break;
    fitting.push(line);
  }
  if (fitting.length === 0) return undefined;
  return { text: `${head}${fitting.join("\n")}${tail}`, left: lines.length - fitting.length };
}

const block = (title: string, changes: readonly Change[]): Block => ({
  title,
  lines: changes
    .map((change) => patchText(change).trimEnd())
    .join("\n\n")
    .split("\n"),
});

/**
 * Markdown for a comment on GitHub: the summary, then a foldable block for each group of hosts. What doesn't fit into
 * the longest comment is cut off at the end of a line, and the comment says so and where to see the rest.
 */
export function forPullRequest(diff: Diff): string {
  const { stack, from, comparison } = diff;
  const commit = from.commit.slice(0, 7);
  const compared = `${code(stack)}, ${code(from.revision)} (${commit}) to this tree`;
  if (!isDifferent(comparison)) return `**Plan of ${compared}: no difference.**\n`;

  const items = summary(diff).map(([name, text]) => `- ${name}: ${code(shortened(text))}`);
  const blocks = comparison.groups.map((g) => block(groupTitle(g), g.changes));
  if (comparison.farm.length > 0) blocks.unshift(block("the farm as a whole", comparison.farm));

  let text = `**Plan of ${compared}**\n\n${items.join("\n")}\n\n`;
  let left = 0;
  for (const block of blocks) {
    const shown = left > 0 ? undefined : details(block, LIMIT - NOTE - text.length);
    text += shown?.text ?? "";
    left += shown?.left ?? block.lines.length;
  }
  const all = `scripts/farm diff ${commit} ${stack}`;
  return left === 0
    ? text
    : `${text}\n**Cut here**: ${left} lines don't fit into a comment. All of it: ${code(all)}\n`;
}
