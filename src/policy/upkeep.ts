/** Policies about what nobody misses until it is needed: copies to go back to, somebody who notices, and pages to read. */
import { mountsOf } from "../inventory/machines.ts";
import type { Inventory } from "../inventory/schema.ts";
import { hostViolations, notFromBoot, type Policy, type Text } from "./policy.ts";

export const copiesKept: Policy = {
  name: "copies-kept",
  severity: "mandatory",
  rule: {
    en: "what providers and Proxmox hosts keep of former states is not turned off",
    ru: "копии прежних состояний у провайдеров и на серверах Proxmox не отключают",
  },
  reason: {
    en: "the farm makes no backups of its own yet, and without these nothing brings back what somebody deletes",
    ru: "своих резервных копий у фермы ещё нет, и без этих удалённое ниоткуда не вернуть",
  },
  incident: {
    en: "the lessons of the compromised GitLab: rolling backups to go back in time",
    ru: "уроки взлома GitLab: скользящие резервные копии, чтобы вернуться назад во времени",
  },
  violations: hostViolations(({ host: { origin } }) => [
    ...(origin.kind === "droplet" && !origin.backups
      ? [{ what: "DigitalOcean keeps no backups of it", instead: "leave out backups: false" }]
      : []),
    ...mountsOf(origin)
      .filter(({ snapshots }) => Object.values(snapshots).every((kept) => kept === 0))
      .map(({ path }) => ({
        what: `no snapshot of ${path} is kept`,
        instead: "keep some, such as snapshots: { daily: 30 }",
      })),
  ]),
};

export const watched: Policy = {
  name: "watched",
  severity: "mandatory",
  rule: {
    en: "every host looks after itself all day, and whatever listens is asked whether it works",
    ru: "каждый сервер весь день следит за собой, а всё, что слушает порт, спрашивают, работает ли оно",
  },
  reason: {
    en: "what nobody looks at is found broken when it is needed, or by others",
    ru: "о поломке того, за чем не следят, узнают, когда оно понадобится, или от чужих",
  },
  incident: {
    en: "2021-12-14 to 2022-01-26: others had to tell us of our open portmapper and our scans",
    ru: "с 14.12.2021 по 26.01.2022: об открытом portmapper и сканировании нам сообщили чужие",
  },
  violations: hostViolations(({ state }) => {
    const asked = new Set(state.probes.map(({ role }) => role));
    return [
      ...notFromBoot(state, "farm-drift.timer"),
      ...state.listens
        .filter(({ role }) => !asked.has(role))
        .map(({ role, port, protocol }) => ({
          what: `role "${role}" listens on ${port}/${protocol}, and no probe of it asks anything`,
          instead: "give the role a probe",
        })),
    ];
  }),
};

/** Name of the probe, of any host, that fails unless a backup of a cluster was restored and checked of late. */
export const restoreProbe = (cluster: string): string => `a backup of ${cluster} was restored`;

export const restoreChecked: Policy = {
  name: "restore-checked",
  severity: "advisory",
  rule: {
    en: "every cluster is backed up, and a probe knows that a backup was restored of late",
    ru: "у каждой связки есть резервные копии, и проба знает, что одну из них недавно восстановили",
  },
  reason: {
    en: "its members repeat whatever goes wrong in one of them, and a backup that nobody restored may be none",
    ru: "участники связки повторяют ошибку, случившуюся в одном из них, а копия, из которой не восстанавливали, может оказаться негодной",
  },
  incident: {
    en: "the former farm copied weekly and daily, and no restore was ever checked",
    ru: "прежняя ферма копировала еженедельно и ежедневно, а восстановления никто не проверял",
  },
  violations: ({ inventory: { clusters }, hosts }) => {
    const probes = new Set(hosts.flatMap(({ state }) => state.probes.map(({ name }) => name)));
    return clusters
      .filter(({ id }) => !probes.has(restoreProbe(id)))
      .map(({ id }) => ({
        where: `cluster ${id}`,
        what: "nothing says that a backup of it was restored",
        instead: `until a role of the farm does it, do it by hand: docs/en/how-to.md, docs/ru/how-to.md, "Save databases, and bring them back" (the role is to have the probe "${restoreProbe(id)}")`,
      }));
  },
};

/** All titles, each with the name in messages of what it belongs to. */
const titles = ({ stack, title, ...inventory }: Inventory): [where: string, Text][] => [
  [`stack ${stack}`, title],
  ...(["site", "host", "cluster", "application"] as const).flatMap((kind) =>
    inventory[`${kind}s`].flatMap((each): [string, Text][] =>
      each.title === undefined ? [] : [[`${kind} ${each.id}`, each.title]],
    ),
  ),
];

const CYRILLIC = /\p{Script=Cyrillic}/u;

/** What of a title its readers can't read. A name of its own may be the same in both languages: "Redmine". */
function unreadable({ en, ru }: Text): string[] {
  if (CYRILLIC.test(en)) return [`its English title is in Russian: "${en}"`];
  return ru !== en && !CYRILLIC.test(ru) ? [`its Russian title is in English: "${ru}"`] : [];
}

export const onTheWiki: Policy = {
  name: "on-the-wiki",
  severity: "advisory",
  rule: {
    en: "a stack has a wiki for its pages, and what they are about is named in either language",
    ru: "у облака есть вики для его страниц, и всё, о чём они, названо на обоих языках",
  },
  reason: {
    en: "some administrators read only Russian and some only English, and at night the wiki is what they have",
    ru: "часть администраторов читает только по-русски, часть только по-английски, и ночью у них есть только вики",
  },
  violations: ({ inventory }) => [
    ...(inventory.applications.some(({ software }) => software === "mediawiki")
      ? []
      : [
          {
            where: `stack ${inventory.stack}`,
            what: "none of its applications is a wiki on which `farm wiki publish` could write",
            instead: 'declare an application with software: "mediawiki"',
          },
        ]),
    ...titles(inventory).flatMap(([where, title]) =>
      unreadable(title).map((what) => ({ where, what, instead: "write title: { en: …, ru: … }" })),
    ),
  ],
};
