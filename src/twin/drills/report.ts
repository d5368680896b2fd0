/** Results of drills as a table for a terminal and as a page for a wiki. Pure. */
import Table from "cli-table3";
import { drills } from "./drills.ts";
import type { Checked } from "./record.ts";
import type { Run } from "./run.ts";

/** All runs of one command. */
export interface Report {
  /** What was asked for: the name of a drill, or "all". */
  readonly name: string;
  readonly stack: string;
  readonly cluster: string;
  /** ISO 8601. */
  readonly began: string;
  readonly runs: readonly Run[];
  /** Drills that can't be done on this twin, and why. */
  readonly refused: readonly { readonly drill: string; readonly reason: string }[];
}

/** Least, middle and greatest of some figures; NaN of none. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(sorted.length - 1),
  };
}

/** All runs of one drill. */
export interface Summary {
  readonly drill: string;
  readonly targets: readonly string[];
  readonly runs: number;
  readonly passed: number;
  /** Longest time without an acknowledged write, seconds. */
  readonly gap: Spread;
  /** Acknowledged writes that are missing afterwards. */
  readonly lost: Spread;
  /** Seconds from the undoing until all members were at work. */
  readonly wholeAfter: Spread;
  /** Sums over all runs. */
  readonly sums: Readonly<
    Record<"acknowledged" | "doubled" | "stale" | "refused" | "inDoubt" | "unsent", number>
  >;
  /** What was not as expected, each once. */
  readonly failures: readonly string[];
}

/** One summary for each drill that was run, in the order of their first runs. */
export function summarise(runs: readonly Run[]): Summary[] {
  return [...Map.groupBy(runs, (run) => run.drill)].map(([drill, own]) => {
    const checked = own.flatMap((run) => run.checked ?? []);
    const sum = (what: keyof Checked): number => checked.reduce((total, c) => total + Number(c[what]), 0);
    return {
      drill,
      targets: [...new Set(own.flatMap((run) => run.targets))].sort(),
      runs: own.length,
      passed: own.filter((run) => run.failures.length === 0).length,
      gap: spreadOf(checked.map((c) => c.gap)),
      lost: spreadOf(checked.map((c) => c.lost)),
      wholeAfter: spreadOf(own.flatMap((run) => run.wholeAfter ?? [])),
      sums: {
        acknowledged: sum("acknowledged"),
        doubled: sum("doubled"),
        stale: sum("stale"),
        refused: sum("refused"),
        inDoubt: sum("inDoubt"),
        unsent: sum("unsent"),
      },
      failures: [...new Set(own.flatMap((run) => run.failures))],
    };
  });
}

const figure = (value: number, digits: number): string => (Number.isNaN(value) ? "–" : value.toFixed(digits));

/** "2.9 / 3.1 / 3.8", or one figure where there is one run. */
function spreadText({ min, median, max }: Spread, runs: number, digits: number): string {
  const wanted = runs === 1 ? [min] : [min, median, max];
  return wanted.map((value) => figure(value, digits)).join(" / ");
}

const LABELS = {
  en: {
    page: "Drills of the database cluster",
    head: ["drill", "what happens", "to", "runs", "passed"],
    figures: ["s without writes", "acknowledged", "of them lost"],
    rest: ["doubled", "stale reads", "refused", "in doubt", "not sent", "s until whole"],
    note: "Several runs: minimum / median / maximum; other figures are sums.",
    unexpected: "Not as expected",
    refused: "Not done",
  },
  ru: {
    page: "Учения связки баз данных",
    head: ["учение", "что происходит", "с кем", "запусков", "успешно"],
    figures: ["с без записи", "подтверждено", "из них пропало"],
    rest: ["удвоено", "устаревших чтений", "отказов", "неясных", "не отправлено", "с до полного состава"],
    note: "Несколько запусков: минимум / медиана / максимум; прочие числа — суммы.",
    unexpected: "Не так, как ожидалось",
    refused: "Не проведено",
  },
} as const;

type Language = keyof typeof LABELS;

const titleOf = (name: string, language: Language): string =>
  drills.find((drill) => drill.name === name)?.title[language] ?? name;

function cells(s: Summary, language: Language): string[] {
  const { sums } = s;
  return [
    s.drill,
    titleOf(s.drill, language),
    s.targets.join(", "),
    String(s.runs),
    String(s.passed),
    spreadText(s.gap, s.runs, 1),
    String(sums.acknowledged),
    spreadText(s.lost, s.runs, 0),
    ...[sums.doubled, sums.stale, sums.refused, sums.inDoubt, sums.unsent].map(String),
    spreadText(s.wholeAfter, s.runs, 1),
  ];
}

const headOf = (language: Language): string[] => {
  const { head, figures, rest } = LABELS[language];
  return [...head, ...figures, ...rest];
};

/** For a terminal: the table, and below it what was not as expected or not done. */
export function terminalReport({ runs, refused }: Report): string {
  const summaries = summarise(runs);
  // What happens is a sentence, and the terminal is narrow: `farm drill list` shows it.
  const narrow = (row: readonly string[]): string[] => row.filter((_, index) => index !== 1);
  const table = new Table({ head: narrow(headOf("en")), style: { head: [], border: [] }, wordWrap: true });
  table.push(...summaries.map((s) => narrow(cells(s, "en"))));
  return [
    ...(summaries.length > 0 ? [table.toString()] : []),
    ...(summaries.some((s) => s.runs > 1) ? [LABELS.en.note] : []),
    ...summaries.flatMap((s) => s.failures.map((failure) => `${s.drill}: not as expected: ${failure}`)),
    ...refused.map(({ drill, reason }) => `${drill}: not done: ${reason}`),
  ].join("\n");
}

/** Text as MediaWiki shows it, whatever is in it. */
const plain = (text: string): string =>
  text.replace(/[&<>[\]{}|'=~_*#:;\n]/g, (c) => `&#${c.codePointAt(0)};`);

/** A page for a wiki, in MediaWiki's wikitext. */
export function wikiReport({ stack, cluster, began, runs, refused }: Report, language: Language): string {
  const labels = LABELS[language];
  const summaries = summarise(runs);
  const rows = summaries.map(
    (s) =>
      `|-\n${cells(s, language)
        .map((cell) => `| ${plain(cell)}`)
        .join("\n")}`,
  );
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", `=== ${title} ===`, ...lines];
  return [
    `== ${labels.page} ${plain(cluster)} (${plain(stack)}), ${began.slice(0, 10)} ==`,
    '{| class="wikitable sortable"',
    `! ${headOf(language).join(" !! ")}`,
    ...rows,
    "|}",
    labels.note,
    ...list(
      labels.unexpected,
      summaries.flatMap((s) => s.failures.map((failure) => `* ${s.drill}: ${plain(failure)}`)),
    ),
    ...list(
      labels.refused,
      refused.map(({ drill, reason }) => `* ${titleOf(drill, language)}: ${plain(reason)}`),
    ),
    "",
  ].join("\n");
}
