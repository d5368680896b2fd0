import assert from "node:assert/strict";
import test from "node:test";
import { costLine, costOf } from "../../src/plan/cost.ts";
import { labInventory, PRICE } from "./farms.ts";

test("machines are added up by who is paid, dollars by the declared rate, guests not at all", () => {
  const inventory = labInventory((farm, settings) => {
    farm.dollar = { eur: 0.9, on: "2026-11-26", source: "a test" };
    farm.sites.push({
      id: "nyc1",
      title: { en: "New York", ru: "Нью-Йорк" },
      provider: "digitalocean",
      country: "US",
    });
    for (const [index, id] of ["far1", "far2"].entries()) {
      farm.hosts.push({
        id,
        site: "nyc1",
        origin: { kind: "droplet", region: "nyc1", size: "s-1vcpu-2gb" },
        mesh: `10.80.0.${90 + index}`,
        memory: "2 GB",
        disk: "50 GB",
        price: { ...PRICE, monthly: "10 USD" },
      });
      Object.assign(settings.addresses as object, { [id]: `10.91.0.${index}` });
    }
  });
  const cost = costOf(inventory);
  assert.deepEqual(cost, { providers: { digitalocean: 18, hetzner: 35 }, total: 53 });
  assert.equal(costLine(cost), "EUR 53.00 a month: digitalocean 18.00, hetzner 35.00");
});
