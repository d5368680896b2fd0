/**
 * Every kind of thing that the program declares at Cloudflare, under the real engine with the real provider, against a stand-in of
 * Cloudflare on 127.0.0.1. Needs `pulumi` and the provider's plugin on the PATH; no root, no machines, no account.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { tunnelToken } from "../../src/dns/cloudflare/secret.ts";
import { CloudflareService } from "../../src/dns/cloudflare/service.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { CLOCK, TIME_LIMIT } from "../../src/machines/web-service.ts";
import { ownAtCloudflare, undeclaredText } from "../../src/operate/undeclared.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { ACCOUNT, type Change, domain, OPPLET } from "../fast/dns/farm.ts";
import { planOf } from "../fast/farms.ts";
import { bothClouds, importsOf, realised } from "./cloud-apis/both-clouds.ts";
import { askedForNames } from "./cloud-apis/names-asked.ts";
import {
  account,
  atCloudflare,
  farm,
  first,
  OTHERS,
  OURS,
  onHosts,
  sorted,
  told,
  wanted,
} from "./cloud-apis/names-farm.ts";
import { WholeProgram } from "./cloud-apis/project.ts";
import type { Body } from "./cloud-apis/stand-in.ts";
import { previewed, Trial } from "./cloud-apis/trial.ts";
import { withoutEngine } from "./engine-project.ts";

/** The engine's name for a record. */
const urn = (record: string): string =>
  `urn:pulumi:prod::farms::farms:dns:Zone$cloudflare:index/dnsRecord:DnsRecord::${record}`;

