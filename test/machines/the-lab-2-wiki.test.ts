/** Правка as its readers and writers meet it, and as the farm writes about itself on it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { chromium } from "playwright-core";
import { FarmError } from "../../src/shell/errors.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { run } from "../../src/twin/machines/run.ts";
import { awaitGreen, on, ROOT, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

const CHROMIUM = "/usr/bin/chromium";
const NAME = "pravka.lab.opplet.net";
/** As `twin up` prints it. */
const WIKI = "http://127.0.0.1:8080";

/** One request to the wiki's API on a node, by that node itself; `parameters` are curl's. */
async function api(
  lab: TwinFarm,
  node: string,
  mesh: string,
  parameters: string,
  cookies = "/dev/null",
): Promise<Record<string, unknown>> {
  const url = `http://${NAME}/api.php`;
  const command = `curl -fsS --max-time 30 --resolve ${NAME}:80:${mesh} -b ${cookies} -c ${cookies} ${parameters} -d format=json -d formatversion=2 ${url}`;
  return JSON.parse(await on(lab, node, command));
}

test("the wiki", { skip: withoutRoot }, async (t) => {
  const lab = await labUp();
  const word = `zhuravl${Date.now()}`;
  const title = `Проба ${word}`;

  await t.test("a page made on one web host is read and found by search on the other", async () => {
    // The password goes by a file that root alone can read, and is gone afterwards.
    const jar = (await on(lab, "web1", "mktemp -d")).trim();
    await on(lab, "web1", `cat >${jar}/password`, lab.keys.secret("password/mediawiki/pravka/admin"));
    const call = (parameters: string) => api(lab, "web1", "10.80.0.21", parameters, `${jar}/cookies`);
    const token = async (type: string) =>
      (
        (await call(`-d action=query -d meta=tokens -d type=${type}`)).query as {
          tokens: Record<string, string>;
        }
      ).tokens[`${type}token`];
    const login = await call(
      `-d action=login -d lgname=Admin --data-urlencode lgpassword@${jar}/password --data-urlencode 'lgtoken=${await token("login")}'`,
    );
    assert.equal((login.login as { result: string }).result, "Success");
    const edit = await call(
      `-d action=edit --data-urlencode 'title=${title}' --data-urlencode 'text=Серый ${word} летит над школой.' --data-urlencode 'token=${await token("csrf")}'`,
    );
    assert.equal((edit.edit as { result: string }).result, "Success");
    await on(lab, "web1", `rm -r ${jar}`);

    const page = await api(
      lab,
      "web2",
      "10.80.0.22",
      `-d action=parse --data-urlencode 'page=${title}' -d prop=wikitext`,
    );
    assert.match((page.parse as { wikitext: string }).wikitext, new RegExp(word));
    const end = Date.now() + 20_000;
    let found: string[] = [];
    // The index is updated by a job after the edit's answer.
    while (!found.includes(title)) {
      assert(Date.now() < end, `search on web2 does not find ${title} within 20 s, only ${found}`);
      const answer = await api(
        lab,
        "web2",
        "10.80.0.22",
        `-d action=query -d list=search -d srsearch=${word}`,
      );
      found = (answer.query as { search: { title: string }[] }).search.map((s) => s.title);
    }
  });

  await t.test(
    "every table of its database is InnoDB with a primary key, so that all of it is replicated",
    async () => {
      const query = `SELECT TABLE_NAME FROM information_schema.TABLES t WHERE TABLE_SCHEMA = 'pravka' AND (ENGINE <> 'InnoDB' OR NOT EXISTS
      (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS c WHERE c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME AND CONSTRAINT_TYPE = 'PRIMARY KEY'))`;
      assert.equal(await on(lab, "db2", "mariadb --batch --skip-column-names", query), "");
      assert.match(
        await on(
          lab,
          "db2",
          "mariadb --batch --skip-column-names",
          "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'pravka'",
        ),
        /^[4-9]\d/,
      );
    },
  );

  await t.test(
    "a session that can't be read is an error, not a new and empty session: nobody is logged out",
    async () => {
      const ask = `try { $s = ObjectCache::getInstance( $wgSessionCacheType ); var_dump( $s->get( $s->makeKey( 'none' ) ) ); }
      catch ( RuntimeException $e ) { echo $e->getMessage(); }`;
      const read = () =>
        on(
          lab,
          "web1",
          "cd /usr/share/mediawiki && php maintenance/run.php eval 2>&1",
          ask.replace(/\n/g, " "),
        );
      assert.match(await read(), /bool\(false\)/);
      await on(lab, "web1", "systemctl stop farm-database-proxy-mariadb");
      try {
        assert.match(await read(), /The sessions can not be read/);
      } finally {
        await on(lab, "web1", "systemctl start farm-database-proxy-mariadb");
      }
      await awaitGreen(lab, 30);
    },
  );

  await t.test("the farm documents itself on it, and writes nothing twice", async (t) => {
    const publish = async () => {
      const { code, stdout, stderr } = await run(
        [join(ROOT, "scripts/farm"), "wiki", "publish", "lab", "--wiki", WIKI, "--user", "Admin"],
        {
          env: { ...process.env, FARM_WIKI_PASSWORD: lab.keys.secret("password/mediawiki/pravka/admin") },
          limit: 300,
        },
      );
      assert.equal(code, 0, stdout + stderr);
      t.diagnostic(stdout.trim());
      return stdout;
    };
    await publish();
    assert.match(await publish(), /^0 page\(s\) made, 0 changed, \d{2} unchanged, 0 left/);
  });

  await t.test("a real browser shows it at the address that twin up prints", async (t) => {
    if (!existsSync(CHROMIUM)) throw new FarmError("no chromium for the test", "apt-get install chromium");
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    });
    try {
      const page = await browser.newPage();
      const failures: string[] = [];
      page.on("response", (response) => {
        if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
      });
      const began = performance.now();
      await page.goto(`${WIKI}/wiki/${encodeURIComponent(title)}`);
      t.diagnostic(`page loaded in ${Math.round(performance.now() - began)} ms`);
      assert.equal(await page.locator("h1").innerText(), title);
      assert.match(await page.locator("#mw-content-text").innerText(), new RegExp(`Серый ${word} летит`));
      assert(
        (await page.evaluate("getComputedStyle(document.querySelector('#mw-content-text')).display")) !==
          "none",
      );
      for (const [farm, host, heading] of [
        ["Farm lab", "db1", "Who may reach it"],
        ["Ферма lab", "db1", "Кто может обратиться"],
      ] as const) {
        await page.goto(`${WIKI}/wiki/${encodeURIComponent(farm)}`);
        const pictures = page.locator("#mw-content-text img");
        assert.equal(await pictures.count(), 4);
        for (const picture of await pictures.all()) {
          // An image that a browser can't read has no width of its own.
          assert.equal(await picture.evaluate((image: { naturalWidth: number }) => image.naturalWidth), 760);
          assert.match((await picture.getAttribute("alt")) ?? "", /db1/);
        }
        await page.locator("#mw-content-text").getByRole("link", { name: host, exact: true }).first().click();
        assert.match(await page.locator("#mw-content-text").innerText(), new RegExp(heading));
        assert.match(await page.locator("#mw-content-text").innerText(), /3306\/tcp\s+.*web1/);
      }
      // The front page redirects; the reader stays at the printed address.
      await page.goto(`${WIKI}/`);
      assert.match(page.url(), /^http:\/\/127\.0\.0\.1:8080\//);
      assert.deepEqual(failures, []);
      await page.goto(`${WIKI}/wiki/${encodeURIComponent("Служебная:Загрузка")}`);
      assert.match(await page.locator("body").innerText(), /отключ|выключ/i);
    } finally {
      await browser.close();
    }
  });
});
