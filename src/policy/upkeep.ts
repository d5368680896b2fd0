/** Policies about what nobody misses until it is needed: copies to go back to, and somebody who notices. */
import { mountsOf } from "../inventory/machines.ts";
import { hostViolations, notFromBoot, type Policy } from "./policy.ts";

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
