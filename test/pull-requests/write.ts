/** Writes the page of examples in both languages: `npm run examples`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { examplesPage, seeAll } from "./page.ts";

const seen = await seeAll();
for (const language of ["en", "ru"] as const)
  writeFileSync(
    join(import.meta.dirname, `../../docs/${language}/pull-requests.md`),
    examplesPage(seen, language),
  );
