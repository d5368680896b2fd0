/** The farm's pages on a wiki: what is written, what is left, and what happens when people or the wiki get in between. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { quorumSvg } from "../../../src/map/quorum.ts";
import { FarmError } from "../../../src/shell/errors.ts";
import { MediaWiki } from "../../../src/wiki/client.ts";
import type { Records } from "../../../src/wiki/figures.ts";
import { pagesOf, type WikiPage } from "../../../src/wiki/pages.ts";
import { publish } from "../../../src/wiki/publish.ts";
import { withSection } from "../../../src/wiki/section.ts";
import { shown } from "../../../src/wiki/wikitext.ts";
import { labInventory, planOf, prodInventory } from "../farms.ts";

const USER = "Admin@farm";
const PASSWORD = "a password";

/** MediaWiki's API as far as we use it: answers as its documentation shows them. */
class StandIn {
  readonly pages = new Map<string, { id: number; text: string }>();
  edits = 0;
  logins = 0;
  /** The session that is good; another value is as if it had expired. */
  session = 0;
  tags = ["<pre>", "<farm-picture>"];
  /** Called before an edit is looked at: somebody else may edit first. */
  between: (title: string) => void = () => {};
  readonly #server: Server;

  static async start(t: TestContext): Promise<StandIn> {
    const standIn = new StandIn();
    standIn.#server.listen(0, "127.0.0.1");
    await once(standIn.#server, "listening");
    t.after(() => standIn.#server.close());
    return standIn;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ body, cookie }) => {
        if (cookie) response.setHeader("set-cookie", `session=${cookie}; path=/; HttpOnly`);
        response.end(JSON.stringify(body));
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(title: string, text: string): void {
    this.edits += 1;
    this.pages.set(title, { id: this.edits, text });
  }

  async #answer(request: IncomingMessage): Promise<{ body: unknown; cookie?: string }> {
    let text = "";
    for await (const chunk of request) text += chunk;
    const p = Object.fromEntries(new URLSearchParams(text));
    const loggedIn = request.headers.cookie === `session=${this.session}` && this.session > 0;
    const error = (code: string) => ({ body: { error: { code, info: `the words for ${code}` } } });
    if (p.action === "login") {
      this.logins += 1;
      if (p.lgname !== USER || p.lgpassword !== PASSWORD || p.lgtoken !== "login+\\")
        return { body: { login: { result: "Failed", reason: "Incorrect username or password entered." } } };
      this.session += 1;
      return { body: { login: { result: "Success" } }, cookie: String(this.session) };
    }
    if (p.meta === "tokens")
      return {
        body: {
          query: {
            tokens: p.type === "login" ? { logintoken: "login+\\" } : { csrftoken: `csrf${this.session}+\\` },
          },
        },
      };
    if (p.assert === "user" && !loggedIn) return error("assertuserfailed");
    if (p.meta === "siteinfo") return { body: { query: { extensiontags: this.tags } } };
    if (p.action === "query") {
      const titles = (p.titles ?? "").split("|");
      assert(titles.length <= 50);
      const pages = titles.map((title) => {
        const page = this.pages.get(title);
        return page
          ? { title, revisions: [{ revid: page.id, slots: { main: { content: page.text } } }] }
          : { title, missing: true };
      });
      return { body: { query: { pages } } };
    }
    assert.equal(p.action, "edit");
    if (p.token !== `csrf${this.session}+\\`) return error("badtoken");
    const title = p.title ?? "";
    this.between(title);
    const page = this.pages.get(title);
    if (p.createonly && page) return error("articleexists");
    if (p.nocreate && !page) return error("missingtitle");
    if (p.baserevid && Number(p.baserevid) !== page?.id) return error("editconflict");
    this.put(title, p.text ?? "");
    return { body: { edit: { result: "Success" } } };
  }
}

const quiet = { dryRun: false, say: () => {} };
const wikiOf = (server: StandIn, password = PASSWORD) => new MediaWiki(server.url, USER, password);
const NONE: Records = { drills: [], rebuildings: [] };
const PAGES = pagesOf(planOf(prodInventory()), NONE);
const PAGE: WikiPage = { title: "Farm prod", language: "en", section: "one", isPicture: false };
const kinds = async (server: StandIn, pages = [PAGE], options = quiet) =>
  (await publish(wikiOf(server), pages, options)).map(({ title, kind, why }) =>
    [title, kind, ...(why ? [why] : [])].join(": "),
  );

test("each host, cluster, application and domain has a page in both languages, that link to each other", () => {
  const { hosts, clusters, applications, domains } = prodInventory();
  const count = 4 + 1 + hosts.length + clusters.length + applications.length + domains.length;
  assert.equal(PAGES.length, 2 * count);
  assert.equal(new Set(PAGES.map(({ title }) => title)).size, PAGES.length);
  const titles = new Set(PAGES.map(({ title }) => title));
  for (const { title, section } of PAGES)
    for (const [, target = ""] of section.matchAll(/\[\[([^|\]]+)\|/g))
      assert(titles.has(target), `${title} -> ${target}`);
  const ru = PAGES.find(({ title }) => title === "Ферма prod/сервер db1")?.section ?? "";
  assert.match(ru, /^\[\[Farm prod\/host db1\|In English\]\]/);
  assert.match(ru, /mariadb \|\| 3306\/tcp \|\| \[\[Ферма prod\/сервер contabo-de1\|contabo-de1\]\]/);
});

test("a picture is the whole text of a page, an element a line, which other pages show", () => {
  const picture = PAGES.find(({ title }) => title === "Ферма prod/схема голосов");
  const svg = /^<onlyinclude><farm-picture>\n(<svg [\s\S]*<\/svg>)\n<\/farm-picture><\/onlyinclude>$/m.exec(
    picture?.section ?? "",
  )?.[1];
  assert.equal(svg?.replaceAll(">\n<", "><"), quorumSvg(planOf(prodInventory()), "ru").trim());
  const overview = PAGES.find(({ title }) => title === "Ферма prod")?.section ?? "";
  assert.match(overview, /связка mariadb\|mariadb\]\].*Пока допущено.*Предложение/);
  const shownThere = [...overview.matchAll(/^\{\{:(.*)\}\}$/gm)].map(([, title]) => title);
  const pictures = PAGES.filter(({ isPicture, language }) => isPicture && language === "ru");
  assert.deepEqual(shownThere.sort(), pictures.map(({ title }) => title).sort());
});

