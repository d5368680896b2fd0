import assert from "node:assert/strict";
import { test } from "node:test";
import {
  agent,
  assertSame,
  bundleOf,
  file,
  listing,
  OPS,
  service,
  unit,
  type Wants,
} from "./agent-machine.ts";

const SYSCTL = "net.ipv4.tcp_fin_timeout";

/** The state to come back to. */
export const wants = (): Wants[] => [
  service("t-web", { restartOn: ["/etc/t-a"], reloadOn: ["/etc/t-b"] }),
  service("t-old"),
  {
    files: [
      file("/etc/t-a", "1\n"),
      file("/etc/t-b", "1\n", { owner: "www-data:root", mode: "0640" }),
      file("/etc/t-token", `\${secret:token}\n`, { mode: "0600" }),
    ],
    directories: [{ path: "/etc/t-dir", owner: "root:root", mode: "0755" }],
    links: [{ path: "/etc/t-link", target: "t-a" }],
    accounts: [OPS],
    sysctls: [{ key: SYSCTL, value: "17" }],
    probes: [{ name: "well", command: "test -e /etc/t-a", within: 5 }],
  },
];

/** A bundle that touches all there is, in every way. */
export const upheaval = (...more: Wants[]): Wants[] => [
  service("t-web", { restartOn: ["/etc/t-a"], reloadOn: ["/etc/t-b"] }),
  service("t-new"),
  {
    files: [
      file("/etc/t-a", "2\n"),
      file("/etc/t-b", "1\n", { mode: "0644" }),
      file("/etc/t-link", "a file now\n"),
      file("/etc/t-deep/er/file", "new\n"),
      file("/etc/issue", "ours\n"),
    ],
    directories: [{ path: "/etc/t-dir", owner: "root:www-data", mode: "2770" }],
    links: [{ path: "/etc/t-token", target: "t-a" }],
    accounts: [{ ...OPS, shell: "/bin/sh", groups: [] }],
    sysctls: [
      { key: SYSCTL, value: "18" },
      { key: "net.ipv4.ip_forward", value: "1" },
    ],
    units: [
      unit("t-foreign.service", { state: "masked", enabled: false }),
      unit("t-own.service", { state: "stopped", enabled: false }),
    ],
  },
  ...more,
];

const entry = (text: string) => {
  const body = bundleOf([{ files: [file("/etc/t-a", "3\n")] }]).replace(/end \d+\n$/, `\n${text}\n`);
  return `${body}end ${body.split("\n").length - 1}\n`;
};

/** Bundles that are refused at first sight. */
export function refusals(): void {
  const whole = bundleOf(upheaval());
  const whoever = (part: Wants) => bundleOf([...wants(), part]);
  const head = bundleOf([]).split("\n")[0] ?? "";
  const refused: [string, string, RegExp][] = [
    ["nothing", "", /no bundle/],
    ["a first line alone", `${head}\n`, /cut short/],
    ["cut within an entry", whole.slice(0, whole.indexOf("mode:")), /cut short/],
    ["cut after an entry", `${whole.slice(0, whole.indexOf("\n\nfile "))}\n`, /cut short/],
    ["without the last newline", whole.slice(0, -1), /cut short/],
    ["without the last line", whole.replace(/end \d+\n$/, ""), /cut short/],
    ["with a line less", whole.replace(/\n {4}role: .*\n/, "\n"), /cut short or changed/],
    ["for another host", whole.replace("for farmhand", "for other"), /is for other, this host is farmhand/],
    ["of another version", whole.replace("farm bundle 1", "farm bundle 2"), /version 2, this agent reads 1/],
    ["with an unknown kind", entry("teapot /x\n    mode: 0644"), /unknown kind of entry `teapot/],
    [
      "with an unknown field",
      entry("link /etc/t-x\n    target: x\n    colour: red"),
      /unknown field `colour/,
    ],
    ["with a field missing", entry("link /etc/t-x\n    role: x"), /lacks the field `target`/],
    [
      "with a strange value",
      entry("unit x.service\n    state: on\n    enabled: yes"),
      /`on` can't be its state/,
    ],
    ["with a relative path", entry("link etc/x\n    target: x"), /can't be the name of a link/],
    ["with a path that climbs", entry("link /etc/../x\n    target: x"), /can't be the name of a link/],
    ["with an option for an account", entry("account -o"), /can't be the name of a account/],
    ["with a package to remove", entry("packages\n    bash-"), /can't be the name of a package/],
    ["with a template", entry("unit x@.service"), /can't be the name of a unit/],
    [
      "with something twice",
      entry("link /a\n    target: x\n\nlink /a\n    target: y"),
      /two entries for link \/a/,
    ],
    [
      "that needs a secret it was not given",
      whoever({ files: [file("/etc/t-c", `\${secret:lost}\n`)] }),
      /secret lost, which/,
    ],
    [
      "that needs such a secret for a database",
      whoever({ databaseAccounts: [{ engine: "mariadb", name: "x", secret: "lost", grants: [] }] }),
      /secret lost, which/,
    ],
  ];
  for (const [name, input, message] of refused)
    test(`a bundle ${name} is refused, and nothing changes`, async () => {
      const before = await listing();
      for (const command of ["prepare", "apply", "apply --check"]) {
        const { code, report, output } = await agent(command, input);
        assert.equal(code, 2, output);
        assert.match(report.error ?? "", message);
      }
      assertSame(await listing(), before);
    });
}
