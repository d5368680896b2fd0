/** `farm map` as a person types it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { pictures } from "../../../src/map/page.ts";
import { planOf, prodInventory } from "../farms.ts";
import { parseXml } from "./xml.ts";

const folder = mkdtempSync(join(tmpdir(), "farm-map-"));
after(() => rmSync(folder, { recursive: true }));
const cli = join(import.meta.dirname, "../../../src/shell/cli.ts");
const map = (...argv: string[]) =>
  spawnSync(process.execPath, [cli, "map", ...argv], { encoding: "utf8", cwd: folder });

test("a picture or a page is written where it is asked for, over a former one too", () => {
  writeFileSync(join(folder, "prod.svg"), "former");
  assert.equal(map("prod", "-o", "prod.svg").status, 0);
  assert.equal(
    readFileSync(join(folder, "prod.svg"), "utf8"),
    pictures.topology!(planOf(prodInventory()), "en"),
  );
  assert.equal(map("prod", "-o", "ru.svg", "--language", "ru").status, 0);
  assert.match(readFileSync(join(folder, "ru.svg"), "utf8"), /Рабочее Облако/);
  assert.equal(map("--output", join(folder, "lab.html")).status, 0);
  const page = readFileSync(join(folder, "lab.html"), "utf8");
  assert.equal(parseXml([page])[0]!.name, "html");
  for (const title of ["Experimental cloud", "Опытно Облако"]) assert.ok(page.includes(title));
});

test("what can't be drawn or written ends with 2 and one message, and nothing is left behind", () => {
  mkdirSync(join(folder, "folder.svg"));
  const before = readdirSync(folder);
  const wrong: [string[], RegExp][] = [
    [["nowhere", "-o", "map.svg"], /no stack "nowhere" is declared; there is: lab, prod/],
    [["-o", "map.png"], /"map\.png" ends neither in \.svg nor in \.html\n {2}name a file such as map\.svg/],
    [["-o", "map"], /"map" ends neither in/],
    [["-o", "missing/map.svg"], /there is no folder "missing"\n {2}nothing was written/],
    [["-o", "folder.svg"], /"folder\.svg" can't be written: EISDIR\n {2}nothing was written/],
    [["lab"], /required option '-o, --output <file>' not specified/],
    [["-o", "map.svg", "--language", "de"], /Allowed choices are en, ru/],
  ];
  for (const [argv, message] of wrong) {
    const { status, stdout, stderr } = map(...argv);
    assert.deepEqual([status, stdout], [2, ""], argv.join(" "));
    assert.match(stderr, message);
    assert.deepEqual(readdirSync(folder), before);
  }
});
