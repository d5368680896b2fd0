/** A plan as pages of a wiki, in both languages: pure, and the same for the same plan, so that an unchanged page is left alone. */
import type { Zone } from "../dns/record.ts";
import { warnings } from "../inventory/check-placement.ts";
import { databasesOf, dataHostsOf, partsOf } from "../inventory/clusters.ts";
import type { Application, Cluster, Host } from "../inventory/schema.ts";
import { LANGUAGES, type Language, sizesText } from "../map/words.ts";
import { costOf } from "../plan/cost.ts";
import type { HostPlan, Plan } from "../plan/plan.ts";
import { heading, link, properties, shown, table } from "./wikitext.ts";
import { type Word, word } from "./words.ts";

export interface WikiPage {
  readonly title: string;
  readonly language: Language;
  /** Our part of the page, as markup. */
  readonly section: string;
}

type Kind = "host" | "cluster" | "application" | "domain";

/** Writes the pages of one plan in one language. */
class Writer {
  readonly #plan: Plan;
  readonly language: Language;

  constructor(plan: Plan, language: Language) {
    this.#plan = plan;
    this.language = language;
  }

  pages(): WikiPage[] {
    const { inventory, hosts, dns } = this.#plan;
    const { language } = this;
    const page = (title: string, other: string, lines: readonly string[]): WikiPage => ({
      title,
      language,
      section: [link(other, this.say("other")), "", ...lines].join("\n"),
    });
    const one = (kind: Kind, name: string, lines: readonly string[]): WikiPage =>
      page(this.title(kind, name), this.title(kind, name, this.other), [
        link(this.overview(), inventory.title[language]),
        "",
        ...lines,
      ]);
    return [
      page(this.overview(), this.overview(this.other), this.overviewLines()),
      ...hosts.map((host) => one("host", host.host.id, this.hostLines(host))),
      ...inventory.clusters.map((cluster) => one("cluster", cluster.id, this.clusterLines(cluster))),
      ...inventory.applications.map((each) => one("application", each.id, this.applicationLines(each))),
      ...dns.zones.map((zone) => one("domain", zone.name, this.domainLines(zone))),
    ];
  }

  get other(): Language {
    return this.language === "en" ? "ru" : "en";
  }

  say(key: Word): string {
    return word(key, this.language);
  }

  overview(language = this.language): string {
    return `${word("farm", language)} ${this.#plan.inventory.stack}`;
  }

  title(kind: Kind, name: string, language = this.language): string {
    return `${this.overview(language)}/${word(kind, language)} ${name}`;
  }

  to(kind: Kind, names: readonly string[]): string {
    return names.map((name) => link(this.title(kind, name), name)).join(", ");
  }

  overviewLines(): string[] {
    const { inventory, dns } = this.#plan;
    const cost = costOf(inventory);
    const short = warnings(inventory).map((warning) => `* ${shown(warning)}`);
    const part = (title: Word, lines: readonly string[]) =>
      lines.length > 0 ? ["", heading(this.say(title)), ...lines] : [];
    return [
      `'''${shown(inventory.title[this.language])}'''`,
      ...part("short", short),
      ...part(
        "hosts",
        table(
          [this.say("host"), this.say("site"), this.say("kind"), this.say("sizes"), this.say("monthly")],
          inventory.hosts.map((host) => [
            this.to("host", [host.id]),
            shown(this.site(host)),
            shown(this.origin(host)),
            shown(sizesText(host, this.language)),
            shown(host.price ? `${host.price.monthly.amount.toFixed(2)} ${host.price.monthly.currency}` : ""),
          ]),
        ),
      ),
      ...part(
        "clusters",
        inventory.clusters.map(
          ({ id, title }) => `* ${this.to("cluster", [id])}: ${shown(title[this.language])}`,
        ),
      ),
      ...part(
        "applications",
        inventory.applications.map(
          ({ id, title }) => `* ${this.to("application", [id])}: ${shown(title[this.language])}`,
        ),
      ),
      ...part(
        "domains",
        dns.zones.map(({ name }) => `* ${this.to("domain", [name])}`),
      ),
      ...part("money", [
        ...Object.entries(cost.providers).map(
          ([name, euros]) => `* ${shown(name)}: ${shown(euros.toFixed(2))}`,
        ),
        `* ${this.say("total")}: ${shown(cost.total.toFixed(2))} ${this.say("monthly")}`,
      ]),
      ...part("backups", [this.say("noBackups")]),
    ];
  }

  site(host: Host): string {
    const site = this.#plan.inventory.sites.find(({ id }) => id === host.site);
    return site === undefined ? host.site : `${site.title[this.language]} (${site.provider})`;
  }

  origin({ origin }: Host): string {
    return origin.kind === "guest" ? `${origin.kind} ${origin.vmid}, ${origin.parent}` : origin.kind;
  }

