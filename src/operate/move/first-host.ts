/** How a host might be declared that is not yet: like the one whose works it takes over. */
import type { FarmDeclaration } from "../../inventory/schema.ts";
import type { Settings } from "../../shell/stack.ts";
import type { Pair } from "./works.ts";

type DeclaredHost = FarmDeclaration["hosts"][number];

/** A declaration with its stack's settings. */
export interface Draft {
  readonly farm: FarmDeclaration;
  readonly settings: Settings;
}

const byHost = (settings: Settings, key: "addresses" | "addresses6"): Record<string, string> =>
  (settings[key] ?? {}) as Record<string, string>;

/** The first address after one that nobody has, with another number at its end: in IPv4 a range of 256. */
function freeAfter(address: string, taken: readonly string[]): string {
  const cut = Math.max(address.lastIndexOf("."), address.lastIndexOf(":")) + 1;
  const own = Number.parseInt(address.slice(cut), 10) || 0;
  const numbers = Array.from({ length: 254 }, (_, index) => ((own + index) % 254) + 1);
  const free = numbers.map((number) => address.slice(0, cut) + number).find((each) => !taken.includes(each));
  return free ?? address;
}

/** The next number that no guest of a Proxmox host has; a machine that another program would make is made by ours. */
function originLike(host: DeclaredHost, hosts: readonly DeclaredHost[]): DeclaredHost["origin"] {
  const { origin } = host;
  if (origin.kind === "droplet" || origin.kind === "hcloud") return { ...origin, exists: false };
  if (origin.kind !== "guest") return origin;
  const numbers = hosts.flatMap(({ origin: o }) =>
    o.kind === "guest" && o.parent === origin.parent ? [o.vmid] : [],
  );
  return { ...origin, vmid: Math.max(...numbers) + 1 };
}

/**
 * The draft with `to` as an example, at the same place and of the same size as `from`, under addresses that nobody has. The
 * same draft where `to` is declared.
 */
export function withFirstHost({ farm, settings }: Draft, { from, to }: Pair): Draft {
  const former = farm.hosts.find(({ id }) => id === from);
  if (former === undefined || farm.hosts.some(({ id }) => id === to)) return { farm, settings };
  const { title: _, ...like } = former;
  const meshes = farm.hosts.map(({ mesh }) => mesh);
  const host: DeclaredHost = {
    ...like,
    id: to,
    origin: originLike(former, farm.hosts),
    mesh: freeAfter(former.mesh, meshes),
  };
  const addresses = byHost(settings, "addresses");
  // A range that no machine is in (RFC 5737): the checks want some address, the person writes the real one.
  const address = addresses[to] ?? freeAfter("203.0.113.0", [...Object.values(addresses), ...meshes]);
  return {
    farm: { ...farm, hosts: [...farm.hosts, host] },
    settings: {
      ...settings,
      addresses: { ...addresses, [to]: address },
      ...address6Like(settings, { from, to }),
    },
  };
}

/** Where users call `from` by IPv6, they are to call `to` so: its address is one of the same network, as a guest's has to be. */
function address6Like(settings: Settings, { from, to }: Pair): Settings {
  const addresses6 = byHost(settings, "addresses6");
  const former = addresses6[from];
  if (former === undefined) return {};
  const address6 = addresses6[to] ?? freeAfter(former, Object.values(addresses6));
  return { addresses6: { ...addresses6, [to]: address6 } };
}

/** The settings without a host. */
export function settingsWithout(settings: Settings, id: string): Settings {
  const drop = (key: "addresses" | "addresses6" | "imports") => {
    if (settings[key] === undefined) return {};
    const entries = Object.entries(settings[key] as Record<string, string>);
    return { [key]: Object.fromEntries(entries.filter(([name]) => name !== id)) };
  };
  const adopt = settings.adopt as readonly string[] | undefined;
  return {
    ...settings,
    ...drop("addresses"),
    ...drop("addresses6"),
    ...drop("imports"),
    ...(adopt === undefined ? {} : { adopt: adopt.filter((name) => name !== id) }),
  };
}
