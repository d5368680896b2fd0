/**
 * Loads pages in a real browser, one after another, until all are loaded or it is told to stop, and prints each load as a line
 * of JSON. Runs in the network of the computer whose browser it is. Arguments: COUNT PACE URL, in turns of PACE milliseconds.
 */
import { setTimeout as pause } from "node:timers/promises";
import { chromium, type Request } from "playwright-core";

/** One load of a page with all that belongs to it. */
export interface Load {
  readonly n: number;
  /** Milliseconds that it took. */
  readonly took: number;
  /** Milliseconds since 1970 at which it was done. */
  readonly ended: number;
  /** Why it failed, or what of it did; empty where all went well. */
  readonly error: string;
  readonly status: number | null;
  /** Address of the server that answered. */
  readonly server: string | undefined;
  /** Who signed its certificate. */
  readonly issuer: string | undefined;
  readonly heading: string;
}

const EXECUTABLE = "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
];
/** Milliseconds, after which a person loads the page anew. */
const PATIENCE = 20_000;

const [count = "1", pace = "0", url = ""] = process.argv.slice(2);
let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});

const browser = await chromium.launch({
  executablePath: EXECUTABLE,
  args: [...ARGS, "--no-first-run"],
  handleSIGTERM: false,
});
const page = await browser.newPage();
const failed: string[] = [];
/** What the present load has asked for. The former page may still ask for something, which ends when its reader leaves it. */
const asked = new Set<Request>();
page.on("request", (request) => asked.add(request));
page.on("requestfailed", (request) => {
  if (asked.has(request)) failed.push(`${request.url()}: ${request.failure()?.errorText}`);
});
page.on("response", (response) => {
  if (asked.has(response.request()) && response.status() >= 400)
    failed.push(`${response.url()}: ${response.status()}`);
});

async function load(n: number): Promise<Load> {
  const began = Date.now();
  asked.clear();
  failed.length = 0;
  const done = (more: Partial<Load>): Load => {
    const ended = Date.now();
    const none = {
      error: failed.join("; "),
      status: null,
      server: undefined,
      issuer: undefined,
      heading: "",
    };
    return { n, took: ended - began, ended, ...none, ...more };
  };
  try {
    const response = await page.goto(url, { timeout: PATIENCE });
    return done({
      status: response?.status() ?? null,
      server: (await response?.serverAddr())?.ipAddress,
      issuer: (await response?.securityDetails())?.issuer,
      heading: await page.locator("h1").first().innerText({ timeout: PATIENCE }),
    });
  } catch (error) {
    return done({ error: (error as Error).message.split("\n")[0] ?? "" });
  }
}

for (let n = 1; n <= Number(count) && !stopping; n += 1) {
  const one = await load(n);
  process.stdout.write(`${JSON.stringify(one)}\n`);
  await pause(Math.max(0, Number(pace) - one.took));
}
await browser.close();
