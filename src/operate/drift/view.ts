/** Drift as people read it: what differs, host by host, and at the end whom nobody could ask. */
import type { Drift, Finding, HostMissed, HostSeen } from "./ask.ts";

/** Texts come from hosts that somebody has changed: control characters must not reach a terminal. */
const harmless = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

const indent = (text: string, by: string): string => text.replace(/^(?=.)/gm, by);

function told({ kind, name, what, diff }: Finding): string {
  return [`  ${kind} ${name}: ${what}`, ...(diff === null ? [] : [indent(diff, "    ")])].join("\n");
}

/** The same finding on several hosts is told once: sections by the hosts that share it. */
function sections(seen: readonly HostSeen[]): string[] {
  const hostsOf = new Map<string, string[]>();
  for (const { host, findings } of seen)
    for (const finding of findings) {
      const text = told(finding);
      hostsOf.set(text, [...(hostsOf.get(text) ?? []), host]);
    }
  const byHosts = Map.groupBy(hostsOf, ([, hosts]) => hosts.join(", "));
  return [...byHosts].map(([hosts, texts]) => [hosts, ...texts.map(([text]) => text)].join("\n"));
}

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

/** A time of the past in the largest unit that fits: "2 h ago". `now` in milliseconds since 1970. */
function ago(time: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  const units: [string, number][] = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
  ];
  const [unit, size] = units.find(([, s]) => seconds >= s) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

const minute = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

function behind({ host, why, last }: HostMissed, now: number): string {
  if (last === undefined)
    return `  ${host}: ${why}\n    nothing is known of it: it was never asked from this computer`;
  const commit = last.commit === undefined ? "" : `, commit ${last.commit.slice(0, 12)}`;
  const commits = last.commits ? `; ${plural(last.commits, "commit")} of the program since` : "";
  const waiting =
    last.waiting === 0 ? "nothing has waited for it since" : `${plural(last.waiting, "changed line")} behind`;
  return `  ${host}: ${why}\n    last seen ${ago(last.seenAt, now)} with the bundle applied ${minute(last.appliedAt)}${commit}: ${waiting}${commits}`;
}

function lists(drift: Drift, now: number): string[] {
  const { seen, missed } = drift;
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`${title}\n${lines.join("\n")}`];
  const names = (hosts: readonly HostSeen[]): string[] =>
    hosts.length === 0 ? [] : [`  ${hosts.map((h) => h.host).join(", ")}`];
  const waiting = (h: HostSeen): string[] => {
    if (h.waiting === null) return [`  ${h.host}: nothing was ever applied there`];
    return h.waiting === 0 ? [] : [`  ${h.host}: ${plural(h.waiting, "changed line")}`];
  };
  return [
    ...list("as applied", names(seen.filter((h) => h.findings.length === 0 && h.waiting !== null))),
    ...list(
      "in the middle of something: what differs may be its doing",
      seen.flatMap((h) => (h.changing === null ? [] : [`  ${h.host}: ${h.changing}`])),
    ),
    ...list(
      "worth knowing",
      seen.flatMap((h) => (h.waiting === null ? [] : h.notes.map((note) => `  ${h.host}: ${note}`))),
    ),
    ...list("declared and not yet applied", seen.flatMap(waiting)),
    ...list(
      "NOT REACHED",
      missed.map((h) => behind(h, now)),
    ),
  ];
}

/** Prints drift for people. `now` in milliseconds since 1970. */
export function printDrift(drift: Drift, now: number): string {
  const { seen, missed } = drift;
  const findings = seen.reduce((sum, h) => sum + h.findings.length, 0);
  const differing = seen.filter((h) => h.findings.length > 0).length;
  const sum = [
    `${seen.length} of ${plural(seen.length + missed.length, "host")} answered in ${drift.seconds.toFixed(1)} s`,
    findings === 0 ? "no drift" : `${plural(findings, "difference")} on ${differing}`,
    ...(missed.length === 0 ? [] : [`${missed.length} not reached: ${missed.map((h) => h.host).join(", ")}`]),
  ].join("; ");
  return harmless(`${[...sections(seen), ...lists(drift, now), sum].join("\n\n")}\n`);
}

/** The exit code: 0 when every host was asked and none differs, else 1. */
export const exitCode = ({ seen, missed }: Drift): number =>
  missed.length === 0 && seen.every((h) => h.findings.length === 0) ? 0 : 1;
