/** A farm behind Cloudflare: its connectors call a stand-in for Cloudflare's edge, and users come in there. */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { edgeLayout } from "../../src/twin/edge/places.ts";
import type { TwinFarm } from "../../src/twin/farm.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { stackLayout } from "../../src/twin/machines/layout.ts";
import { bootAgain, kill, machineLink } from "../../src/twin/machines/machine.ts";
import { runInNamespace } from "../../src/twin/machines/network.ts";
import { must, waitUntil } from "../../src/twin/machines/run.ts";
import { MIRROR } from "../fast/dns/farm.ts";
import { awaitGreen, client, editFile, farm, withoutRoot } from "./lab-farm.ts";
import type { Load } from "./page-stream.ts";
import { guest, smallFarm, smallProgram } from "./small-farm.ts";

const STACK = "connector";
const PORT = "8288";
const RANGE = "10.86.0.0/24";
const ZONE = "example.net";
const NAME = `wiki.${ZONE}`;
const NODES = ["web1", "web2"];
const title = { en: "Connectors", ru: "Коннекторы" };

const declaration: FarmDeclaration = {
  ...smallFarm(title, [guest("db1", 111), guest("web1", 121), guest("web2", 122)]),
  clusters: [{ id: "mariadb", title, software: "mariadb", members: ["db1", ...NODES] }],
  applications: [
    {
      ...{ id: "wiki", title, software: "mediawiki", language: "en", nodes: NODES },
      ...{ database: { cluster: "mariadb" }, hostnames: [NAME], storage: { uploads: "off" } },
    },
  ],
  domains: [{ name: ZONE, caa: ["letsencrypt.org"] }],
  edge: { kind: "cloudflare" },
};

const SETTINGS = {
  "farms:cloudflare": { account: "a".repeat(32) },
  "farms:cloudflared": { repository: MIRROR.repository, key: MIRROR.key },
  "farms:nameservers": ["192.0.2.53"],
};

interface Connected {
  readonly connector: string;
  readonly index: number;
  readonly location: string;
}

