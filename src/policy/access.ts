/** Policies about who gets into our hosts, and who can read what they must not. */
import { hostViolations, notFromBoot, type Policy, textOf } from "./policy.ts";

const SSHD = "/etc/ssh/sshd_config.d/10-farm.conf";
/** What sshd has to be told, and what to write. */
const KEYS_ONLY = [
  ["PasswordAuthentication", /^PasswordAuthentication no$/m, "PasswordAuthentication no"],
  ["KbdInteractiveAuthentication", /^KbdInteractiveAuthentication no$/m, "KbdInteractiveAuthentication no"],
  [
    "PermitRootLogin",
    /^PermitRootLogin (prohibit-password|forced-commands-only|no)$/m,
    "PermitRootLogin prohibit-password",
  ],
  ["AllowUsers", /^AllowUsers \S/m, "AllowUsers with the accounts that may log in"],
] as const;

export const keysOnly: Policy = {
  name: "keys-only",
  severity: "mandatory",
  rule: {
    en: "SSH takes keys only, of listed accounts",
    ru: "SSH принимает только ключи и только перечисленных учётных записей",
  },
  reason: { en: "passwords are guessed, by day and night", ru: "пароли подбирают круглые сутки" },
  incident: {
    en: "the lessons of the compromised GitLab: keys only, with a list of allowed accounts",
    ru: "уроки взлома GitLab: только ключи и список разрешённых учётных записей",
  },
  violations: hostViolations(({ state }) => {
    const text = textOf(state, SSHD);
    const count = (setting: string) => text.match(new RegExp(`^${setting} `, "gm"))?.length ?? 0;
    // Of two lines sshd takes the first, and people read the last.
    return KEYS_ONLY.filter(([setting, pattern]) => !pattern.test(text) || count(setting) > 1).map(
      ([setting, , line]) => ({
        what: `${SSHD} does not say once and clearly what ${setting} is to be`,
        instead: `write ${line}`,
      }),
    );
  }),
};

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** Whoever is neither owner nor of the group. */
const othersRead = (mode: string): boolean => (Number.parseInt(mode, 8) & 0o004) !== 0;

export const secretsByPlaceholder: Policy = {
  name: "secrets-by-placeholder",
  severity: "mandatory",
  rule: {
    en: "secrets stand in plans by their names alone, and in files that not everybody reads",
    ru: "секреты стоят в плане только именами и только в файлах, которые читает не каждый",
  },
  reason: {
    en: "plans are printed, compared and reviewed in public",
    ru: "планы печатают, сравнивают и рецензируют открыто",
  },
  violations: hostViolations(({ state, bundle }) => [
    ...(PRIVATE_KEY.test(bundle)
      ? [{ what: "a private key stands in the plan", instead: "use secret(NAME) in its place" }]
      : []),
    ...state.files
      .filter(({ content, mode }) => content.includes("${secret:") && othersRead(mode))
      .map(({ path, mode }) => ({
        what: `${path} has a secret and the mode ${mode}: everybody on the host can read it`,
        instead: "write the mode 0600, or 0640 with a group",
      })),
  ]),
};

export const automaticUpdates: Policy = {
  name: "automatic-updates",
  severity: "mandatory",
  rule: {
    en: "security updates install themselves every day",
    ru: "обновления безопасности ставятся сами каждый день",
  },
  reason: {
    en: "a hole that is known is used within days",
    ru: "известную уязвимость используют через считанные дни",
  },
  incident: {
    en: "GitLab in Docker without updates was compromised and joined a DDoS",
    ru: "GitLab в Docker без обновлений взломали, он участвовал в DDoS",
  },
  violations: hostViolations(({ state }) => [
    ...(state.packages.includes("unattended-upgrades")
      ? []
      : [
          { what: "unattended-upgrades is not installed", instead: "leave the package in src/roles/base.ts" },
        ]),
    ...notFromBoot(state, "apt-daily-upgrade.timer"),
  ]),
};
