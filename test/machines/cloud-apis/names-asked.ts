/** What Cloudflare was asked for by the first run of a farm. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { planOf } from "../../fast/farms.ts";
import { type account, farm, OTHERS, SETTINGS, sorted, told, wanted } from "./names-farm.ts";
import type { Body } from "./stand-in.ts";

/** Tests it, when that run is done and before another. */
export async function askedForNames(
  t: TestContext,
  clouds: Awaited<ReturnType<typeof account>>,
): Promise<void> {
  const { zones, records, rulesets, tunnels, ingress, applications, settings } = clouds;
  const tunnel = tunnels.named("farms-prod");

  await t.test("records are as they are declared, and what is somebody else's stays as it was", () => {
    const { dns } = planOf(farm());
    for (const zone of dns.zones) {
      const { id } = zones.named(zone.name);
      const there = records.all().filter(({ id: number, zone_id }) => zone_id === id && number !== OTHERS);
      assert.deepEqual(
        sorted(there.map(told)),
        sorted(zone.records.map((record) => wanted(record, tunnel.id))),
      );
    }
    const { content, comment } = records.get(OTHERS);
    assert.deepEqual([content, comment], ["198.51.100.7", null]);
    const long = records.all().find(({ name }) => name === "long.ksacerts.com");
    assert.equal(long?.content, `"${"x".repeat(255)}" "${"x".repeat(45)}"`);
  });

  await t.test("each zone is held to TLS, and its rules are in the words of the API", () => {
    for (const { id } of zones.all()) assert.deepEqual(settings.get(id), SETTINGS);
    const rules = (phase: string): Body[] => rulesets.all().find((each) => each.phase === phase)?.rules;
    const [redirect] = rules("http_request_dynamic_redirect");
    assert.deepEqual(redirect?.action_parameters, {
      from_value: {
        status_code: 301,
        target_url: { expression: 'concat("https://opplet.net", http.request.uri.path)' },
        preserve_query_string: true,
      },
    });
    assert.deepEqual(
      rules("http_request_cache_settings").map(({ action_parameters: { cache } }) => cache),
      [true, false, false],
    );
    const [limit] = rules("http_ratelimit");
    assert.deepEqual(
      [limit?.action, limit?.ratelimit],
      [
        "block",
        {
          ...{ characteristics: ["cf.colo.id", "ip.src"], period: 10 },
          ...{ requests_per_period: 20, mitigation_timeout: 10, requests_to_origin: false },
        },
      ],
    );
  });

  await t.test("the tunnel has its ingress map, and administrators alone come to Redmine", async () => {
    const [own] = ingress.all();
    assert.deepEqual(
      own?.config.ingress.map(({ hostname, service }: Body) => [hostname, service]),
      [
        ...["mta-sts.cnmcyber.com", "pravka.opplet.net", "redmine.opplet.net", "www.opplet.net"].map(
          (name) => [name, "http://127.0.0.1:8480"],
        ),
        [undefined, "http_status:404"],
      ],
    );
    const [redmine] = applications.all();
    assert.deepEqual(redmine?.self_hosted_domains, ["redmine.opplet.net"]);
    assert.deepEqual(redmine?.policies[0].include, [{ email: { email: "anna@opplet.net" } }]);
  });
}
