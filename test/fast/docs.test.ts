/** The handbook: both languages say the same, links lead somewhere, and every command line in it can be typed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { drills } from "../../src/twin/drills/drills.ts";
import { behindCloudflare } from "./dns/farm.ts";
import { labInventory, planOf, prodInventory } from "./farms.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const LANGUAGES = ["en", "ru"] as const;
const pages = (language: string): string[] => readdirSync(join(ROOT, "docs", language)).sort();
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const EVERYWHERE = [
  "README.md",
  "CONTRIBUTING.md",
  ...LANGUAGES.flatMap((l) => pages(l).map((p) => `docs/${l}/${p}`)),
];

/** Words in capitals or in Cyrillic stand for what a reader writes there. */
const asTyped = (code: string): string => code.replace(/[А-ЯЁ]{2,}|\b[A-Z]{2,}\b/g, "NAME");
const codes = (text: string): string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => asTyped(code));

/** What has to be alike in two languages: headings by depth, rows of tables, indented lines, code, and where links lead. */
const skeleton = (text: string) => ({
  headings: [...text.matchAll(/^#+/gm)].map(([marks]) => marks.length),
  rows: text.match(/^\|/gm)?.length ?? 0,
  indented: [...text.matchAll(/^ {4}(\S.*?)(\s+#.*)?$/gm)].map(([, command = ""]) => command),
  links: [...text.matchAll(/\]\(([^)#]+)/g)].map(([, target]) => target),
  code: codes(text).sort(),
});

test("each page is there in both languages", () => {
  assert.deepEqual(pages("ru"), pages("en"));
});

for (const page of pages("en"))
  test(`${page} says the same in both languages`, () => {
    assert.deepEqual(skeleton(read(`docs/ru/${page}`)), skeleton(read(`docs/en/${page}`)));
  });

test("links lead to files and headings that there are", () => {
  /** As GitHub makes them. */
  const anchors = (text: string): string[] =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} -]/gu, "")
        .replaceAll(" ", "-"),
    );
  /** Without code, in which brackets mean something else. */
  const prose = (path: string): string => read(path).replace(/`[^`\n]*`/g, "");
  const dead = EVERYWHERE.flatMap((path) =>
    [...prose(path).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
      .filter(([, file = "", anchor]) => {
        const target = file === "" ? path : join(dirname(path), file);
        return (
          !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchors(read(target)).includes(anchor))
        );
      })
      .map(([link]) => `${path}: ${link}`),
  );
  assert.deepEqual(dead, []);
});

test("every farm command in the documents is one that there is, with options that it has", async () => {
  const commands = new Map<string, { words: string[]; options: Set<string> }>();
  for (const path of EVERYWHERE)
    for (const [, line = ""] of read(path).matchAll(/scripts\/farm ([^`#|\n;)]*)/g)) {
      const words = /^[a-z]+( (?:dns|twin|wiki) [a-z]+)?/.exec(line) ? line.split(" ") : [];
      const command = ["dns", "twin", "wiki"].includes(words[0] ?? "")
        ? words.slice(0, 2)
        : words.slice(0, 1);
      if (command.length === 0) continue;
      const known = commands.get(command.join(" ")) ?? { words: command, options: new Set<string>() };
      const [before = ""] = line.split(" -- ");
      for (const [option] of before.matchAll(/--[a-z][a-z-]*/g)) known.options.add(option);
      commands.set(command.join(" "), known);
    }
  assert(commands.size > 15, [...commands.keys()].join());
  const wrong: string[] = [];
  for (const { words, options } of commands.values()) {
    const { stdout } = await promisify(execFile)(join(ROOT, "scripts/farm"), [...words, "--help"]);
    if (!stdout.startsWith(`Usage: farm ${words.join(" ")}`)) wrong.push(words.join(" "));
    for (const option of options) if (!stdout.includes(option)) wrong.push(`${words.join(" ")} ${option}`);
  }
  assert.deepEqual(wrong, []);
});

/** The first cells of a page's rows, as patterns: "…" stands for a name. */
function rows(page: string): RegExp[] {
  return [...read(page).matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = ""]) =>
    cell
      .split(", ")
      .map((each) => new RegExp(`^${each.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("…", ".+")}$`)),
  );
}

test("the runbooks know every probe and every drill", () => {
  const plans = [labInventory(), prodInventory(), behindCloudflare()].map(planOf);
  const probes = plans.flatMap(({ hosts }) =>
    hosts.flatMap(({ state }) => state.probes.map(({ name }) => name)),
  );
  for (const language of LANGUAGES) {
    const known = rows(`docs/${language}/runbooks.md`);
    const missing = [...new Set([...probes, ...drills.map(({ name }) => name)])].filter(
      (name) => !known.some((pattern) => pattern.test(name)),
    );
    assert.deepEqual(missing, [], language);
  }
});
