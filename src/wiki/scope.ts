/** What all pages of a plan in one language share: their titles, and links to each other. */
import type { Host } from "../inventory/schema.ts";
import type { Language } from "../map/words.ts";
import type { Plan } from "../plan/plan.ts";
import { heading, link } from "./wikitext.ts";
import { type Word, word } from "./words.ts";

export type Kind = "host" | "cluster" | "application" | "domain";

export class Scope {
  readonly plan: Plan;
  readonly language: Language;

  constructor(plan: Plan, language: Language) {
    this.plan = plan;
    this.language = language;
  }

  get other(): Language {
    return this.language === "en" ? "ru" : "en";
  }

  say(key: Word): string {
    return word(key, this.language);
  }

  /** Title of the overview. */
  overview(language = this.language): string {
    return `${word("farm", language)} ${this.plan.inventory.stack}`;
  }

  title(kind: Kind, name: string, language = this.language): string {
    return `${this.overview(language)}/${word(kind, language)} ${name}`;
  }

  /** Links to pages of one kind, by name. */
  to(kind: Kind, names: readonly string[]): string {
    return names.map((name) => link(this.title(kind, name), name)).join(", ");
  }

  /** A part of a page under its heading; nothing where there is nothing to say. */
  part(title: Word, lines: readonly string[]): string[] {
    return lines.length > 0 ? ["", heading(this.say(title)), ...lines] : [];
  }

  site(host: Host): string {
    const site = this.plan.inventory.sites.find(({ id }) => id === host.site);
    return site === undefined ? host.site : `${site.title[this.language]} (${site.provider})`;
  }
}

const ORIGINS = {
  dedicated: "dedicated",
  guest: "guest",
  vps: "vps",
  droplet: "droplet",
  hcloud: "hcloud",
} as const satisfies Readonly<Record<Host["origin"]["kind"], Word>>;

/** What kind of machine a host is; of a guest with its number and Proxmox host. */
export function originText(scope: Scope, { origin }: Host): string {
  const kind = scope.say(ORIGINS[origin.kind]);
  return origin.kind === "guest" ? `${kind} ${origin.vmid}, ${origin.parent}` : kind;
}
