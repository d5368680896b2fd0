/** The reference is what the generator makes, and everything in it is explained in both languages. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { z } from "zod";
import type { Comments } from "../../src/reference/comments.ts";
import { sectionsOf } from "../../src/reference/declared.ts";
import { meaningsOf, readMaterial } from "../../src/reference/material.ts";
import { RUSSIAN, referencePage } from "../../src/reference/page.ts";

const material = readMaterial();
const meanings = meaningsOf(material);

test("every field, setting, command, argument and option is explained, in both languages", () => {
  assert(meanings.length > 300, `${meanings.length}`);
  const without = (text: (english: string) => string | undefined) =>
    meanings.filter(([, english]) => !text(english)).map(([where]) => where);
  assert.deepEqual(
    without((english) => english),
    [],
    "write a comment beside the field, or a description of the command",
  );
  assert.deepEqual(
    without((english) => RUSSIAN[english]),
    [],
    "write the Russian in src/reference/russian-*.ts",
  );
});

test("nothing is explained in Russian that is not there", () => {
  const known = new Set(meanings.map(([, english]) => english));
  assert.deepEqual(
    Object.keys(RUSSIAN).filter((english) => !known.has(english)),
    [],
  );
});

for (const language of ["en", "ru"] as const)
  test(`docs/${language}/reference.md is what \`npm run reference\` writes`, () => {
    const path = join(import.meta.dirname, `../../docs/${language}/reference.md`);
    assert.equal(readFileSync(path, "utf8"), referencePage(material, language));
  });

/** Of fields that say nothing of themselves. */
const silent: Comments = { text: "", field: () => silent, item: () => silent, variant: () => silent };

test("a field without an explanation is found, and no page is made without it", () => {
  const schema = z.strictObject({ level: z.int().min(1) });
  const gap = { ...material, declaration: sectionsOf(schema, "", silent) };
  assert.deepEqual(
    meaningsOf(gap).filter(([, english]) => english === ""),
    [[": level", ""]],
  );
  assert.throws(() => referencePage(gap, "ru"), /has no Russian for: /);
  assert.throws(() => referencePage(gap, "en"), /no comment/);
});

test("lists, maps, and the forms of an object are sections of their own", () => {
  const schema = z.strictObject({
    list: z.array(
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("one"), a: z.string() }),
        z.strictObject({
          kind: z.enum(["two", "three"]),
          b: z.record(z.string(), z.strictObject({ c: z.int() })),
        }),
      ]),
    ),
  });
  assert.deepEqual(
    sectionsOf(schema, "", silent).map(({ path, rows }) => [path, rows.map(({ name }) => name).join()]),
    [
      ["", "list"],
      ['list[] (kind: "one")', "kind,a"],
      ['list[] (kind: "two" | "three")', "kind,b"],
      ["list[].b.NAME", "c"],
    ],
  );
});
