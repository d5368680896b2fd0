/** `farm wiki publish`: the farm's pages on the farm's wiki. */
import type { Inventory } from "../inventory/schema.ts";
import { FarmError } from "../shell/errors.ts";
import { previewPlan } from "../shell/stack.ts";
import { MediaWiki } from "../wiki/client.ts";
import { pagesOf } from "../wiki/pages.ts";
import { publish, type Written } from "../wiki/publish.ts";
import { readsTwin, recordsOf } from "./figures.ts";

/** Where the account's password is: a command line can be read by everybody on a computer. */
const PASSWORD = "FARM_WIKI_PASSWORD";

function addressOf({ stack, applications }: Inventory, named: string | undefined): string {
  if (named !== undefined) {
    if (/^https?:\/\//.test(named) && URL.canParse(named)) return named;
    throw new FarmError(`--wiki ${named} is no address`, "write one such as https://pravka.opplet.net", 2);
  }
  const name = applications.find(({ software }) => software === "mediawiki")?.hostnames[0];
  if (name !== undefined) return `https://${name}`;
  throw new FarmError(`stack ${stack} has no wiki`, "name one: --wiki https://pravka.opplet.net", 2);
}

/**
 * Publishes a stack's pages, or shows what would change. Returns the exit code: 1 when pages were left as they are because
 * people have changed what is ours. Throws a FarmError when the wiki can't be reached or refuses.
 */
export async function publishToWiki(
  stack: string,
  { wiki, user, dryRun = false }: { wiki?: string; user: string; dryRun?: boolean },
): Promise<number> {
  const plan = previewPlan(stack);
  const password = process.env[PASSWORD];
  if (password === undefined)
    throw new FarmError(
      `${PASSWORD} has no password of ${user}`,
      `export it: read -rs ${PASSWORD}; export ${PASSWORD}`,
      2,
    );
  if (!readsTwin())
    process.stderr.write("Figures of the twin are root's: those on the wiki stay (sudo publishes them).\n");
  const began = performance.now();
  const written = await publish(
    new MediaWiki(addressOf(plan.inventory, wiki), user, password),
    pagesOf(plan, recordsOf(stack)),
    {
      dryRun,
      say({ title, kind, why }, done, all) {
        if (kind !== "unchanged")
          process.stderr.write(`${done} of ${all}: ${title} ${kind}${why ? `: ${why}` : ""}\n`);
      },
    },
  );
  if (dryRun) process.stdout.write(written.map(({ patch }) => patch).join(""));
  const count = (kind: Written["kind"]) => written.filter((each) => each.kind === kind).length;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(
    `${dryRun ? "Would be: " : ""}${count("made")} page(s) made, ${count("changed")} changed, ${count("unchanged")} unchanged, ${count("left")} left as they are; ${seconds} s.\n`,
  );
  return count("left") > 0 ? 1 : 0;
}