describe("connectors of a farm behind Cloudflare", { skip: withoutRoot }, () => {
  let root = "";
  let twin: TwinFarm;
  const { authority, connected } = edgeLayout(STACK);
  const up = (): ReturnType<typeof farm> => farm(["twin", "up", STACK, "--port", PORT], 900, root);
  const connections = (): Connected[] => JSON.parse(readFileSync(connected, "utf8"));
  const connectors = (): string[] => [...new Set(connections().map(({ connector }) => connector))].sort();
  const meshOf = (id: string): string =>
    twin.inventory.hosts.find((h) => h.id === id)?.mesh ?? assert.fail(id);

  async function inside(host: string, command: string): Promise<string> {
    const { code, stdout, stderr } = await inMachine(STACK, host, ["sh", "-c", command], { limit: 60 });
    assert.equal(code, 0, `${host}: ${command}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Heads and text of a page, asked for by name as a stranger does, who believes the stand-in's authority. */
  async function page(name: string, path: string): Promise<string> {
    const [address = ""] = await addresses(name);
    const { code, stdout, stderr } = await runInNamespace(STACK, [
      ...[
        "curl",
        "-sS",
        "-i",
        "--max-time",
        "20",
        "--cacert",
        authority,
        "--resolve",
        `${name}:443:${address}`,
      ],
      `https://${name}${path}`,
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async function addresses(name: string): Promise<string[]> {
    const ask = `const r = new (require("dns").promises.Resolver)(); r.setServers(["10.86.0.1"]); r.resolve4("${name}").then((a) => console.log(a.sort().join()))`;
    const { code, stdout, stderr } = await runInNamespace(STACK, [process.execPath, "-e", ask]);
    assert.equal(code, 0, stderr);
    return stdout.trim().split(",");
  }

  /** What becomes of pages that are loaded one after another while something happens. */
  async function underLoads(t: TestContext, what: string, act: () => Promise<unknown>): Promise<Load[]> {
    const stream = client(
      twin,
      "page-stream.ts",
      [NAME, "10.86.0.1", "/index.php?title=Main_Page", authority],
      {},
    );
    await pause(3000);
    await act();
    await pause(3000);
    const loads = (await stream.stop()).map((line): Load => JSON.parse(line));
    const good = loads.filter(({ tries }) => tries > 0);
    const gap = Math.max(...good.slice(1).map((load, i) => load.ended - (good[i]?.ended ?? 0))) / 1000;
    const again = loads.filter(({ tries }) => tries > 1).length;
    const lost = loads.filter(({ tries }) => tries === 0);
    t.diagnostic(
      `${what}: ${loads.length} loads, ${again} the second time, ${lost.length} not; longest gap ${gap.toFixed(1)} s`,
    );
    assert(loads.length > 10, "pages are loaded");
    assert.deepEqual(lost, []);
    return loads;
  }

  before(async () => {
    root = smallProgram(STACK, RANGE, declaration, SETTINGS);
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
    const { openRunningFarm } = await import(pathToFileURL(`${root}/src/twin/farm.ts`).href);
    twin = await openRunningFarm(STACK);
  });

  after(async () => {
    await farm(["twin", "down", STACK, "--purge"], 120, root);
    rmSync(root, { recursive: true });
  });

  test("each node opens four connections to two data centres, and a page is shown by name", async () => {
    await waitUntil(
      () => connections().length === 8,
      30,
      () => `not all connections are there: ${readFileSync(connected, "utf8")}`,
    );
    assert.equal(connectors().length, NODES.length);
    for (const each of connectors()) {
      const own = connections().filter(({ connector }) => connector === each);
      assert.deepEqual(own.map(({ index }) => index).sort(), [0, 1, 2, 3]);
      assert.deepEqual([...new Set(own.map(({ location }) => location))].sort(), ["one01", "two01"]);
    }
    assert.deepEqual(await addresses(NAME), ["10.86.0.2", "10.86.0.4"]);
    const text = await page(NAME, "/index.php?title=Main_Page");
    assert.match(text, /^HTTP\/1\.1 200/);
    assert.match(text, /<title>[^<]*Connectors<\/title>/);
  });

  test("the token is readable for nobody but root, and is in no process's command line", async () => {
    const token = await inside("web1", "cat /etc/farm/connector/token");
    assert.equal(await inside("web1", "stat -c '%U %a' /etc/farm/connector/token"), "root 600");
    const seen = await inside(
      "web1",
      "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; journalctl --no-pager",
    );
    assert(!seen.includes(token));
    assert.match(await inside("web1", "ps -o user= -C cloudflared"), /^cloudfl/);
  });

  test("the origin answers its own connector and the other node's, and nobody else", async () => {
    const ask = (host: string, url: string) =>
      inMachine(STACK, host, [
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--max-time",
        "4",
        url,
      ]);
    assert.equal((await ask("web2", `http://${meshOf("web1")}/`)).stdout, "404");
    assert.equal((await ask("web1", "http://127.0.0.1:8480/")).stdout, "421");
    const address = twin.inventory.hosts.find(({ id }) => id === "web1")?.address;
    for (const port of [80, 8480, 20241]) {
      const [mesh, outside] = [`http://${meshOf("web1")}:${port}/`, `http://${address}:${port}/`];
      assert.notEqual((await ask("db1", mesh)).code, 0, mesh);
      assert.notEqual((await ask("db1", outside)).code, 0, outside);
    }
    const beside = await runInNamespace(STACK, ["curl", "-sS", "--max-time", "4", `http://${address}/`]);
    assert.notEqual(beside.code, 0);
  });

  test("a connector calls Cloudflare's port and no other", async () => {
    // Of the stand-in's own addresses: the one port is let out, others are refused by the node's own packet filter.
    const call = (port: number) =>
      inMachine(STACK, "web1", ["curl", "-sS", "-k", "--max-time", "4", `https://10.86.0.2:${port}/`]);
    assert.match((await call(443)).stderr, /Failed to connect|Could not connect/);
    assert.doesNotMatch((await call(7844)).stderr, /Failed to connect|Could not connect/);
  });

  test("a connector that is killed is missed for no page", async (t) => {
    const former = connectors();
    await underLoads(t, "connector killed", async () => {
      await inside("web1", "systemctl kill --signal=KILL farm-connector.service");
      await waitUntil(
        () =>
          connectors().length === 2 && connections().length === 8 && connectors().join() !== former.join(),
        60,
        () => "the connector is not back 60 s after it was killed",
      );
    });
  });

  test("a node whose web server ends goes on by the other one's", async (t) => {
    await underLoads(t, "web server ended", async () => {
      await inside("web1", "systemctl stop nginx.service");
      await pause(5000);
      assert.equal((await inside("web1", "systemctl is-active farm-connector.service")).trim(), "active");
      await inside("web1", "systemctl start nginx.service");
    });
  });

  /** All connections are there, and all hosts well. */
  async function whole(): Promise<void> {
    await awaitGreen(twin, 120);
    await waitUntil(
      () => connections().length === 8,
      60,
      () => `not all connections are there: ${readFileSync(connected, "utf8")}`,
    );
  }

  test("a node that falls silent in the middle of page loads is missed for none after a second try", async (t) => {
    // One after the other: one of them was the nearest.
    for (const node of NODES) {
      const { namespace } = stackLayout(STACK);
      const link = (state: string) =>
        must("cut a node", ["ip", "-netns", namespace, "link", "set", machineLink(node), state]);
      await underLoads(t, `${node} cut off`, async () => {
        await link("down");
        await pause(10_000);
        assert.equal(connectors().length, 1, "the fault is in force");
      }).finally(() => link("up"));
      await whole();
    }
  });

  test("a node that is killed in the middle of page loads is missed for none after a second try", async (t) => {
    await underLoads(t, "node killed", async () => {
      await kill(STACK, ["web1"]);
      await pause(6000);
      assert.equal(connectors().length, 1, "the fault is in force");
    });
    await bootAgain(STACK, "web1");
    await whole();
  });

  test("a name more: one row of the map, told to the connectors that run, and the name's record", async () => {
    const former = connectors();
    editFile(root, "stacks/declarations.ts", (text) =>
      text.replace(`"hostnames":["${NAME}"]`, `"hostnames":["${NAME}","docs.${ZONE}"]`),
    );
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stdout + stderr);
    await waitUntil(
      async () => (await page(`docs.${ZONE}`, "/a?b=c").catch(() => "")).startsWith("HTTP/1.1 308"),
      30,
      () => "the new name does not lead to the wiki",
    );
    assert.match(
      await page(`docs.${ZONE}`, "/a?b=c"),
      new RegExp(`^location: https://${NAME}/a\\?b=c`, "im"),
    );
    assert.equal(connectors().length, former.length);
    const told = await inside(
      "web1",
      "journalctl -u farm-connector.service --no-pager | grep -c 'docs.example.net' || true",
    );
    assert.notEqual(told, "0");
  });

  test("applied again, nothing is changed", async () => {
    const { code, stdout, stderr } = await up();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /0 created, 0 updated, 0 deleted/);
  });
});
