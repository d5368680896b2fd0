/** Who calls whom as a table: a row calls a column, by the services whose letters stand where they meet. */
import { isHypervisor } from "../inventory/machines.ts";
import type { Plan } from "../plan/plan.ts";
import { MESH_PORT } from "../roles/mesh.ts";
import { type Block, column, framed, lineWidth, paragraph, row, rows, space, upwards } from "./blocks.ts";
import { type Calls, type Group, OUTSIDE, type Party, sumUp } from "./calls.ts";
import { INNER, svg } from "./picture.ts";
import type { Language } from "./words.ts";
import { signed, worksOfHost } from "./works.ts";

const words = {
  en: {
    title: "who calls whom, and what for",
    how: "A row calls a column for the services whose letters stand where they meet. Hosts that do the same share a row: a letter there holds for one of them at least. Where there is none, the packet filters at both ends let no connection through.",
    outsideCalls: "anybody outside the farm",
    outside: "outside the farm",
    mesh: `Between hosts all of it travels through the WireGuard mesh (${MESH_PORT}/udp), but for what is marked *.`,
  },
  ru: {
    title: "кто к кому обращается и зачем",
    how: "Строка обращается к столбцу за службами, чьи буквы стоят на их пересечении. Одинаковые серверы стоят в одной строке: буква верна хотя бы для одного. Где букв нет, брандмауэры с обеих сторон не пропустят соединение.",
    outsideCalls: "кто угодно снаружи",
    outside: "наружу",
    mesh: `Между серверами всё идёт по сети WireGuard (${MESH_PORT}/udp), кроме отмеченного *.`,
  },
} as const;

const LABEL = 224;
const PADDING = 4;
const NUMBER = 20;
const BOLD = { bold: true } as const;

/** A, B, … Z, AA, AB, … */
function letterOf(position: number): string {
  const last = String.fromCharCode(65 + (position % 26));
  return position < 26 ? last : letterOf(Math.floor(position / 26) - 1) + last;
}

interface Line {
  readonly party: Party;
  /** Begins a row. */
  readonly label: Block;
  /** Stands above a column. */
  readonly head: string;
}

function lineOf(plan: Plan, { hosts }: Group, index: number, language: Language): Line {
  const [first, ...others] = hosts;
  const works = first === undefined ? [] : worksOfHost(plan.inventory, first, language);
  const width = LABEL - NUMBER - 2 * PADDING;
  const number = `${index + 1}`;
  const label = column([
    paragraph(hosts.map(({ id }) => id).join(", "), BOLD, width),
    ...works.map((work) => signed(work, width)),
    ...(first !== undefined && isHypervisor(first.origin) ? [paragraph("Proxmox")] : []),
  ]);
  return {
    party: index,
    label: row([paragraph(number), space(NUMBER - lineWidth(number)), label]),
    head: `${number} ${first?.id}${others.length > 0 ? ` +${others.length}` : ""}`,
  };
}

/** Names above the columns, written upwards. */
function heads(lines: readonly Line[], width: number): Block {
  const height = Math.max(...lines.map(({ head }) => lineWidth(head))) + 2 * PADDING;
  return {
    width: lines.length * width,
    height,
    draw: (x, y) =>
      lines.map(({ head }, index) => upwards(head, x + (index + 0.5) * width, y + height - PADDING)).join(""),
  };
}

/** Where a row and a column meet: letters below the middle of the column's head. */
function meeting(letters: string, width: number): Block {
  const text = paragraph(letters, BOLD, width - 2 * PADDING);
  const indent = (width - 2 * PADDING - text.width) / 2;
  return framed(row([space(indent), text]), {
    width,
    padding: PADDING,
    round: 0,
    look: letters === "" ? "cell" : "called",
  });
}

function table(calls: Calls, from: readonly Line[], to: readonly Line[]): Block {
  const width = (INNER - LABEL) / to.length;
  const lines = from.map(({ party, label }) =>
    row([
      framed(label, { width: LABEL, padding: PADDING, round: 0, look: "cell" }),
      ...to.map((other) => meeting(calls.between(party, other.party).map(letterOf).join(" "), width)),
    ]),
  );
  return column([row([space(LABEL), heads(to, width)]), ...lines]);
}

/** What the letters mean, and where they are used. */
function key({ services }: Calls): Block {
  const gap = 16;
  const width = (INNER - gap) / 2;
  const entries = services.map(({ name, ports, underlay }, index) => {
    const letter = letterOf(index);
    const room = width - NUMBER;
    const entry = row([
      paragraph(letter, BOLD),
      space(NUMBER - lineWidth(letter, BOLD)),
      paragraph(`${name}${underlay ? "*" : ""}: ${ports.join(", ")}`, {}, room),
    ]);
    return { ...entry, width };
  });
  return rows(entries, INNER, gap, 0);
}

/** The whole table in words: for each caller whom it calls. */
function description(calls: Calls, from: readonly Line[], to: readonly Line[]): string {
  const services = (letters: readonly number[]): string =>
    letters.map((position) => calls.services[position]?.name).join(", ");
  return from
    .map(({ party, head }) => {
      const called = to.flatMap((other) => {
        const found = calls.between(party, other.party);
        return found.length > 0 ? [`${other.head} (${services(found)})`] : [];
      });
      return `${head} → ${called.join("; ") || "—"}.`;
    })
    .join(" ");
}

/** Who calls whom as SVG. */
export function callsSvg(plan: Plan, language: Language): string {
  const { title, how, outsideCalls, outside, mesh } = words[language];
  const calls = sumUp(plan);
  const groups = calls.groups.map((group, index) => lineOf(plan, group, index, language));
  const label = paragraph(outsideCalls, BOLD, LABEL - 2 * PADDING);
  const from: Line[] = [{ party: OUTSIDE, label, head: outsideCalls }, ...groups];
  const to: Line[] = [...groups, { party: OUTSIDE, label, head: outside }];
  return svg({
    id: `calls-${language}`,
    language,
    title: `${plan.inventory.title[language]}: ${title}`,
    description: description(calls, from, to),
    body: column(
      [paragraph(how, {}, INNER), table(calls, from, to), key(calls), paragraph(mesh, { soft: true }, INNER)],
      6,
    ),
  });
}
