/** A real browser that finds the farm's application by name, through the client's validating resolver, and reads on while hosts die. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { hostOf } from "../../src/inventory/load.ts";
import { awaitHealth } from "../../src/twin/health.ts";
import { inNetworkOf } from "../../src/twin/machines/inside.ts";
import { bootAgain, kill } from "../../src/twin/machines/machine.ts";
import { must, waitUntil } from "../../src/twin/machines/run.ts";
import type { Load } from "./browse.ts";
import { type AtWork, program, start } from "./lab-farm.ts";
import { CLIENT, EDGES, type NamesFarm, NODES, STACK, WIKI } from "./names-farm.ts";

/** Milliseconds from the begin of one load to the next: a reader who clicks fast. */
const PACE = 500;
/** Loads before a host dies, and seconds for which the reader goes on afterwards. */
const BEFORE = 10;
const AFTER = 25;
/**
 * Loads that may fail when the edge host dies at which the browser has a connection open: nobody closes that, so the page under way
 * is waited for until the reader loads it anew, and the browser then asks for 10 s whether the connection lives.
 */
const MOST_FAILED = 2;

/** A person's browser on the client: its settings trust the farm's authority as its user has told it to. */
class Browser {
  readonly #home = mkdtempSync(join(tmpdir(), "browser-"));

  async trust(certificate: string): Promise<void> {
    const store = join(this.#home, ".pki/nssdb");
    mkdirSync(store, { recursive: true });
    writeFileSync(join(this.#home, "farm.pem"), certificate);
    const certutil = ["certutil", "-d", `sql:${store}`];
    await must("make the browser's store", [...certutil, "-N", "--empty-password"]);
    const added = ["-A", "-n", "farm", "-t", "C,,", "-i", join(this.#home, "farm.pem")];
    await must("trust the farm's authority", [...certutil, ...added]);
  }

  /** Loads a page some times. The program is this computer's, its network and its resolver are the client's. */
  load(url: string, count: number): AtWork {
    const resolver = join(this.#home, "resolv.conf");
    writeFileSync(resolver, "nameserver 127.0.0.1\n");
    const own = `mount --bind ${resolver} /etc/resolv.conf; exec "$@"`;
    const browse = program("browse.ts", [String(count), String(PACE), url]);
    const argv = ["unshare", "--mount", "sh", "-euc", own, "sh", ...browse];
    return start(inNetworkOf(STACK, CLIENT, argv), { HOME: this.#home });
  }

  remove(): void {
    rmSync(this.#home, { recursive: true });
  }
}

const loads = (lines: readonly string[]): Load[] => lines.map((line) => JSON.parse(line));

/** What people want to know of a series: how many failed, how long the longest took. */
function summary(series: readonly Load[]): string {
  const failed = series.filter(({ error }) => error !== "").length;
  const longest = Math.max(...series.map(({ took }) => took));
  const median = series.map(({ took }) => took).sort((a, b) => a - b)[series.length >> 1];
  const good = series.filter(({ error }) => error === "");
  const gaps = good.slice(1).map(({ ended }, index) => ended - (good[index]?.ended ?? 0));
  const gap = Math.max(...gaps) / 1000;
  return `${failed} of ${series.length} loads failed, the longest took ${(longest / 1000).toFixed(1)} s, half of them at most ${median} ms; longest time without a page ${gap.toFixed(1)} s`;
}

/** The tests of a farm that is up. */
export function browserTests(names: NamesFarm): void {
  const url = `https://${WIKI}/`;
  const browser = new Browser();
  const addressesOf = (family: "address" | "address6") =>
    EDGES.map((edge) => hostOf(names.twin.inventory, edge)[family]);

  before(async () => browser.trust(await names.authority()));
  after(() => browser.remove());

  async function loadOnce(t: TestContext): Promise<Load> {
    const [load] = loads(await browser.load(url, 1).ended);
    assert(load, "the browser has loaded nothing");
    assert.deepEqual([load.error, load.status], ["", 200]);
    assert.match(load.heading, /\S/);
    t.diagnostic(`page with all that belongs to it loaded in ${load.took} ms from ${load.server}`);
    return load;
  }

  for (const [protocol, family] of [
    ["IPv6", "address6"],
    ["IPv4", "address"],
  ] as const)
    test(`a browser finds the wiki by its name, and trusts it, over ${protocol}`, async (t) => {
      await names.useIpv6(family === "address6");
      const { server, issuer } = await loadOnce(t);
      const edge = EDGES[addressesOf(family).indexOf(server?.replace(/[[\]]/g, ""))];
      assert(edge, `${server} is none of ${addressesOf(family).join(", ")}`);
      assert.equal(issuer, `${edge} authority 1`);
    });

  test("a browser that was not told of the farm's authority refuses it", async () => {
    const stranger = new Browser();
    try {
      const [load] = loads(await stranger.load(url, 1).ended);
      assert.match(load?.error ?? "", /ERR_CERT_AUTHORITY_INVALID/);
    } finally {
      stranger.remove();
    }
  });

  /** Loads of a page one after another while a host dies in the middle of them; `choose` names it, by the last load. */
  async function whileDies(t: TestContext, choose: (last: Load) => string): Promise<readonly Load[]> {
    const reader = browser.load(url, Number.MAX_SAFE_INTEGER);
    let host = "";
    let died = 0;
    try {
      await waitUntil(
        () => reader.lines().length >= BEFORE,
        60,
        () => `the browser has not loaded ${BEFORE} pages`,
      );
      host = choose(loads(reader.lines()).at(-1) ?? assert.fail("nothing was loaded"));
      died = Date.now();
      await kill(STACK, [host]);
      await pause(AFTER * 1000);
    } finally {
      await reader.stop();
    }
    const series = loads(reader.lines());
    await bootAgain(STACK, host);
    t.diagnostic(`${host} died: ${summary(series)}`);
    const late = series.filter(({ ended }) => ended > died);
    assert(late.length > 1 && series.length - late.length > 1, "the host died in the middle of the series");
    await awaitHealth(names.twin, 120);
    return series;
  }

  const failures = (series: readonly Load[]) => series.filter(({ error }) => error !== "");

  test("a reader notices nothing of a web node that dies", async (t) => {
    assert.deepEqual(failures(await whileDies(t, () => NODES[0] ?? "")), []);
  });

  test("a reader goes on when the edge host dies that serves him", async (t) => {
    await names.useIpv6(true);
    const serving = ({ server }: Load) =>
      EDGES[addressesOf("address6").findIndex((address) => server?.includes(address ?? "none"))];
    const series = await whileDies(t, (last) => serving(last) ?? assert.fail(`nobody is at ${last.server}`));
    const failed = failures(series);
    assert(failed.length <= MOST_FAILED, failed.map(({ error }) => error).join("\n"));
    assert.deepEqual(failures(series.slice(-10)), [], "in the end all is well");
  });
}
