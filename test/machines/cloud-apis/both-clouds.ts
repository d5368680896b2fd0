/** Both clouds, as a test has them, with a farm on them, and what there is to ask of them. */
import assert from "node:assert/strict";
import type { FarmDeclaration, Inventory } from "../../../src/inventory/schema.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../../src/plan/keys.ts";
import type { Settings } from "../../../src/shell/stack.ts";
import { cloudInventory } from "../../fast/machines/cloud-farm.ts";
import { digitalOcean } from "./digitalocean.ts";
import { hcloud } from "./hcloud.ts";
import type { Body, StandIn } from "./stand-in.ts";

/** Providers find it good. */
const TOKEN = "t".repeat(64);

export const LINUX = {
  ...{ count: 3, type: "cx23", image: "debian-13", location: "fsn1", until: "2026-12-01", language: "ru" },
  price: { monthly: "3.65 EUR", on: "2026-11-26", source: "a test" },
};

export const keys = deriveKeys(PREVIEW_MASTER_KEY, "lab", {});

/**
 * The lab with hosts at both clouds and a training of three, after a change of copies. The droplet that was there is to have
 * backups.
 */
export const farm = (change: (farm: FarmDeclaration, settings: Settings) => void = () => {}): Inventory =>
  cloudInventory((declared, settings) => {
    settings.training = { linux: LINUX };
    for (const { origin } of declared.hosts) if (origin.kind === "droplet") origin.backups = true;
    change(declared, settings);
  });

/** Numbers of the droplets that were there before. */
const DROPLETS = [42, 44];

/** Numbers for the droplets that settings take over: those of the ones that are there. */
export const importsOf = ({ imports }: Settings): Record<string, string> =>
  Object.fromEntries(Object.keys(imports ?? {}).map((id, index) => [id, `${DROPLETS[index]}`]));

/** Settings with what the program takes for examples, and refuses, replaced: IPv4 addresses by some in `range`. */
export function realised(settings: Settings, range: string): Settings {
  const text = JSON.stringify(settings)
    .replace(/\b(203\.0\.113|192\.0\.2)(?=\.)/g, range)
    .replace(/\b2001:db8:/g, "2001:2:0:");
  const administrator = { name: "one", languages: ["en"], keys: [`${keys.sshHostKey("one").publicKey} one`] };
  return { ...JSON.parse(text), administrators: [administrator], masterKey: PREVIEW_MASTER_KEY };
}

/** What that farm is read from. */
export function declaration(range: string): [FarmDeclaration, Settings] {
  const read: [FarmDeclaration, Settings][] = [];
  farm((...of) => {
    read.push(structuredClone(of));
  });
  const [declared, settings] = read[0]!;
  return [declared, realised(settings, range)];
}

/** What a test has of the clouds of a trial. */
export type Clouds = Awaited<ReturnType<typeof bothClouds>>;

/**
 * Begins both clouds. Addresses that end with 61, 63, 65 and 66 are bought; two droplets and a server 43 were there before the
 * farm, in nothing as we declare them, and with what others have put around them.
 */
export async function bothClouds(range: string) {
  const there = {
    name: "opplet",
    region: "nyc3",
    size: "s-2vcpu-2gb",
    image: "ubuntu-22-04-x64",
    tags: ["web"],
  };
  const ocean = await digitalOcean(
    [`${range}.61`, `${range}.65`],
    DROPLETS.map((id) => [id, there]),
  );
  const theirs = { name: "opplet", location: "nbg1", server_type: "cx33", image: "debian-12" };
  const around = {
    labels: { web: "1" },
    firewalls: [{ firewall: 77 }],
    networks: [88],
    backup_window: "22-02",
  };
  const hetzner = await hcloud([`${range}.63`, `${range}.66`], [[43, { ...theirs, ...around }]]);
  const apis = [ocean.api, hetzner.api];
  return {
    ...{ ocean, hetzner },
    endpoints: {
      ...{ DIGITALOCEAN_API_URL: ocean.api.url, DIGITALOCEAN_TOKEN: TOKEN },
      ...{ HCLOUD_ENDPOINT: hetzner.api.url, HCLOUD_TOKEN: TOKEN },
    },
    /** "METHOD PATH" of all that was to change something at either since this was asked last, in order at each. */
    taken: (): string[] => apis.flatMap((api) => api.taken()),
    /** What no stand-in knows. */
    unknown: (): string[] => apis.flatMap(({ unknown }) => unknown),
    close: (): void => {
      for (const api of apis) api.close();
    },
  };
}

/** Bodies of what an API was asked to make at a path. */
export const made = ({ changes }: StandIn, path: string): Body[] =>
  changes.filter((asked) => asked.method === "POST" && asked.path === path).map(({ body }) => body);

export const named = (all: readonly Body[], name: string): Body =>
  all.find((one) => one.name === name) ?? assert.fail(`${name} is not among ${all.map((one) => one.name)}`);
