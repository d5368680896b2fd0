/** Redmine as its administrators meet it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { chromium, type Page } from "playwright-core";
import { hostOf } from "../../src/inventory/load.ts";
import { FarmError } from "../../src/shell/errors.ts";
import { browserAddresses } from "../../src/twin/browser.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { lab } from "../../stacks/lab.ts";
import { farm, on, withoutRoot } from "./lab-farm.ts";
import { labUp } from "./the-lab.ts";

const CHROMIUM = "/usr/bin/chromium";
const NAME = "redmine.lab.opplet.net";

interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * One request to Redmine on a node, by that node itself. `options` are curl's; `secret` are options too, one a line as
 * in a file of curl's, which stand on no command line.
 */
async function ask(lab: TwinFarm, node: string, path: string, options = "", secret = ""): Promise<Answer> {
  const { mesh } = hostOf(lab.inventory, node);
  const text = await on(
    lab,
    node,
    `curl -sS --max-time 60 -w '\\n%{http_code}' --resolve ${NAME}:80:${mesh} -K - ${options} 'http://${NAME}${path}'`,
    secret,
  );
  const end = text.lastIndexOf("\n");
  return { status: Number(text.slice(end + 1)), body: text.slice(0, end) };
}

/** The administrator's key for the REST API, as a line of curl's. */
async function administratorKey(lab: TwinFarm, node: string): Promise<string> {
  const password = lab.keys.secret("password/redmine/redmine/admin");
  const { status, body } = await ask(lab, node, "/users/current.json", "", `user = "admin:${password}"\n`);
  assert.equal(status, 200, body);
  return `header = "X-Redmine-API-Key: ${JSON.parse(body).user.api_key}"\n`;
}

const json = (value: unknown): string => `-H 'Content-Type: application/json' -d '${JSON.stringify(value)}'`;

async function logIn(page: Page, url: string, password: string): Promise<void> {
  await page.goto(`${url}login`);
  await page.fill("#username", "admin");
  await page.fill("#password", password);
  await Promise.all([
    page.waitForURL((address) => address.pathname !== "/login"),
    page.click("#login-submit"),
  ]);
}

/** The lab has to declare it: until then there is nothing to look at. */
const undeclared = (lab.applications ?? []).some(({ id }) => id === "redmine")
  ? false
  : "the lab declares no Redmine";

test("Redmine", { skip: withoutRoot || undeclared }, async (t) => {
  const lab = await labUp();
  const word = `zhuravl${Date.now()}`;
  const subject = `Проба ${word}`;
  const key = await administratorKey(lab, "web1");
  let issue = 0;

  await t.test("an issue made by the REST API on one node is read on the other", async () => {
    const project = await ask(
      lab,
      "web1",
      "/projects.json",
      json({ project: { name: word, identifier: word } }),
      key,
    );
    assert.equal(project.status, 201, project.body);
    const wanted = json({ issue: { project_id: word, subject } });
    const made = await ask(lab, "web1", "/issues.json", wanted, key);
    assert.equal(made.status, 201, made.body);
    issue = JSON.parse(made.body).issue.id;
    const read = await ask(lab, "web2", `/issues/${issue}.json`, "", key);
    assert.equal(read.status, 200, read.body);
    assert.equal(JSON.parse(read.body).issue.subject, subject);
  });

  await t.test("nobody comes in by the password that everybody knows, or without one", async () => {
    for (const node of ["web1", "web2"]) {
      const known = await ask(lab, node, "/users/current.json", "", 'user = "admin:admin"\n');
      assert.equal(known.status, 401, node);
      assert.equal((await ask(lab, node, "/issues.json")).status, 401, node);
      assert.equal((await ask(lab, node, `/issues/${issue}`)).status, 302, node);
      assert.equal((await ask(lab, node, "/account/register")).status, 302, node);
    }
  });

  await t.test("a file is refused, with the reason", async () => {
    const options = "-H 'Content-Type: application/octet-stream' --data-binary hello";
    const { status, body } = await ask(lab, "web2", "/uploads.json?filename=hello.txt", options, key);
    assert.equal(status, 422, body);
    assert.match(JSON.parse(body).errors.join(), /uploads are off.*no file storage/);
  });

  await t.test("a real browser, whose requests go to both nodes, stays logged in and sees it", async (t) => {
    if (!existsSync(CHROMIUM)) throw new FarmError("no chromium for the test", "apt-get install chromium");
    const url =
      browserAddresses(lab, 8080).find(({ application }) => application.id === "redmine")?.url ?? "";
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
    try {
      const page = await browser.newPage();
      const failures: string[] = [];
      page.on("response", (response) => {
        if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
      });
      await logIn(page, url, lab.keys.secret("password/redmine/redmine/admin"));
      const began = performance.now();
      await page.goto(`${url}issues/${issue}`);
      t.diagnostic(`page loaded in ${Math.round(performance.now() - began)} ms`);
      assert.equal(await page.locator(".subject h3").innerText(), subject);
      assert.match(await page.locator("#loggedas").innerText(), /admin/);
      await page.goto(`${url}projects/${word}/issues/new`);
      assert.match(
        await page.locator("#new-attachments, .attachments_form").first().innerText(),
        /uploads are off/,
      );
      assert.equal(await page.locator("input[type=file]").count(), 0);
      assert.deepEqual(failures, []);
      await page.goto(`${url}issues/imports/new`);
      assert.match(await page.locator("body").innerText(), /Imports are off/);
    } finally {
      await browser.close();
    }
  });

  await t.test("applied again, changes nothing", async () => {
    const { code, stdout } = await farm(["twin", "up"]);
    assert.equal(code, 0);
    assert.match(stdout, /0 created, 0 updated, 0 deleted/);
  });

  await ask(lab, "web1", `/projects/${word}.json`, "-X DELETE", key);
});
