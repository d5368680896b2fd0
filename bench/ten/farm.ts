/** Ten machines of a twin of their own, and their plan: the comparison with other tools in README. */
import { mkdirSync, readFileSync } from "node:fs";
import { planDns } from "../../src/dns/plan.ts";
import { loadInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { deriveKeys, type Keys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { type Plan, planHost } from "../../src/plan/plan.ts";
import { ensureImage } from "../../src/twin/machines/image.ts";
import { stackLayout } from "../../src/twin/machines/layout.ts";
import { boot } from "../../src/twin/machines/machine.ts";
import { controllerAddress, openNetwork } from "../../src/twin/machines/network.ts";
import { startPackageProxy } from "../../src/twin/machines/packages.ts";
import { ensurePrerequisites } from "../../src/twin/machines/prerequisites.ts";
import { destroyStack } from "../../src/twin/machines/stack.ts";
import { administratorKey, makeAdministratorKey } from "../../src/twin/settings.ts";
import { work } from "./work.ts";

export const STACK = "ten";
const RANGE = "10.99.0.0/24";
/** The machines of this twin hold nothing that is worth a secret key. */
export const KEYS: Keys = deriveKeys(PREVIEW_MASTER_KEY, STACK, {});

const names = Array.from({ length: 10 }, (_, index) => `ten${index + 1}`);
/** Members of one quorum: never two of them in change. */
const QUORUM = names.slice(0, 3);

function inventoryOfTen(): Inventory {
  const key = readFileSync(`${administratorKey(STACK)}.pub`, "utf8").trim();
  return loadInventory(
    STACK,
    {
      environment: STACK,
      title: { en: "Ten machines", ru: "Десять машин" },
      placement: { failureDomains: 1, providers: 1, roundTrip: 10 },
      sites: [{ id: "here", title: { en: "Here", ru: "Здесь" }, provider: "here", country: "DE" }],
      hosts: names.map((id, index) => ({
        id,
        site: "here",
        origin: { kind: "dedicated" },
        mesh: `10.80.9.${index + 1}`,
        memory: "1 GB",
        disk: "2 GB",
        price: { monthly: "1 EUR", on: "2026-11-26", source: "made up for the measurement" },
      })),
    },
    {
      addresses: Object.fromEntries(names.map((id, index) => [id, `10.99.0.${index + 11}`])),
      administrators: [{ name: "ten", languages: ["en"], keys: [key] }],
    },
  );
}

/** The plan; `changed` says which hosts have one more line in haproxy.cfg, none by default. */
export function planOfTen(changed: readonly string[] = []): Plan {
  const inventory = inventoryOfTen();
  const line = (id: string): string => (changed.includes(id) ? "    # one line more" : "");
  return {
    inventory,
    hosts: inventory.hosts.map((host) => planHost(KEYS, host, [work(host.id, line(host.id))], new Set())),
    waves: [names.filter((id) => !QUORUM.slice(1).includes(id)), ...QUORUM.slice(1).map((id) => [id])],
    flows: [],
    dns: planDns(inventory),
  };
}

/** Boots ten new machines, which have nothing of ours but an administrator's key. */
export async function bootTen(): Promise<void> {
  await ensurePrerequisites();
  await destroyStack(STACK);
  await openNetwork(STACK, RANGE);
  await startPackageProxy(STACK);
  await ensureImage(STACK);
  mkdirSync(stackLayout(STACK).state, { recursive: true, mode: 0o700 });
  await makeAdministratorKey(administratorKey(STACK));
  const { hosts, administrators } = inventoryOfTen();
  await Promise.all(
    hosts.map((host) =>
      boot(STACK, {
        name: host.id,
        address: host.address,
        prefixLength: 24,
        diskBytes: host.disk,
        hostKey: KEYS.sshHostKey(host.id),
        authorizedKeys: administrators.flatMap((a) => a.keys),
        fresh: true,
      }),
    ),
  );
}

export { controllerAddress, destroyStack, names };
