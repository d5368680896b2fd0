/** Plans to draw: small and large, near and spread, with names and titles that are hard to place. */
import type { FarmDeclaration } from "../../../src/inventory/schema.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import type { Settings } from "../../../src/shell/stack.ts";
import { generatedInventory, labInventory, planOf, prodInventory } from "../farms.ts";

/** The lab with its Proxmox host, one MariaDB cluster and one web host. */
export const fiveHosts = (): Plan =>
  planOf(
    labInventory((farm, settings) => {
      const [wiki] = farm.applications!;
      const ids = ["zhelezo1", "db1", "db2", "db3", "web1"];
      farm.hosts = farm.hosts.filter(({ id }) => ids.includes(id));
      for (const setting of ["addresses", "addresses6"]) {
        const addresses = Object.entries(settings[setting] as object);
        settings[setting] = Object.fromEntries(addresses.filter(([id]) => ids.includes(id)));
      }
      farm.clusters = farm.clusters!.filter(({ id }) => id === "mariadb");
      farm.applications = [{ ...wiki!, nodes: ["web1"] }];
      farm.databases = [];
      farm.edge = { kind: "hosts", hosts: [] };
    }),
  );

/** Sixty hosts, their Proxmox hosts at three sites. */
export const sixtySpread = (): Plan =>
  planOf(
    generatedInventory(60, (farm) => {
      farm.sites = ["east", "middle", "west"].map((id, index) => ({
        id,
        title: {
          en: `Site ${id}, a provider's long name for it`,
          ru: `Площадка ${id}, длинное имя у провайдера`,
        },
        provider: ["hetzner", "contabo", "ovh"][index]!,
        country: ["DE", "FI", "FR"][index]!,
      }));
      for (const host of farm.hosts)
        host.site = ["east", "middle", "west"][Number(/\d/.exec(host.id)![0]) % 3]!;
    }),
  );

export const HARD_TITLE = '<b>&"\u0001 \ud800 ]]> Ж';
const LONG = "w".repeat(90);

/** The production cloud with names as long as they may be, and titles of all that needs care. */
export const hardNames = (): Plan => {
  const longer = (id: string): string => id.padEnd(31, "-m8w");
  return planOf(
    prodInventory((farm: FarmDeclaration, settings: Settings) => {
      const text = JSON.stringify({ farm, settings });
      const ids = farm.hosts.map(({ id }) => id);
      const renamed = JSON.parse(text, (_, value) => (ids.includes(value) ? longer(value) : value));
      Object.assign(farm, renamed.farm);
      for (const [name, values] of Object.entries(settings))
        if (typeof values === "object" && values !== null && !Array.isArray(values))
          settings[name] = Object.fromEntries(
            Object.entries(values).map(([key, value]) => [ids.includes(key) ? longer(key) : key, value]),
          );
      const title = { en: HARD_TITLE, ru: `${HARD_TITLE} ${LONG}` };
      farm.title = title;
      farm.sites[0]!.title = title;
      farm.hosts[0]!.title = title;
      farm.clusters![0]!.title = title;
      farm.applications![0]!.title = title;
      settings.training = {
        linux: {
          count: 12,
          type: "cx23",
          image: "debian-13",
          location: "fsn1",
          until: "2026-12-01",
          language: "ru",
          price: { monthly: "3.65 EUR", on: "2026-11-26", source: "a test" },
        },
      };
    }),
  );
};

/** All of them, by what they are. */
export const plans = (): Record<string, Plan> => ({
  "five hosts": fiveHosts(),
  lab: planOf(labInventory()),
  prod: planOf(prodInventory()),
  "sixty hosts": planOf(generatedInventory(60)),
  "sixty hosts at three sites": sixtySpread(),
  "hard names": hardNames(),
});
