/** Writes the reference of both languages: `npm run reference`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readMaterial } from "./material.ts";
import { referencePage } from "./page.ts";

const ROOT = join(import.meta.dirname, "../..");

const material = readMaterial();
for (const language of ["en", "ru"] as const)
  writeFileSync(join(ROOT, `docs/${language}/reference.md`), referencePage(material, language));
