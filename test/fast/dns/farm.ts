/** The production cloud with Cloudflare as its edge, and what records of a plan look like in short. */
import { zoneFileLine } from "../../../src/dns/record.ts";
import type { FarmDeclaration, Inventory } from "../../../src/inventory/schema.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import type { Settings } from "../../../src/shell/stack.ts";
import { planOf, prodInventory } from "../farms.ts";

export type Change = (farm: FarmDeclaration, settings: Settings) => void;

export const ACCOUNT = "a".repeat(32);
export const OPPLET = "b".repeat(32);

/** A mirror of packages within our network, and a key that was made for this. */
export const MIRROR = {
  repository: "http://10.9.0.5:8080/cloudflared",
  fingerprint: "95D956E63C0BB13C44AB12AA213AD7258201B67B",
  key: `-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawkLvBYJKwYBBAHaRw8BAQdAnbpYrH08Ty/vgBEkADtZfSSpalYDNvgNJXIl
IBu0qaa0Em1pcnJvciBvZiBwYWNrYWdlc4iQBBMWCAA4FiEEldlW5jwLsTxEqxKq
ITrXJYIBtnsFAmsJC7wCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQITrX
JYIBtnuETQD/VvMyezW173+Cr5xrlITThj9/x7Sqng3eAnpxGmY0HC4BAI3K0vdE
sL0LBmkyNGcmb7KV4vZfPj8Ee6DcO6gTaJEJ
=hple
-----END PGP PUBLIC KEY BLOCK-----
`,
};

/** Behind Cloudflare: opplet.net is there already, the other zones are made. */
export const behindCloudflare = (change: Change = () => {}): Inventory =>
  prodInventory((farm, settings) => {
    farm.edge = { kind: "cloudflare" };
    settings.cloudflare = { account: ACCOUNT, zones: { "opplet.net": OPPLET } };
    settings.cloudflared = { repository: MIRROR.repository, key: MIRROR.key };
    settings.nameservers = ["10.9.0.2"];
    (settings.administrators as { email?: string }[])[0]!.email = "anna@opplet.net";
    change(farm, settings);
  });

/** The lines of all records of a plan, or of those of one name. */
export const lines = ({ dns }: Plan, name?: string): string[] =>
  dns.zones.flatMap(({ records }) =>
    records.filter((record) => name === undefined || record.name === name).map(zoneFileLine),
  );

export const prodLines = (change: Change = () => {}, name?: string): string[] =>
  lines(planOf(prodInventory(change)), name);

/** A domain of a declaration, to be changed. */
export function domain(farm: FarmDeclaration, name: string): NonNullable<FarmDeclaration["domains"]>[number] {
  const found = farm.domains?.find((d) => d.name === name);
  if (found === undefined) throw new Error(`no domain ${name}`);
  return found;
}
