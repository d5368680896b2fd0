/** The page of one host: what it is, who may reach it, whom it calls, what runs on it. */
import type { ListenState } from "../host/state.ts";
import { sizesText } from "../map/words.ts";
import type { HostPlan } from "../plan/plan.ts";
import { hostBackups } from "./backups.ts";
import { originText, type Scope } from "./scope.ts";
import { properties, shown, table } from "./wikitext.ts";
import type { Word } from "./words.ts";

/** Who may call a host, a row for each open port. */
function incoming(scope: Scope, { host, state }: HostPlan): string[][] {
  const callers = ({ port, protocol }: ListenState): string[] =>
    scope.plan.flows
      .filter((flow) => flow.to === host.id && flow.port === port && flow.protocol === protocol)
      .map(({ from }) => from);
  return state.listens
    .filter(({ reach }) => reach !== "local")
    .map((listen) => [
      shown(listen.service),
      shown(`${listen.port}/${listen.protocol}`),
      listen.reach === "world"
        ? shown(scope.say("world"))
        : scope.to("host", [...new Set(callers(listen))].sort()),
    ]);
}

/** Whom a host calls, a row for each service. */
function outgoing(scope: Scope, { state }: HostPlan): string[][] {
  const calls = Map.groupBy(
    state.connects,
    ({ service, port, protocol }) => `${service} ${port}/${protocol}`,
  );
  return [...calls.values()].map((alike) => {
    const hosts = new Set(alike.flatMap(({ to }) => ("host" in to ? to.host : [])));
    const others = new Set(
      alike.flatMap(({ to }) =>
        to.kind === "internet"
          ? shown(scope.say("internet"))
          : to.kind === "address"
            ? shown(to.address)
            : [],
      ),
    );
    const [first] = alike;
    return [
      shown(first?.service ?? ""),
      shown(`${first?.port}/${first?.protocol}`),
      [scope.to("host", [...hosts].sort()), ...others].filter(Boolean).join(", "),
    ];
  });
}

/** What is held to a version, and all packages that the plan installs. */
const versions = (scope: Scope, { state }: HostPlan): string[] => [
  ...table(
    [scope.say("package"), scope.say("version")],
    state.versions.map(({ source, version }) => [shown(source), shown(version)]),
  ),
  scope.say(state.versions.length > 0 ? "otherVersions" : "allVersions"),
  "",
  `${scope.say("installed")}: ${shown(state.packages.join(", "))}`,
];

/** The lines of a host's page. */
export function hostLines(scope: Scope, plan: HostPlan): string[] {
  const { host, roles } = plan;
  const row = (label: Word, value: string) => [scope.say(label), shown(value)] as const;
  const head = (last: Word): string[] => [scope.say("service"), scope.say("port"), scope.say(last)];
  return [
    ...properties([
      row("site", scope.site(host)),
      row("kind", originText(scope, host)),
      row("machine", host.failureDomain),
      row("sizes", sizesText(host, scope.language)),
      row("address", [host.address, host.address6 ?? ""].filter(Boolean).join(", ")),
      row("mesh", host.mesh),
      row("roles", roles.join(", ")),
    ]),
    ...scope.part("reach", table(head("from"), incoming(scope, plan))),
    ...scope.part("calls", table(head("to"), outgoing(scope, plan))),
    ...scope.part("versions", versions(scope, plan)),
    ...scope.part("backups", hostBackups(scope, host)),
  ];
}
