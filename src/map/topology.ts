/** What stands where: sites with their machines, Proxmox hosts with their guests, hosts with their works. */
import { guestsOf } from "../inventory/capacity.ts";
import { isHypervisor, isVm } from "../inventory/machines.ts";
import type { Host, Inventory, Site } from "../inventory/schema.ts";
import type { Plan } from "../plan/plan.ts";
import { type Block, column, framed, paragraph, row, rows, space } from "./blocks.ts";
import { INNER, svg } from "./picture.ts";
import { countryText, type Language, sizesText } from "./words.ts";
import { legend, signed, worksOfHost } from "./works.ts";

const words = {
  en: {
    title: "what stands where",
    size: "2 / 20 GB: memory / disk",
    proxmox: "Proxmox host, its guests inside",
    dedicated: "dedicated server",
    idle: "nothing declared",
    empty: "no host here yet",
    training: "training",
    until: "until",
  },
  ru: {
    title: "что где стоит",
    size: "2 / 20 ГБ: память / диск",
    proxmox: "сервер Proxmox, внутри — его гости",
    dedicated: "выделенный сервер",
    idle: "ничего не объявлено",
    empty: "серверов пока нет",
    training: "занятие",
    until: "по",
  },
} as const;

const GAP = 6;
const SITE_PADDING = 10;
const METAL_PADDING = 8;
/** Hosts beside each other: five names of usual length are readable beside each other on A4. */
const COLUMNS = 5;

/** Width of each of `columns` cells that share `width`. */
const share = (width: number, columns: number): number => (width - (columns - 1) * GAP) / columns;
/** Sites that have no whole row side by side: together five of their cells, and three frames, fit in a row. */
const CELL = Math.floor(share(INNER - 6 * SITE_PADDING, COLUMNS));

/** Which machine a host is, "LXC 111" or what its provider calls such a one. */
function originText({ origin }: Host, language: Language): string {
  if (origin.kind === "guest") return `${isVm(origin) ? "VM" : "LXC"} ${origin.vmid}`;
  if (origin.kind === "vps") return origin.product;
  if (origin.kind === "droplet") return origin.size;
  if (origin.kind === "hcloud") return origin.type;
  return words[language].dedicated;
}

/** What all parts of the picture are made from. */
interface Scope {
  readonly inventory: Inventory;
  readonly language: Language;
}

function cell({ inventory, language }: Scope, host: Host, width: number): Block {
  const padding = 6;
  const room = width - 2 * padding;
  const works = worksOfHost(inventory, host, language);
  const facts = `${originText(host, language)}, ${sizesText(host, language)}`;
  return framed(
    column([
      paragraph(host.id, { size: "name", bold: true }, room),
      ...(host.title ? [paragraph(host.title[language], {}, room)] : []),
      paragraph(facts, { soft: true }, room),
      ...works.map((work) => signed(work, room)),
      ...(works.length === 0 ? [paragraph(words[language].idle, { soft: true }, room)] : []),
    ]),
    { width, padding, look: "cell" },
  );
}

/** A Proxmox host around its guests. */
function metal(scope: Scope, host: Host, width: number): Block {
  const { inventory, language } = scope;
  const room = width - 2 * METAL_PADDING;
  const guests = guestsOf(inventory, host.id);
  const facts = [host.title?.[language], "Proxmox", sizesText(host, language)].filter(Boolean).join(", ");
  const name = paragraph(host.id, { size: "head", bold: true }, room);
  const head = rows([name, paragraph(facts, { soft: true }, room)], room, GAP);
  const own = worksOfHost(inventory, host, language).map((work) => signed(work, room));
  const cells = guests.map((guest) => cell(scope, guest, share(room, COLUMNS)));
  return framed(column([head, ...own, rows(cells, room, GAP)], 3), {
    width,
    padding: METAL_PADDING,
    look: "metal",
  });
}

function siteBlock(scope: Scope, site: Site): Block {
  const { inventory, language } = scope;
  const here = inventory.hosts.filter((host) => host.site === site.id && host.origin.kind !== "guest");
  const metals = here.filter(({ origin }) => isHypervisor(origin));
  const single = here.filter(({ origin }) => !isHypervisor(origin));
  const columns = Math.min(COLUMNS, Math.max(1, single.length));
  const room = metals.length > 0 ? INNER - 2 * SITE_PADDING : columns * CELL + (columns - 1) * GAP;
  const where = `${site.provider}, ${countryText(site.country, language)}\u00a0· ${site.id}`;
  return framed(
    column(
      [
        column([
          paragraph(site.title[language], { size: "head", bold: true }, room),
          paragraph(where, { soft: true }, room),
        ]),
        ...(here.length === 0 ? [paragraph(words[language].empty, {}, room)] : []),
        ...metals.map((host) => metal(scope, host, room)),
        rows(
          single.map((host) => cell(scope, host, CELL)),
          room,
          GAP,
        ),
      ],
      GAP,
    ),
    { width: room + 2 * SITE_PADDING, padding: SITE_PADDING, look: "site" },
  );
}

/** Machines that are there for a training are no hosts: a line for each training. */
function trainings({ inventory, language }: Scope): Block[] {
  const { training, until } = words[language];
  return inventory.trainings.map(({ name, count, type, location, until: day }) =>
    paragraph(
      `${training} ${name}: ${count} × ${type}, Hetzner Cloud ${location}, ${until} ${day}`,
      {},
      INNER,
    ),
  );
}

/** The whole picture in words. */
function description({ inventory, language }: Scope): string {
  const hostText = (host: Host): string => {
    const works = worksOfHost(inventory, host, language).map(({ text }) => text);
    const on = host.origin.kind === "guest" ? [host.origin.parent] : [];
    return `${host.id} (${[...on, ...works].join(", ") || words[language].idle})`;
  };
  return inventory.sites
    .map((site) => {
      const hosts = inventory.hosts.filter((host) => host.site === site.id);
      const list = hosts.length > 0 ? hosts.map(hostText).join(", ") : words[language].empty;
      return `${site.title[language]} (${site.provider}, ${countryText(site.country, language)}): ${list}.`;
    })
    .join(" ");
}

/** By who is paid for them, then by name. */
const byProvider = (a: Site, b: Site): number => (`${a.provider} ${a.id}` < `${b.provider} ${b.id}` ? -1 : 1);

/** The topology as SVG: what stands where, and what each host is there for. */
export function topologySvg({ inventory }: Plan, language: Language): string {
  const scope = { inventory, language };
  const { size, proxmox, title } = words[language];
  const kinds = new Set(
    inventory.hosts.flatMap((host) => worksOfHost(inventory, host, language).map(({ kind }) => kind)),
  );
  const sites = inventory.sites.toSorted(byProvider).map((site) => siteBlock(scope, site));
  const more = [
    ...(inventory.hosts.some(({ origin }) => isHypervisor(origin))
      ? [row([framed(space(14), { width: 14, padding: 4.5, look: "metal" }), paragraph(proxmox)], 5)]
      : []),
    paragraph(size, { soft: true }),
  ];
  return svg({
    id: `topology-${language}`,
    language,
    title: `${inventory.title[language]}: ${title}`,
    description: description(scope),
    body: column([legend(kinds, language, INNER, more), rows(sites, INNER, GAP), ...trainings(scope)], 10),
  });
}
