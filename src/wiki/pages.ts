/** A plan and what was measured as pages of a wiki, in both languages: pure, and the same for the same, so that an unchanged page is left alone. */
import { LANGUAGES, type Language } from "../map/words.ts";
import type { Plan } from "../plan/plan.ts";
import { applicationLines } from "./application-page.ts";
import { clusterLines } from "./cluster-page.ts";
import { domainLines } from "./domain-page.ts";
import { clusterFigures, type Figures, hostFigures, type Records } from "./figures.ts";
import { hostLines } from "./host-page.ts";
import { overviewLines } from "./overview-page.ts";
import { PICTURES, type PictureName, pictureLines, pictureTitle } from "./pictures.ts";
import { type Kind, Scope } from "./scope.ts";
import { link } from "./wikitext.ts";

export interface WikiPage {
  readonly title: string;
  readonly language: Language;
  /** Our part of the page, as markup. */
  readonly section: string;
  /** What was measured of what it is about. */
  readonly figures?: Figures;
  /** Whether it is a picture, of which nobody wants to read what has changed. */
  readonly isPicture: boolean;
}

/** A page below ways to others. What a wiki would change by itself when it is saved is so already. */
const page = (scope: Scope, title: string, ways: readonly string[], lines: readonly string[]): WikiPage => ({
  title,
  language: scope.language,
  section: [ways.join(" · "), "", ...lines].join("\n").normalize("NFC"),
  isPicture: false,
});

/** A page that is not the overview: with ways to the same in the other language, and back. */
const below = (scope: Scope, title: string, other: string, lines: readonly string[]): WikiPage =>
  page(
    scope,
    title,
    [link(other, scope.say("other")), link(scope.overview(), scope.plan.inventory.title[scope.language])],
    lines,
  );

function picturePages(scope: Scope): WikiPage[] {
  const title = (name: PictureName, language: Language) => pictureTitle(scope, name, language);
  return PICTURES.map((name) => ({
    ...below(scope, title(name, scope.language), title(name, scope.other), pictureLines(scope, name)),
    isPicture: true,
  }));
}

function textPages(scope: Scope, records: Records): WikiPage[] {
  const { inventory, hosts, dns } = scope.plan;
  const one = (kind: Kind, name: string, lines: readonly string[]): WikiPage =>
    below(scope, scope.title(kind, name), scope.title(kind, name, scope.other), lines);
  return [
    page(
      scope,
      scope.overview(),
      [link(scope.overview(scope.other), scope.say("other"))],
      overviewLines(scope),
    ),
    ...hosts.map((plan) => ({
      ...one("host", plan.host.id, hostLines(scope, plan)),
      figures: hostFigures(scope, [plan.host.id], records),
    })),
    ...inventory.clusters.map((cluster) => ({
      ...one("cluster", cluster.id, clusterLines(scope, cluster)),
      figures: clusterFigures(scope, cluster.id, records),
    })),
    ...inventory.applications.map((application) => ({
      ...one("application", application.id, applicationLines(scope, application)),
      figures: hostFigures(scope, application.nodes, records),
    })),
    ...dns.zones.map((zone) => one("domain", zone.name, domainLines(scope, zone))),
  ];
}

/**
 * All pages of a plan in both languages: pictures, then an overview that shows them, and one for each host, cluster,
 * application and domain. `records` are what was measured.
 */
export function pagesOf(plan: Plan, records: Records): WikiPage[] {
  const scopes = LANGUAGES.map((language) => new Scope(plan, language));
  return [...scopes.flatMap(picturePages), ...scopes.flatMap((scope) => textPages(scope, records))];
}
