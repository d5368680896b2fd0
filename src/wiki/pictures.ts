/**
 * Pictures on the wiki: each is the text of a page of its own, between the two ends of the tag <farm-picture>, of which
 * the wiki makes an image (apps/mediawiki/LocalSettings.php). Other pages show it by taking that page in. So it needs no
 * uploads, for which there is no shared storage, changes no host, is the same on all nodes, and who may not read the
 * pages does not see the pictures either.
 */
import { pictures } from "../map/page.ts";
import type { Language } from "../map/words.ts";
import type { Scope } from "./scope.ts";
import { link } from "./wikitext.ts";
import { type Word, word } from "./words.ts";

/** Name of the tag by which a wiki says that it shows pictures. */
export const PICTURE_TAG = "farm-picture";

export type PictureName = keyof typeof pictures;

const TITLES: Readonly<Record<PictureName, Word>> = {
  topology: "mapTopology",
  requests: "mapRequests",
  calls: "mapCalls",
  quorum: "mapQuorum",
};

export const PICTURES = Object.keys(TITLES) as PictureName[];

export const pictureTitle = (scope: Scope, name: PictureName, language: Language = scope.language): string =>
  `${scope.overview(language)}/${word(TITLES[name], language)}`;

export const toPicture = (scope: Scope, name: PictureName): string =>
  link(pictureTitle(scope, name), scope.say(TITLES[name]));

/** The picture on another page. */
export const shownPicture = (scope: Scope, name: PictureName): string => `{{:${pictureTitle(scope, name)}}}`;

/** An element a line, so that the wiki's history tells what of a picture has changed. */
const inLines = (svg: string): string => svg.trim().replaceAll("><", ">\n<");

/** The page of a picture: only the picture itself is what other pages take in. */
export const pictureLines = ({ plan, language }: Scope, name: PictureName): string[] => [
  `<onlyinclude><${PICTURE_TAG}>`,
  inLines(pictures[name](plan, language)),
  `</${PICTURE_TAG}></onlyinclude>`,
];
