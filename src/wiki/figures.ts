/**
 * What was measured of clusters, hosts and applications, as a part of their pages of its own: other than what is declared, it is
 * known to the computer alone on which it was measured, and a publisher without it leaves what is there.
 */
import type { Rebuilding } from "../operate/rebuild-record.ts";
import { drills } from "../twin/drills/drills.ts";
import { type Spread, spreadOf } from "../twin/drills/report.ts";
import type { SavedDrills } from "../twin/drills/saved.ts";
import type { Scope } from "./scope.ts";
import { heading, shown, table, unbroken } from "./wikitext.ts";
import type { Word } from "./words.ts";

/** All that a publisher knows to have been measured of a stack. */
export interface Records {
  readonly drills: readonly SavedDrills[];
  readonly rebuildings: readonly Rebuilding[];
}

/** A part of a page. */
export interface Figures {
  /** Of the latest measurement in it, ISO 8601; empty where nothing was measured. */
  readonly at: string;
  readonly section: string;
}

/** Words for the values of a record. */
const WHAT = { machine: "machineAnew", proxmox: "proxmoxAnew", debian: "debianAnew" } as const;
const WHERE = { twin: "inTwin", real: "onReal" } as const;

type Run = SavedDrills["runs"][number];

const latest = (times: readonly string[]): string => times.toSorted().at(-1) ?? "";

const number = ({ language }: Scope, value: number, digits: number): string =>
  Number.isNaN(value)
    ? ""
    : value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** "2.9 / 3.1 / 3.8", or one figure where all are the same. */
function spreadText(scope: Scope, { min, median, max }: Spread): string {
  const texts = [min, median, max].map((value) => number(scope, value, 1));
  return new Set(texts).size === 1 ? (texts[0] ?? "") : texts.join(" / ");
}

/** A part of a page from a table, or with the word that there is nothing. */
const part = (scope: Scope, title: Word, rows: readonly string[], note: Word, at: string): Figures => ({
  at,
  section: [
    heading(scope.say(title)),
    ...(rows.length > 0 ? [...rows, scope.say(note)] : [scope.say("notMeasured")]),
  ].join("\n"),
});

/** The runs of the last command in which a drill was done, by drill. */
function lastRuns(saved: readonly SavedDrills[]): Map<string, Run[]> {
  const byDrill = new Map<string, Run[]>();
  for (const { runs } of saved.toSorted((a, b) => (began(a) < began(b) ? -1 : 1)))
    for (const [drill, own] of Map.groupBy(runs, (run) => run.drill)) byDrill.set(drill, own);
  return byDrill;
}

const began = ({ runs }: SavedDrills): string => runs[0]?.began ?? "";

function drillRow(scope: Scope, name: string, runs: readonly Run[]): string[] {
  const checked = runs.flatMap((run) => run.checked ?? []);
  const sum = (what: "acknowledged" | "lost"): string =>
    number(
      scope,
      checked.reduce((total, each) => total + each[what], 0),
      0,
    );
  const passed = runs.filter(({ failures }) => failures.length === 0).length;
  return [
    shown(drills.find((drill) => drill.name === name)?.title[scope.language] ?? name),
    unbroken(shown(latest(runs.map((run) => run.began)).slice(0, 10))),
    shown(`${passed} / ${runs.length}`),
    shown(spreadText(scope, spreadOf(checked.map(({ gap }) => gap)))),
    shown(checked.length > 0 ? `${sum("lost")} / ${sum("acknowledged")}` : ""),
    shown(spreadText(scope, spreadOf(runs.flatMap(({ wholeAfter }) => wholeAfter ?? [])))),
  ];
}

/** The drills of a cluster, each as it was done last. All were done in the twin. */
export function clusterFigures(scope: Scope, cluster: string, { drills: saved }: Records): Figures {
  const last = lastRuns(saved.filter((each) => each.cluster === cluster));
  const head = (["drill", "day", "passed", "gap", "lost", "whole"] as const).map((key) => scope.say(key));
  const rows = drills.flatMap(({ name }) => {
    const runs = last.get(name);
    return runs === undefined ? [] : [drillRow(scope, name, runs)];
  });
  const times = [...last.values()].flatMap((runs) => runs.map((run) => run.began));
  return part(scope, "drills", table(head, rows), "drillsNote", latest(times));
}

/** When hosts were last made anew, each by each way in which it was, and how long that took. */
export function hostFigures(scope: Scope, hosts: readonly string[], { rebuildings }: Records): Figures {
  const head = (["host", "made", "day", "seconds", "where"] as const).map((key) => scope.say(key));
  const last = hosts.flatMap((host) => {
    const own = rebuildings.filter((each) => each.hosts.includes(host));
    return [...Map.groupBy(own, ({ what, where }) => `${what} ${where}`).values()].flatMap((alike) => {
      const newest = alike.toSorted((a, b) => (a.at < b.at ? -1 : 1)).at(-1);
      return newest === undefined ? [] : { host, newest };
    });
  });
  const rows = last.map(({ host, newest: { hosts: together, what, at, seconds, where } }) => {
    const others = together.filter((other) => other !== host);
    const with_ = others.length > 0 ? `, ${scope.say("togetherWith")} ${others.join(", ")}` : "";
    return [
      scope.to("host", [host]),
      shown(`${scope.say(WHAT[what])}${with_}`),
      unbroken(shown(at.slice(0, 10))),
      shown(number(scope, seconds, 0)),
      shown(scope.say(WHERE[where])),
    ];
  });
  return part(
    scope,
    "rebuilt",
    table(head, rows),
    "rebuiltNote",
    latest(last.map(({ newest }) => newest.at)),
  );
}
