/** The results of one command, kept under a date and a name with the twin's durable things. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeWhole } from "../../shell/files.ts";
import type { StreamRecord } from "./record.ts";
import { type Report, wikiReport } from "./report.ts";
import type { Run } from "./run.ts";
import { drillFolder } from "./saved.ts";

/** All files are rewritten after each run, so that a long command that is cut short leaves what it has. */
export class Results {
  #report: Report;
  readonly #base: string;

  /** @param name of the drill, or "all" */
  constructor(stack: string, cluster: string, name: string) {
    const began = new Date().toISOString();
    const dir = drillFolder(stack);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#base = join(dir, `${began.slice(0, 19).replace("T", "-").replaceAll(":", "")}-${name}`);
    this.#report = { name, stack, cluster, began, runs: [], refused: [] };
  }

  get report(): Report {
    return this.#report;
  }

  /** What there is: the report as JSON and, for a wiki, in English and Russian; a folder with the records of runs. */
  get paths(): string[] {
    return [".json", ".en.wiki", ".ru.wiki", ".records"]
      .map((end) => `${this.#base}${end}`)
      .filter((path) => existsSync(path));
  }

  /** Adds a run, with every attempt of its stream where there is a record of it. */
  addRun(run: Run, record?: StreamRecord): void {
    this.#report = { ...this.#report, runs: [...this.#report.runs, run] };
    this.#write();
    if (record === undefined) return;
    const dir = `${this.#base}.records`;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const number = this.#report.runs.filter((r) => r.drill === run.drill).length;
    const lines = [...record.attempts, ...record.reads].map((entry) => `${JSON.stringify(entry)}\n`);
    writeFileSync(join(dir, `${run.drill}-${number}.jsonl.gz`), gzipSync(lines.join("")), { mode: 0o600 });
  }

  /** Adds a drill that can't be done here. */
  addRefusal(drill: string, reason: string): void {
    this.#report = { ...this.#report, refused: [...this.#report.refused, { drill, reason }] };
    this.#write();
  }

  #write(): void {
    writeWhole(`${this.#base}.json`, `${JSON.stringify(this.#report, null, 1)}\n`);
    writeWhole(`${this.#base}.en.wiki`, wikiReport(this.#report, "en"));
    writeWhole(`${this.#base}.ru.wiki`, wikiReport(this.#report, "ru"));
  }
}
