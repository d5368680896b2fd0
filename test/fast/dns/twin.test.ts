/** The twin in the engine's place: what is at Cloudflare is written down there, and nobody is asked. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { registerNames, registerTunnel } from "../../../src/dns/cloudflare/register.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import type { SshPool } from "../../../src/shell/ssh.ts";
import { runProgram } from "../../../src/twin/engine/engine.ts";
import { type Properties, ResourceState } from "../../../src/twin/engine/state.ts";
import { planOf } from "../farms.ts";
import { behindCloudflare } from "./farm.ts";

test("names behind Cloudflare are written down by the twin", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "twin-names-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const inventory = behindCloudflare();
  const plan = planOf(inventory);
  const state = new ResourceState(folder);
  const keys = deriveKeys(PREVIEW_MASTER_KEY, "prod", {});
  const { created } = await runProgram(
    "no-such-twin",
    {},
    state,
    {} as SshPool,
    () => {},
    async (): Promise<Properties> => ({
      names: registerNames(
        plan,
        inventory.cloudflare!,
        new Map(),
        registerTunnel(plan, inventory.cloudflare!, keys),
        {},
      ),
    }),
  );
  const records = plan.dns.zones.flatMap((zone) => zone.records);
  assert(records.length > 20);
  assert.equal(state.all().filter((r) => r.type.endsWith(":DnsRecord")).length, records.length);
  assert.equal(created.length, state.all().length);
  const { names } = state.outputs as { names: { zones: Record<string, object>; tunnel: string } };
  assert.deepEqual(Object.keys(names.zones), ["cnmcyber.com", "ksacerts.com", "opplet.net"]);
  const proxied = state.all().find((r) => r.name === "pravka.opplet.net/CNAME");
  assert.equal(proxied?.inputs.content, `${names.tunnel}.cfargotunnel.com`);
});
