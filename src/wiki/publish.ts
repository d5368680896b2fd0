/** Brings pages to a wiki: only our part of each, only what differs, and never over what somebody wrote meanwhile. */
import { createTwoFilesPatch } from "diff";
import { FarmError } from "../shell/errors.ts";
import { Conflict, type MediaWiki, type Revision } from "./client.ts";
import type { WikiPage } from "./pages.ts";
import { PICTURE_TAG } from "./pictures.ts";
import { withFigures, withSection } from "./section.ts";

/** Pages that are written side by side: a wiki with a few processes for PHP has room for its readers beside them. */
const AT_ONCE = 3;
/** How often a page is read again that people keep editing. */
const ATTEMPTS = 3;

const SUMMARY = { en: "Written from the declaration of the farm", ru: "Записано по описанию фермы" };

/** What became of a page. */
export interface Written {
  readonly title: string;
  /** "left": as it is, since people have changed what is ours; `why` says what. */
  readonly kind: "made" | "changed" | "unchanged" | "left";
  readonly why?: string;
  /** Of a dry run, what would be different, as a patch; else empty. */
  readonly patch: string;
}

export interface PublishOptions {
  readonly dryRun: boolean;
  /** Told of each page, with how many of how many are done. */
  readonly say: (written: Written, done: number, all: number) => void;
}

const BROKEN =
  "its marks were changed by hand: put each pair back, the first before the second, or delete it";

/** What would be different: as a patch, of a picture that it is another. */
const patchOf = ({ title, isPicture }: WikiPage, before: string, text: string): string =>
  isPicture
    ? `--- ${title}\n+++ ${title}\n@@ another picture @@\n`
    : createTwoFilesPatch(title, title, `${before}\n`, `${text}\n`);

/** A page with all that is ours put into it; undefined where marks are broken. */
function textOf({ section, figures, language }: WikiPage, before: string): string | undefined {
  const text = withSection(before, section, language);
  return text === undefined || figures === undefined ? text : withFigures(text, figures, language);
}

/** Writes a page from how it was read; again, where somebody was faster. */
async function write(
  wiki: MediaWiki,
  page: WikiPage,
  read: Revision | undefined,
  dryRun: boolean,
): Promise<Written> {
  const { title } = page;
  let before = read;
  for (let attempt = 1; ; attempt += 1) {
    const text = textOf(page, before?.text ?? "");
    if (text === undefined) return { title, kind: "left", why: BROKEN, patch: "" };
    if (text === before?.text) return { title, kind: "unchanged", patch: "" };
    try {
      const kind = before === undefined ? "made" : "changed";
      if (dryRun) return { title, kind, patch: patchOf(page, before?.text ?? "", text) };
      await wiki.save(title, text, before, SUMMARY[page.language]);
      return { title, kind, patch: "" };
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      if (attempt === ATTEMPTS)
        return { title, kind: "left", why: `${error.message} (${ATTEMPTS} times)`, patch: "" };
      before = (await wiki.read([title])).get(title);
    }
  }
}

/** Without the tag the text of a picture would stand on the pages. */
async function refuseWithoutPictures(wiki: MediaWiki): Promise<void> {
  if (!(await wiki.tags()).includes(PICTURE_TAG))
    throw new FarmError(
      `the wiki does not know <${PICTURE_TAG}>, by which it shows pictures; nothing was written`,
      "run `pulumi up` of its stack, which brings it, and publish then",
    );
}

/**
 * Publishes pages; what became of them, in the order in which they were done. Throws a FarmError when the wiki does not
 * answer or refuses, to be run again, or when there are pictures and it shows none.
 */
export async function publish(
  wiki: MediaWiki,
  pages: readonly WikiPage[],
  { dryRun, say }: PublishOptions,
): Promise<Written[]> {
  if (pages.some(({ isPicture }) => isPicture)) await refuseWithoutPictures(wiki);
  const present = await wiki.read(pages.map(({ title }) => title));
  const all: Written[] = [];
  const waiting = [...pages];
  const writer = async (): Promise<void> => {
    for (let page = waiting.shift(); page !== undefined; page = waiting.shift()) {
      const written = await write(wiki, page, present.get(page.title), dryRun);
      all.push(written);
      say(written, all.length, pages.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
  return all;
}