test("what is kept of a host is told with what it is worth, and that it is no backup of the farm's", () => {
  const pages = pagesOf(
    planOf(
      prodInventory((farm) => {
        const web1 = farm.hosts.find(({ id }) => id === "web1")!;
        web1.origin = {
          ...web1.origin,
          mounts: [{ path: "/srv/files", size: "2 GB" }],
        } as typeof web1.origin;
      }),
    ),
    NONE,
  );
  const backups = (title: string): string =>
    (pages.find((page) => page.title === title)?.section ?? "").split("== Backups ==\n")[1] ?? "";
  assert.match(
    backups("Farm prod/host web1"),
    /^The farm has none yet\.\n\* Snapshots .*\n\*\* \/srv\/files: 24 hourly, 30 daily, 3 monthly$/,
  );
  assert.match(backups("Farm prod/host do-nyc1-a"), /^The farm has none yet\.\n\* DigitalOcean keeps weekly/);
  assert.equal(backups("Farm prod/host contabo-stl2"), "The farm has none yet.");
  assert.match(backups("Farm prod/cluster mariadb"), /no wrong change/);
});

test("the same farm gives the same pages, whatever the order of its lists", () => {
  const other = pagesOf(planOf(labInventory((farm) => void farm.applications?.reverse())), NONE);
  const byTitle = new Map(other.map((page) => [page.title, page.section]));
  for (const { title, section } of pagesOf(planOf(labInventory()), NONE))
    assert.equal(byTitle.get(title), section, title);
});

test("what is shown never becomes markup", () => {
  assert.equal(
    shown("'''[[x]]''' {{y}} <b> | =a=  ~~~~"),
    "&#39;&#39;&#39;&#91;&#91;x&#93;&#93;&#39;&#39;&#39; &#123;&#123;y&#125;&#125; &#60;b&#62; &#124; &#61;a&#61;  &#126;&#126;&#126;&#126;",
  );
});

test("60 and more pages are made, and none is written again when nothing has changed", async (t) => {
  const server = await StandIn.start(t);
  assert((await publish(wikiOf(server), PAGES, quiet)).every(({ kind }) => kind === "made"));
  const edits = server.edits;
  assert((await publish(wikiOf(server), PAGES, quiet)).every(({ kind }) => kind === "unchanged"));
  assert.equal(server.edits, edits);
  assert.equal(server.logins, 2, "once a run");
});

