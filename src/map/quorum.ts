/** Quorum placement: the votes and copies of each cluster by failure domain, and what the loss of each would mean. */
import { shortfalls, spreadOf } from "../inventory/check-placement.ts";
import { databasesOf, votersOf } from "../inventory/clusters.ts";
import type { Cluster, Inventory } from "../inventory/schema.ts";
import { partIn } from "../operate/move/works.ts";
import type { Plan } from "../plan/plan.ts";
import { type Block, column, framed, paragraph, row, rows } from "./blocks.ts";
import { INNER, svg } from "./picture.ts";
import { type Distance, type Domain, distancesOf, domainsOf } from "./placement.ts";
import { type Language, type Texts, titleOf } from "./words.ts";
import { type Kind, kindOfPart, legend, signed } from "./works.ts";

const words = {
  en: {
    title: "where the votes of clusters stand",
    none: "No cluster is declared.",
    frame: "inner frame: one physical machine, lost as a whole",
    votes: (all: number, needed: number) => `${all} votes; writes need ${needed}`,
    domains: (there: number, demanded: number) => `failure domains: ${there}, demanded ${demanded}`,
    providers: (there: number, demanded: number) => `providers: ${there}, demanded ${demanded}`,
    near: (limit: number) => `Round trips (members: up to ${limit} ms):`,
    unknown: "not declared",
    databases: "databases",
    ready: "kept ready",
    lost: (left: number, all: number) => `If lost, ${left} of ${all} votes are left:`,
    goesOn: "writes go on",
    stops: "WRITES STOP",
    rules: {
      failureDomains: "Conceded for now: fewer failure domains than demanded.",
      providers: "Conceded for now: fewer providers than demanded.",
      quorum: "Conceded for now: an even number of votes.",
    },
    proposal: "Proposal:",
  },
  ru: {
    title: "где стоят голоса связок",
    none: "Связки не объявлены.",
    frame: "внутренняя рамка: одна физическая машина, пропадает целиком",
    votes: (all: number, needed: number) => `голосов: ${all}; для записи нужно ${needed}`,
    domains: (there: number, demanded: number) => `областей отказа: ${there}, требуется ${demanded}`,
    providers: (there: number, demanded: number) => `провайдеров: ${there}, требуется ${demanded}`,
    near: (limit: number) => `Туда и обратно (узлы: до ${limit} мс):`,
    unknown: "не объявлено",
    databases: "базы данных",
    ready: "готовы впрок",
    lost: (left: number, all: number) => `Если пропадёт, голосов ${left} из ${all}:`,
    goesOn: "запись продолжится",
    stops: "ЗАПИСЬ ОСТАНОВИТСЯ",
    rules: {
      failureDomains: "Пока допущено: областей отказа меньше, чем требуется.",
      providers: "Пока допущено: провайдеров меньше, чем требуется.",
      quorum: "Пока допущено: чётное число голосов.",
    },
    proposal: "Предложение:",
  },
} as const;

const MS: Texts = { en: "ms", ru: "мс" };
const GAP = 8;
const PADDING = 10;
const ROOM = INNER - 2 * PADDING;
/** Width of the column with the facts about a cluster. */
const FACTS = 236;
/** Two failure domains beside each other, behind the facts. */
const DOMAIN = (ROOM - FACTS - 2 * GAP) / 2;

interface Scope {
  readonly inventory: Inventory;
  readonly language: Language;
}

function domainBlock({ inventory, language }: Scope, cluster: Cluster, domain: Domain): Block {
  const { lost, goesOn, stops } = words[language];
  const padding = 7;
  const room = DOMAIN - 2 * padding;
  const site = inventory.sites.find(({ id }) => id === domain.site);
  const isHost = domain.hosts.length === 1 && domain.hosts[0]?.id === domain.id;
  const hosts = domain.hosts.map(({ id }) =>
    signed({ kind: kindOfPart(partIn(cluster, id) ?? "member"), text: id }, room, { bold: true }),
  );
  const place = `${isHost ? "" : `${domain.id}, `}${site?.provider} · ${domain.site}`;
  return framed(
    column([
      paragraph(place, { soft: true }, room),
      rows(hosts, room, 12, 0),
      paragraph(lost(domain.votesLeft, votersOf(cluster).length), {}, room),
      paragraph(domain.goesOn ? goesOn : stops, { bold: true }, room),
    ]),
    { width: DOMAIN, padding, look: domain.goesOn ? "cell" : "alarm" },
  );
}

function distanceText({ sites, roundTrip }: Distance, language: Language): string {
  const time = roundTrip === undefined ? words[language].unknown : `${roundTrip} ${MS[language]}`;
  return `${sites.join(" – ")}: ${time}`;
}