  hostLines({ host, roles, state }: HostPlan): string[] {
    const { flows } = this.#plan;
    const row = (label: Word, value: string) => [this.say(label), shown(value)] as const;
    const incoming = state.listens
      .filter(({ reach }) => reach !== "local")
      .map((listen) => {
        const callers = flows.filter(
          (f) => f.to === host.id && f.port === listen.port && f.protocol === listen.protocol,
        );
        const names = [...new Set(callers.map(({ from }) => from))].sort();
        return [
          shown(listen.service),
          shown(`${listen.port}/${listen.protocol}`),
          listen.reach === "world" ? shown(this.say("world")) : this.to("host", names),
        ];
      });
    const calls = Map.groupBy(
      state.connects,
      ({ service, port, protocol }) => `${service} ${port}/${protocol}`,
    );
    const outgoing = [...calls.values()].map((alike) => {
      const hosts = new Set(alike.flatMap(({ to }) => ("host" in to ? to.host : [])));
      const others = new Set(
        alike.flatMap(({ to }) =>
          to.kind === "internet" ? shown(this.say("world")) : to.kind === "address" ? shown(to.address) : [],
        ),
      );
      const [first] = alike;
      return [
        shown(first?.service ?? ""),
        shown(`${first?.port}/${first?.protocol}`),
        [this.to("host", [...hosts].sort()), ...others].filter(Boolean).join(", "),
      ];
    });
    return [
      ...properties([
        row("site", this.site(host)),
        row("kind", this.origin(host)),
        row("machine", host.failureDomain),
        row("sizes", sizesText(host, this.language)),
        row("address", [host.address, host.address6 ?? ""].filter(Boolean).join(", ")),
        row("mesh", host.mesh),
        row("roles", roles.join(", ")),
      ]),
      "",
      heading(this.say("reach")),
      ...table([this.say("service"), this.say("port"), this.say("from")], incoming),
      "",
      heading(this.say("calls")),
      ...table([this.say("service"), this.say("port"), this.say("to")], outgoing),
      ...(state.versions.length > 0
        ? [
            "",
            heading(this.say("versions")),
            ...table(
              [this.say("package"), this.say("version")],
              state.versions.map(({ source, version }) => [shown(source), shown(version)]),
            ),
          ]
        : []),
    ];
  }

  clusterLines(cluster: Cluster): string[] {
    const { inventory } = this.#plan;
    const data = dataHostsOf(cluster);
    const votes = partsOf(cluster).filter((id) => !data.includes(id));
    const copies = data.filter((id) => !cluster.members.includes(id));
    const row = (label: Word, value: string) => [this.say(label), value] as const;
    const version = cluster.software === "postgresql" ? ` ${cluster.version}` : "";
    return [
      `'''${shown(cluster.title[this.language])}'''`,
      ...properties([
        row("software", shown(cluster.software + version)),
        row("members", this.to("host", cluster.members)),
        row("witness", this.to("host", votes)),
        row("replicas", this.to("host", copies)),
      ]),
      "",
      heading(this.say("databases")),
      ...table(
        [this.say("database"), this.say("users")],
        databasesOf(inventory, cluster).map(({ id }) => {
          const application = inventory.applications.find((a) => a.id === id);
          const kept = inventory.databases.find((d) => d.id === id);
          return [
            shown(id),
            application ? this.to("application", [id]) : shown(kept?.title[this.language] ?? ""),
          ];
        }),
      ),
      "",
      heading(this.say("backups")),
      this.say("noBackups"),
    ];
  }

  applicationLines(application: Application): string[] {
    const row = (label: Word, value: string) => [this.say(label), value] as const;
    return [
      `'''${shown(application.title[this.language])}'''`,
      ...properties([
        row("software", shown(application.software)),
        row("names", application.hostnames.map((name) => `[https://${name} ${shown(name)}]`).join(", ")),
        row("nodes", this.to("host", application.nodes)),
        row("database", this.to("cluster", [application.database.cluster])),
      ]),
    ];
  }

  domainLines(zone: Zone): string[] {
    return [
      ...properties([
        [this.say("registrar"), shown(zone.registrar)],
        [this.say("signed"), shown(this.say(zone.dnssec ? "yes" : "no"))],
      ]),
      "",
      heading(this.say("records")),
      ...table(
        [this.say("name"), this.say("type"), this.say("content"), this.say("because")],
        zone.records.map((record) => [
          shown(record.name),
          shown(record.type),
          shown(`${record.priority ?? ""} ${record.content}`.trim()),
          shown(record.source),
        ]),
      ),
    ];
  }
}

/** All pages of a plan: an overview, and one for each host, cluster, application and domain, in both languages. */
export const pagesOf = (plan: Plan): WikiPage[] =>
  LANGUAGES.flatMap((language) => new Writer(plan, language).pages());
