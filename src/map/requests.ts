/** The way of a request: from a name to the edge, on to the nodes of the application, and to its data. */
import { edgeHosts } from "../inventory/domains.ts";
import { clusterOf } from "../inventory/load.ts";
import type { Application } from "../inventory/schema.ts";
import type { Plan } from "../plan/plan.ts";
import { type Block, column, framed, paragraph, row, space } from "./blocks.ts";
import { element } from "./markup.ts";
import { INNER, svg } from "./picture.ts";
import { type Language, titleOf } from "./words.ts";
import { type Kind, signed } from "./works.ts";

const words = {
  en: {
    title: "the way of a request",
    steps: ["name", "edge", "nodes of the application", "database"],
    none: "none declared",
    description: (way: readonly string[]) => `A request for ${way.join(", then ")}.`,
  },
  ru: {
    title: "путь запроса",
    steps: ["имя", "вход", "узлы приложения", "база данных"],
    none: "не объявлено",
    description: (way: readonly string[]) => `Запрос к ${way.join(", затем ")}.`,
  },
} as const;

const GAP = 26;
const PADDING = 6;
const STEPS = 4;
const WIDTH = (INNER - (STEPS - 1) * GAP) / STEPS;

/** From a frame to the next; nothing where nobody calls. */
const arrow = (isThere: boolean): Block => ({
  width: GAP,
  height: 0,
  draw: (x, y, height = 0) => {
    const [left, right, middle] = [x + 3, x + GAP - 3, y + height / 2];
    if (!isThere) return "";
    return (
      element("line", { class: "arrow", x1: left, y1: middle, x2: right - 6, y2: middle }) +
      element("polygon", {
        class: "ink",
        points: `${right},${middle} ${right - 7},${middle - 4} ${right - 7},${middle + 4}`,
      })
    );
  },
});

interface Step {
  readonly title: string;
  readonly kind?: Kind;
  /** Hosts, or other names. */
  readonly names: readonly string[];
}

function stepsOf({ inventory }: Plan, application: Application, language: Language): Step[] {
  const title = titleOf(inventory.applications, application.id, language);
  const cluster = clusterOf(inventory, application.database.cluster);
  const [, edge] = words[language].steps;
  return [
    { title, names: application.hostnames },
    { title: edge, kind: "edge", names: edgeHosts(inventory) },
    { title, kind: "node", names: application.nodes },
    {
      title: titleOf(inventory.clusters, cluster.id, language),
      kind: "member",
      names: cluster.members,
    },
  ];
}

function way(plan: Plan, application: Application, language: Language): Block {
  const steps = stepsOf(plan, application, language);
  const calls = (from: readonly string[], to: readonly string[]): boolean =>
    plan.flows.some((flow) => from.includes(flow.from) && to.includes(flow.to));
  const room = WIDTH - 2 * PADDING;
  return row(
    steps.flatMap(({ title, kind, names }, index) => {
      const heading =
        kind === undefined
          ? paragraph(title, { size: "name", bold: true }, room)
          : signed({ kind, text: title }, room, { bold: true });
      const list = paragraph(names.join(", ") || words[language].none, {}, room);
      const frame = framed(column([heading, list]), { width: WIDTH, padding: PADDING, look: "cell" });
      const next = steps[index + 1];
      if (next === undefined) return [frame];
      // People come to the edge from outside, which is no flow between hosts.
      return [frame, arrow(index === 0 ? next.names.length > 0 : calls(names, next.names))];
    }),
  );
}

/** The way of a request to each application as SVG. An arrow is there where the plan has a flow. */
export function requestsSvg(plan: Plan, language: Language): string {
  const { title, steps, none, description } = words[language];
  const { applications, title: farm } = plan.inventory;
  const heads = steps.flatMap((step, index) => [
    { ...paragraph(step, { soft: true }), width: WIDTH },
    ...(index < STEPS - 1 ? [space(GAP)] : []),
  ]);
  const inWords = applications.map((application) =>
    description(
      stepsOf(plan, application, language).map(({ title: step, names }) => `${step} (${names.join(", ")})`),
    ),
  );
  return svg({
    id: `requests-${language}`,
    language,
    title: `${farm[language]}: ${title}`,
    description: inWords.join(" ") || none,
    body: column(
      applications.length === 0
        ? [paragraph(none)]
        : [row(heads), ...applications.map((application) => way(plan, application, language))],
      5,
    ),
  });
}