test("what people wrote around our part stays, our part is replaced", async (t) => {
  const server = await StandIn.start(t);
  server.put(PAGE.title, "Hello.");
  assert.deepEqual(await kinds(server), ["Farm prod: changed"]);
  const text = server.pages.get(PAGE.title)?.text ?? "";
  assert.match(text, /^Hello\.\n\n<!-- farm: begin -->[\s\S]*\none\n<!-- farm: end -->$/);
  server.put(PAGE.title, `Before. ${text} After.`);
  assert.deepEqual(await kinds(server, [{ ...PAGE, section: "two" }]), ["Farm prod: changed"]);
  assert.match(
    server.pages.get(PAGE.title)?.text ?? "",
    /^Before\. Hello\.\n\n<!-- farm: begin -->[\s\S]*\ntwo\n<!-- farm: end --> After\.$/,
  );
});

test("a page whose marks were broken is left, and the rest is written", async (t) => {
  for (const text of [
    "x <!-- farm: begin --> y",
    "<!-- farm: end --><!-- farm: begin -->",
    `${withSection("", "a", "en")}<!-- farm: end -->`,
  ]) {
    const server = await StandIn.start(t);
    server.put(PAGE.title, text);
    const told = await kinds(server, [PAGE, { ...PAGE, title: "Farm lab" }]);
    assert.match(told[0] ?? "", /^Farm prod: left: its marks were changed by hand/);
    assert.equal(told[1], "Farm lab: made");
    assert.equal(server.pages.get(PAGE.title)?.text, text);
  }
});

test("somebody's edit in between is kept: the page is read again", async (t) => {
  const server = await StandIn.start(t);
  server.put(PAGE.title, "Hello.");
  let first = true;
  server.between = (title) => {
    if (first) server.put(title, "Hello, you.");
    first = false;
  };
  assert.deepEqual(await kinds(server), ["Farm prod: changed"]);
  assert.match(server.pages.get(PAGE.title)?.text ?? "", /^Hello, you\.\n\n<!-- farm: begin -->/);
});

test("a page that somebody else makes meanwhile, or edits all the time", async (t) => {
  const server = await StandIn.start(t);
  server.between = (title) => server.put(title, "Mine.");
  assert.deepEqual(await kinds(server), ["Farm prod: left: the words for editconflict (3 times)"]);
  assert.equal(server.pages.get(PAGE.title)?.text, "Mine.");
});

test("a log-in that expires is made again, once", async (t) => {
  const server = await StandIn.start(t);
  let first = true;
  server.between = () => {
    if (first) server.session += 1;
    first = false;
  };
  assert.deepEqual((await kinds(server, [PAGE, { ...PAGE, title: "Farm lab" }])).sort(), [
    "Farm lab: made",
    "Farm prod: made",
  ]);
  assert.equal(server.logins, 2);
});

test("a wiki that knows no pictures gets no page, and is told how it comes to them", async (t) => {
  const server = await StandIn.start(t);
  server.tags = ["<pre>"];
  await assert.rejects(publish(wikiOf(server), PAGES, quiet), (error) => {
    assert(error instanceof FarmError);
    assert.match(error.message, /does not know <farm-picture>.*nothing was written/);
    assert.match(error.remedy ?? "", /pulumi up/);
    return true;
  });
  assert.equal(server.edits, 0);
});

test("a dry run writes nothing, and shows what would change", async (t) => {
  const server = await StandIn.start(t);
  const [written] = await publish(wikiOf(server), [PAGE], { ...quiet, dryRun: true });
  assert.equal(written?.kind, "made");
  assert.match(written?.patch ?? "", /^\+one$/m);
  const [picture] = await publish(wikiOf(server), [{ ...PAGE, isPicture: true }], { ...quiet, dryRun: true });
  assert.equal(picture?.patch, "--- Farm prod\n+++ Farm prod\n@@ another picture @@\n");
  assert.equal(server.pages.size, 0);
});

test("a wrong password, and a wiki that is down, are said; the password is in no message", async (t) => {
  const server = await StandIn.start(t);
  await assert.rejects(publish(wikiOf(server, "wrong secret"), [PAGE], quiet), (error) => {
    assert(error instanceof FarmError);
    assert.match(error.message, /does not let Admin@farm in: Incorrect username or password/);
    assert.doesNotMatch(`${error.message}${error.remedy}`, /wrong secret/);
    return true;
  });
  const down = await StandIn.start(t);
  const wiki = wikiOf(down);
  await down.stop();
  await assert.rejects(publish(wiki, [PAGE], quiet), /127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/);
});
