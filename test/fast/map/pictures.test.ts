/** The pictures of a farm: what they show, that they can be read, and that they are the same for the same plan. */
import assert from "node:assert/strict";
import test from "node:test";
import { partsOf } from "../../../src/inventory/clusters.ts";
import { edgeHosts } from "../../../src/inventory/domains.ts";
import { isHypervisor } from "../../../src/inventory/machines.ts";
import { mapPage, pictures } from "../../../src/map/page.ts";
import { UNITS_PER_MM } from "../../../src/map/picture.ts";
import { widthOf } from "../../../src/map/text.ts";
import { LANGUAGES } from "../../../src/map/words.ts";
import { labInventory, planOf, prodInventory } from "../farms.ts";
import { HARD_TITLE, plans } from "./farms.ts";
import { elements, parseXml, type XmlElement } from "./xml.ts";

interface Box {
  readonly what: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const farms = plans();

const textsOf = (root: XmlElement): XmlElement[] => elements(root).filter(({ name }) => name === "text");

const number = (element: XmlElement, name: string): number => Number(element.attributes[name]);

/** What a line of text takes up: from the top of the highest letter to the bottom of the lowest. */
function textBox(element: XmlElement): Box {
  const size = number(element, "font-size");
  const bold = element.attributes["font-weight"] === "bold";
  const width = widthOf(element.text, { size, bold });
  const [above, below] = [0.76 * size, 0.24 * size];
  const turned = /^translate\((\S+) (\S+)\) rotate\(-90\)$/.exec(element.attributes.transform ?? "");
  const what = element.text;
  const [x, y] = [number(element, "x"), number(element, "y")];
  if (turned === null) return { what, left: x, right: x + width, top: y - above, bottom: y + below };
  const [left, bottom] = [Number(turned[1]) + y, Number(turned[2]) - x];
  return { what, left: left - above, right: left + below, top: bottom - width, bottom };
}

function rectBox(element: XmlElement): Box {
  const [left, top] = [number(element, "x"), number(element, "y")];
  const what = `frame ${element.attributes.class}`;
  return { what, left, right: left + number(element, "width"), top, bottom: top + number(element, "height") };
}

const meet = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const holds = (outer: Box, inner: Box): boolean =>
  outer.left <= inner.left &&
  inner.right <= outer.right &&
  outer.top <= inner.top &&
  inner.bottom <= outer.bottom;

interface Drawn {
  /** "topology ru". */
  readonly name: string;
  readonly svg: string;
  readonly root: XmlElement;
  /** All that it says, without the gaps where lines end. */
  readonly said: string;
}

/** Every picture of every plan, in each language. */
const drawn = new Map<string, Drawn[]>(
  Object.entries(farms).map(([farm, plan]) => {
    const svgs = LANGUAGES.flatMap((language) =>
      Object.entries(pictures).map(([name, draw]) => [`${name} ${language}`, draw(plan, language)] as const),
    );
    const roots = parseXml(svgs.map(([, svg]) => svg));
    const all = svgs.map(([name, svg], index) => {
      const root = roots[index]!;
      const said = textsOf(root)
        .map(({ text }) => text)
        .join("")
        .replaceAll(" ", "");
      return { name, svg, root, said };
    });
    return [farm, all];
  }),
);
const picture = (farm: string, name: string): Drawn => drawn.get(farm)!.find((each) => each.name === name)!;

for (const [farm, all] of drawn)
  test(`${farm}: no text lies on another or crosses a frame, and none leaves the picture`, () => {
    for (const { name, root } of all) {
      const texts = textsOf(root).map(textBox);
      const [paper, ...frames] = elements(root)
        .filter((element) => element.name === "rect")
        .map((element) => rectBox({ ...element, attributes: { x: "0", y: "0", ...element.attributes } }));
      assert.ok(texts.length > 5, name);
      for (const [index, text] of texts.entries()) {
        const at = `${name}: "${text.what}"`;
        assert.ok(holds(paper!, text), `${at} leaves the picture`);
        for (const other of texts.slice(index + 1))
          assert.ok(!meet(text, other), `${at} lies on "${other.what}"`);
        for (const frame of frames)
          assert.ok(!meet(text, frame) || holds(frame, text), `${at} crosses a ${frame.what}`);
      }
    }
  });

for (const [farm, { inventory }] of Object.entries(farms))
  test(`${farm}: every host, site and cluster is there, in words for those who can't see as well`, () => {
    const hosts = inventory.hosts.map(({ id }) => id);
    const sites = inventory.sites.map(({ id }) => id);
    const clusters = inventory.clusters.flatMap((cluster) => [cluster.id, ...partsOf(cluster)]);
    for (const language of LANGUAGES) {
      const [topology, calls, quorum] = ["topology", "calls", "quorum"].map((name) =>
        picture(farm, `${name} ${language}`),
      );
      const described = elements(topology!.root).find(({ name }) => name === "desc")!.text;
      assert.deepEqual(
        [
          [...hosts, ...sites].filter((id) => !topology!.said.includes(id)),
          hosts.filter((id) => !calls!.said.includes(id)),
          clusters.filter((id) => !quorum!.said.includes(id)),
          hosts.filter((id) => !described.includes(id)),
        ],
        [[], [], [], []],
      );
    }
  });

test("a Proxmox host's guests stand in its frame, and nobody else", () => {
  const { hosts } = farms.prod!.inventory;
  const { root } = picture("prod", "topology en");
  const metals = elements(root).filter(({ attributes }) => attributes.class === "metal");
  // The legend has a small one.
  const [frame] = metals.map(rectBox).filter(({ right, left }) => right - left > 100);
  const names = textsOf(root).map(textBox);
  const inside = hosts
    .map(({ id }) => id)
    .filter((id) => names.some((text) => text.what === id && holds(frame!, text)));
  const expected = hosts.filter(({ origin }) => origin.kind === "guest" || isHypervisor(origin));
  assert.deepEqual(
    inside,
    expected.map(({ id }) => id),
  );
});

const count = (farm: string, name: string, look: string): number =>
  elements(picture(farm, name).root).filter(({ attributes }) => attributes.class === look).length;

test("a request's way has an arrow wherever the plan has a flow, and none where nobody takes it on", () => {
  // Two applications, three steps each; without an edge only the step from the node to its database is left.
  assert.equal(count("prod", "requests en", "arrow"), 6);
  assert.equal(count("five hosts", "requests en", "arrow"), 1);
  assert.match(picture("five hosts", "requests en").svg, />none declared</);
});

test("a physical machine whose loss stops the writes stands out, and so does what is conceded", () => {
  for (const language of LANGUAGES) {
    const framed = (farm: string): number[] =>
      ["alarm", "notice"].map((look) => count(farm, `quorum ${language}`, look));
    assert.deepEqual(
      [framed("prod"), framed("lab")],
      [
        [1, 1],
        [2, 0],
      ],
    );
  }
  assert.match(picture("prod", "quorum ru").svg, /Предложение: сервер Hetzner Cloud в Нюрнберге/);
});

test("printed on A4, no letter of a farm of up to sixty hosts is smaller than 6 points", () => {
  const [height, pointsPerMm] = [276, 72 / 25.4];
  for (const [farm, all] of drawn)
    for (const { name, root } of all) {
      const fits = Math.min(1, (height * UNITS_PER_MM) / number(root, "height"));
      const sizes = textsOf(root).map((text) => number(text, "font-size"));
      const points = (Math.min(...sizes) / UNITS_PER_MM) * fits * pointsPerMm;
      assert.ok(points >= 6, `${farm}, ${name}: ${points} points`);
    }
});

test("the same farm in any order of writing gives the same pictures, byte by byte", () => {
  const straight = planOf(prodInventory());
  const turned = planOf(
    prodInventory((farm) => {
      for (const list of [farm.sites, farm.hosts, farm.clusters!, farm.applications!, farm.databases!])
        list.reverse();
      for (const cluster of farm.clusters!) cluster.members.reverse();
      for (const application of farm.applications!) application.nodes.reverse();
      (edgeHosts(farm) as string[]).reverse();
    }),
  );
  assert.equal(mapPage(turned), mapPage(straight));
  assert.equal(mapPage(straight), mapPage(planOf(prodInventory())));
  assert.notEqual(mapPage(planOf(labInventory())), mapPage(straight));
});

test("any title is text, and nothing else", () => {
  const shown = HARD_TITLE.replace("\u0001", "\ufffd").toWellFormed().replaceAll(" ", "");
  for (const { name, svg, said } of drawn.get("hard names")!) {
    assert.doesNotMatch(svg, /<b>/);
    assert.ok(said.includes(shown), name);
  }
});

test("the page is well-formed, needs nothing from elsewhere and runs no script", () => {
  const pages = Object.values(farms).map((plan) => mapPage(plan));
  for (const page of pages) assert.doesNotMatch(page, /url\(|@import/);
  for (const root of parseXml(pages)) {
    const all = elements(root);
    assert.equal(all.filter(({ name }) => name === "svg").length, drawn.get("lab")!.length);
    const foreign = ["script", "link", "img", "iframe", "image", "use"];
    assert.deepEqual(
      all.filter(({ name, attributes }) => foreign.includes(name) || attributes.href || attributes.src),
      [],
    );
    const ids = all.flatMap(({ attributes }) => attributes.id ?? []);
    assert.equal(new Set(ids).size, ids.length);
    for (const label of all.flatMap(({ attributes }) => attributes["aria-labelledby"]?.split(" ") ?? []))
      assert.ok(ids.includes(label), label);
  }
});

test("a page in one language has no word of the other, and nothing to choose", () => {
  const page = mapPage(planOf(labInventory()), "en");
  assert.doesNotMatch(page, /[А-Яа-я]|<input/);
});