/** Names of a cluster's databases: those in use, then those that wait for their application. */
function databasesText({ inventory, language }: Scope, cluster: Cluster): string[] {
  const { databases, ready } = words[language];
  const uses = databasesOf(inventory, cluster);
  const names = (isUsed: boolean): string =>
    uses
      .filter(({ nodes }) => nodes.length > 0 === isUsed)
      .map(({ id }) => id)
      .join(", ");
  return [
    ...(names(true) ? [`${databases}: ${names(true)}`] : []),
    ...(names(false) ? [`${ready}: ${names(false)}`] : []),
  ];
}

function facts(scope: Scope, cluster: Cluster): Block {
  const { inventory, language } = scope;
  const { votes, domains, providers, near } = words[language];
  const { placement } = inventory;
  const voters = votersOf(cluster).length;
  const spread = spreadOf(inventory, cluster);
  const distances = distancesOf(inventory, cluster);
  const texts = [
    votes(voters, Math.floor(voters / 2) + 1),
    domains(spread.domains.size, placement.failureDomains),
    providers(spread.providers.size, placement.providers),
    ...databasesText(scope, cluster),
    ...(distances.length > 0 ? [near(placement.roundTrip)] : []),
    ...distances.map((distance) => distanceText(distance, language)),
  ];
  const title = titleOf(inventory.clusters, cluster.id, language);
  return {
    ...column([
      paragraph(title, { size: "head", bold: true }, FACTS),
      paragraph([...new Set([cluster.id, cluster.software])].join(" · "), { soft: true }, FACTS),
      ...texts.map((text) => paragraph(text, {}, FACTS)),
    ]),
    width: FACTS,
  };
}

/** What falls short of the environment's rules, as it was conceded. */
export interface Conceded {
  /** The rule that is not kept, as a sentence. */
  readonly rule: string;
  /** What to do about it. */
  readonly proposal: string;
}

/** Where a cluster falls short, in words. */
export function concededOf(inventory: Inventory, cluster: Cluster, language: Language): Conceded[] {
  const { rules, proposal } = words[language];
  return shortfalls(inventory, cluster).map(({ rule }) => {
    const text = cluster.concessions.find((concession) => concession.rule === rule)?.proposal[language];
    return { rule: rules[rule], proposal: `${proposal} ${text}` };
  });
}

function concessions({ inventory, language }: Scope, cluster: Cluster): Block[] {
  const padding = 7;
  return concededOf(inventory, cluster, language).map(({ rule, proposal }) => {
    const inner = column([
      paragraph(rule, { bold: true }, ROOM - 2 * padding),
      paragraph(proposal, {}, ROOM - 2 * padding),
    ]);
    return framed(inner, { width: ROOM, padding, look: "notice" });
  });
}

function panel(scope: Scope, cluster: Cluster): Block {
  const domains = domainsOf(scope.inventory, cluster).map((domain) => domainBlock(scope, cluster, domain));
  const body = row([facts(scope, cluster), rows(domains, 2 * DOMAIN + GAP, GAP)], GAP);
  return framed(column([body, ...concessions(scope, cluster)], GAP), {
    width: INNER,
    padding: PADDING,
    look: "site",
  });
}

/** The placement of a cluster in words. */
function description({ inventory, language }: Scope, cluster: Cluster): string {
  const { lost, goesOn, stops } = words[language];
  const domains = domainsOf(inventory, cluster).map((domain) => {
    const hosts = domain.hosts.map(({ id }) => `${id} (${partIn(cluster, id)})`).join(", ");
    const then = `${lost(domain.votesLeft, votersOf(cluster).length)} ${domain.goesOn ? goesOn : stops}`;
    return `${domain.id}: ${hosts}. ${then}.`;
  });
  return `${cluster.title[language]}. ${domains.join(" ")}`;
}

/** Where the votes and copies of all clusters stand, as SVG. */
export function quorumSvg({ inventory }: Plan, language: Language): string {
  const scope = { inventory, language };
  const { clusters } = inventory;
  const { title, none, frame } = words[language];
  const kinds = new Set<Kind>(
    clusters
      .flatMap((cluster) => inventory.hosts.flatMap(({ id }) => partIn(cluster, id) ?? []))
      .map(kindOfPart),
  );
  const panels = clusters.map((cluster) => panel(scope, cluster));
  return svg({
    id: `quorum-${language}`,
    language,
    title: `${inventory.title[language]}: ${title}`,
    description: clusters.map((cluster) => description(scope, cluster)).join(" ") || none,
    body: column(
      clusters.length > 0
        ? [legend(kinds, language, INNER, [paragraph(frame, { soft: true })]), ...panels]
        : [paragraph(none)],
      GAP,
    ),
  });
}