test("names under the real engine", { skip: withoutEngine }, async (t) => {
  const trial = await Trial.begin(await account(), "names-program.ts", "prod");
  const { project, clouds } = trial;
  const { zones, records, rulesets, tunnels, applications, settings, taken } = clouds;
  const tunnel = (): Body => tunnels.named("farms-prod");
  const place = { url: clouds.api.url, clock: CLOCK, timeLimit: TIME_LIMIT };
  const service = new CloudflareService("t".repeat(40), place);
  /** "TYPE CONTENT" of all that a name has. */
  const at = (name: string): string[] =>
    records.all().flatMap((each) => (each.name === name ? [`${each.type} ${each.content}`] : []));

  try {
    await t.test("a preview names all that is to be made and imported, and changes nothing", async () => {
      project.declare(farm());
      assert.deepEqual(await previewed(project), first(farm()));
      assert.deepEqual(taken(), []);
    });

    await t.test("all is made", async () => {
      const { length } = first(farm()).filter((line) => line.startsWith("create"));
      // The stack and the components of three zones and the tunnel.
      const made = new RegExp(`\\+ ${length + 5} created\\n {4}~ 2 updated\\n {4}= 3 imported\\n`);
      assert.match(await trial.up(farm()), made);
      taken();
    });

    await askedForNames(t, clouds);

    const secret = (generations: Record<string, number>): string =>
      deriveKeys(PREVIEW_MASTER_KEY, "prod", generations).secret("tunnel/edge");
    const token = (generations: Record<string, number>): string =>
      tunnelToken({ account: ACCOUNT, tunnelId: tunnel().id, secret: secret(generations) });

    await t.test("the tunnel's secret and its token are secrets in the state", async () => {
      assert.equal((await trial.engine("stack", "output", "token", "--show-secrets")).trim(), token({}));
      const state = await trial.engine("stack", "export");
      for (const word of [secret({}), token({})])
        assert(!(state + project.said.replace(token({}), "")).includes(word));
    });

    await t.test("registrars elsewhere are told of keys and servers by an output", async () => {
      const { zones: of } = JSON.parse(await trial.engine("stack", "output", "names", "--json"));
      assert.match(of["ksacerts.com"].ds, /^ksacerts\.com\. 3600 IN DS \d+ 13 2 [0-9A-F]{64}$/);
      assert.deepEqual(of["ksacerts.com"].nameServers, zones.named("ksacerts.com").name_servers);
    });

    await t.test(
      "a second time there is nothing to do, also when Cloudflare is asked how all is",
      async () => {
        await trial.unchanged(farm());
        // Until a registrar has been told of the keys, Cloudflare calls the signing pending: who looks asks for it again.
        await trial.up(farm(), "--refresh");
        assert.deepEqual([...new Set(taken())], ["PATCH /zones/N/dnssec"]);
        for (const { id } of zones.all()) clouds.signedAbove(id);
        clouds.open(tunnel().id);
        await trial.unchanged(farm(), "--refresh");
      },
    );

    await t.test(
      "what nobody declared is listed, and nothing of ours is to be taken over once more",
      async () => {
        const own = ownAtCloudflare(JSON.parse(await trial.engine("stack", "export")));
        const { text } = await undeclaredText(planOf(farm()), service, own);
        assert.match(text, /^opplet\.net: 1 record.*\n {2}old\.opplet\.net A 198\.51\.100\.7\n$/m);
        assert.doesNotMatch(text, /pulumi config set/);
        // A farm whose state is lost finds all of it again.
        const lost = await undeclaredText(planOf(farm()), service, new Set());
        assert.match(lost.text, /farms:cloudflare\.rulesets\["opplet\.net\/http_ratelimit"\]/);
        assert.match(lost.text, /farms:cloudflare\.records\["pravka\.opplet\.net\/CNAME"\]/);
      },
    );

    await t.test("domains and records in another order are the same", async () => {
      await trial.unchanged(
        farm((declared) => {
          declared.domains!.reverse();
          domain(declared, "ksacerts.com").extras!.reverse();
          declared.applications!.reverse();
        }),
      );
    });

    await t.test("what was taken over stays ours when the settings no longer say so", async () => {
      await trial.unchanged(farm(atCloudflare({ records: {}, rulesets: {} })));
    });

    await t.test("what somebody changed by hand is put back, where it is ours", async () => {
      const pravka = records.all().find(({ name }) => name === "pravka.opplet.net")!;
      Object.assign(pravka, { content: "198.51.100.9", type: "A", proxied: false, ttl: 300 });
      settings.get(OPPLET)!.ssl = "off";
      await trial.up(farm(), "--refresh");
      assert.deepEqual(taken().sort(), [
        ...["DELETE /zones/N/dns_records/N", "PATCH /zones/N/settings/ssl", "POST /zones/N/dns_records"],
      ]);
      assert.deepEqual(at("pravka.opplet.net"), [`CNAME ${tunnel().id}.cfargotunnel.com`]);
      assert.equal(settings.get(OPPLET)?.ssl, "strict");
    });

    const changed = (change: Change = () => {}): Inventory =>
      farm((declared, of) => {
        declared.redirects![0]!.status = 302;
        domain(declared, "ksacerts.com").extras!.push({
          ...{ type: "A", name: "new.ksacerts.com", content: "198.51.100.8" },
        });
        change(declared, of);
      });

    await t.test("another redirect and one record more change these alone", async () => {
      await trial.up(changed());
      assert.deepEqual(taken().sort(), ["POST /zones/N/dns_records", "PUT /zones/N/rulesets/N"]);
      await trial.unchanged(changed(), "--refresh");
    });

    const rotated = (): Inventory =>
      changed((declared) => {
        declared.generations = { "tunnel/edge": 2 };
      });

    await t.test("another secret of the tunnel changes the tunnel alone, and its token", async () => {
      await trial.up(rotated());
      assert.deepEqual(taken(), ["PATCH /accounts/N/cfd_tunnel/N"]);
      const next = await trial.engine("stack", "output", "token", "--show-secrets");
      assert.equal(next.trim(), token({ "tunnel/edge": 2 }));
      await trial.unchanged(rotated(), "--refresh");
    });

    await t.test("refused: to delete a zone that is no longer declared, or its signing", async () => {
      project.declare(
        changed((declared) => {
          declared.domains = declared.domains!.filter(({ name }) => name !== "ksacerts.com");
        }),
      );
      assert.match(
        await trial.refused("up", "--yes"),
        /ksacerts\.com.*cannot be deleted\s+because it is protected/s,
      );
      assert.deepEqual(taken(), []);
    });

    await t.test(
      "from Cloudflare to our own edge: the former records go first, then all is as declared",
      async () => {
        project.declare(onHosts());
        assert.match(await trial.refused("up", "--yes", "--skip-preview"), /81053/);
        const former = ["pravka.opplet.net/CNAME", "redmine.opplet.net/CNAME", "www.opplet.net/CNAME"];
        const targets = [...former, "mta-sts.cnmcyber.com/CNAME"].map((name) => urn(name));
        await trial.engine(
          ...["destroy", "--yes", "--skip-preview"],
          ...targets.flatMap((each) => ["--target", each]),
        );
        // As hosts do that are no nodes of a tunnel any more.
        tunnel().connections = [];
        await trial.up(onHosts());
        const { dns } = planOf(onHosts());
        assert.deepEqual(
          sorted(records.all().flatMap((each) => (each.id === OTHERS ? [] : [told(each)]))),
          sorted(dns.zones.flatMap((zone) => zone.records.map((record) => wanted(record, "")))),
        );
        assert.deepEqual([tunnels.all(), rulesets.all(), applications.all()], [[], [], []]);
        taken();
        await trial.unchanged(onHosts(), "--refresh");
      },
    );

    await t.test(
      "what was taken over and deleted by hand is made when the settings say that it is gone",
      async () => {
        records.remove(OURS);
        project.declare(onHosts());
        assert.match(
          await trial.refused("up", "--yes", "--skip-preview", "--refresh"),
          /opplet\.net\/A\/do-nyc1-a/,
        );
        const gone = onHosts(atCloudflare({ records: { "opplet.net/A/do-nyc1-a": "made" } }));
        await trial.up(gone);
        assert.deepEqual(taken(), ["POST /zones/N/dns_records"]);
        assert.deepEqual(
          at("opplet.net").filter((line) => line.startsWith("A ")),
          ["A 159.89.93.1"],
        );
        const silent = onHosts(atCloudflare({ records: {} }));
        await trial.unchanged(silent, "--refresh");
      },
    );

    await t.test(
      "a lost state finds zones and records again by what the handbook says, and changes none",
      async () => {
        project.loseState();
        await trial.engine("stack", "init", "prod");
        const numbers = Object.fromEntries(zones.all().map(({ name, id }) => [name, id]));
        const found = (taken: Record<string, string>): Inventory =>
          onHosts(atCloudflare({ zones: numbers, records: taken }));
        const { text } = await undeclaredText(planOf(found({})), service, new Set());
        const lines = [...text.matchAll(/cloudflare\.records\["(.+)"\]' ([0-9a-f]{32})$/gm)];
        const again = found(Object.fromEntries(lines.map(([, name = "", number = ""]) => [name, number])));
        await trial.up(again);
        assert.deepEqual([...new Set(taken())], ["PATCH /zones/N/dnssec"]);
        await trial.unchanged(again, "--refresh");
      },
    );

    assert.deepEqual(clouds.unknown(), []);
  } finally {
    trial.end();
  }
});

test("the production cloud behind Cloudflare is previewed as a whole", { skip: withoutEngine }, async () => {
  const range = "198.18.115";
  const [machines, names] = [await bothClouds(range), await account()];
  const project = new WholeProgram({ ...machines.endpoints, ...names.endpoints });
  const read: Parameters<Change>[] = [];
  farm((...of) => read.push(structuredClone(of)));
  const [declared, settings] = read[0]!;
  try {
    const { administrators, ...real } = realised(settings, range);
    await project.declare("behind", declared, {
      ...real,
      administrators: (administrators as object[]).map((one) => ({ ...one, email: "anna@opplet.net" })),
      imports: importsOf(settings),
    });
    const ofNames = (await previewed(project)).filter((line) => !/-droplet|^create project/.test(line));
    assert.deepEqual(ofNames, first(farm()));
    assert.deepEqual(
      [names.taken(), names.unknown(), machines.taken(), machines.unknown()],
      [[], [], [], []],
    );
  } finally {
    project.remove();
    machines.close();
    names.close();
  }
});
