/** What a person does with a machine beside the declaration: its first contact, and its end. */
import { isMadeElsewhere } from "../../inventory/machines.ts";
import type { FarmDeclaration } from "../../inventory/schema.ts";
import type { Draft } from "./first-host.ts";

type DeclaredHost = FarmDeclaration["hosts"][number];

const hostNamed = (farm: FarmDeclaration, id: string): DeclaredHost | undefined =>
  farm.hosts.find((host) => host.id === id);

/** Commands by which the farm first meets a machine that it did not make. */
export function firstContact({ farm, settings }: Draft, stack: string, id: string): string[] {
  const host = hostNamed(farm, id);
  if (host === undefined || !isMadeElsewhere(host.origin)) return [];
  const adopted = (settings.adopt ?? []) as readonly string[];
  return [
    ...(host.origin.kind === "vps"
      ? [
          `scripts/farm rebuild ${id} --stack ${stack} --execute --confirm ${id}: a new system, all that is on its disk is lost; or, to take over the one that is there:`,
        ]
      : []),
    ...(adopted.includes(id) ? [] : [`pulumi config set --path 'farms:adopt[${adopted.length}]' ${id}`]),
    `scripts/farm bootstrap ${id} --stack ${stack} --host-key 'ssh-ed25519 …' (as its provider's console shows it)`,
  ];
}

/** The ends of the names of what is protected for a host, as its component has them (src/machines). */
function protectedOf({ origin }: DeclaredHost): string {
  switch (origin.kind) {
    case "droplet":
      return "droplet|address|firewall";
    case "hcloud":
      return "server|firewall";
    // What has data in clusters is protected only as long as it is part of them.
    case "guest":
      return (origin.mounts ?? []).length > 0 ? "guest" : "";
    default:
      return "";
  }
}

/** Commands without which the program does not remove a machine: what is at a cloud, and what has files, is protected. */
export function beforeRemoval(farm: FarmDeclaration, id: string): string[] {
  const host = hostNamed(farm, id);
  const kinds = host && protectedOf(host);
  if (!host || !kinds) return [];
  const { origin } = host;
  return [
    ...(origin.kind === "guest"
      ? [
          `save what is in ${(origin.mounts ?? []).map(({ path }) => path).join(", ")}; then on ${origin.parent}: pct shutdown ${origin.vmid}, pct set ${origin.vmid} --delete mp0 (and so each mount), then --delete unused0 destroys its files`,
        ]
      : []),
    `pulumi state unprotect $(pulumi stack --show-urns | grep -oE 'urn:.*::${id}-(${kinds})$')`,
    ...(origin.kind === "hcloud" ? [`hcloud server disable-protection ${id} delete rebuild`] : []),
  ];
}

/** What becomes of the machine when the program has run without it. */
export function afterRemoval(farm: FarmDeclaration, id: string): string[] {
  const host = hostNamed(farm, id);
  if (host === undefined) return [];
  const { origin } = host;
  const provider = farm.sites.find((site) => site.id === host.site)?.provider;
  switch (origin.kind) {
    case "guest":
      return [`pulumi up destroys guest ${origin.vmid} of ${origin.parent} with its disk`];
    case "droplet":
    case "hcloud":
      return [
        "pulumi up destroys the machine with its disk; its address stays bought until it is given back",
      ];
    case "vps":
    case "dedicated":
      return [
        `end its contract with ${provider}${provider === "contabo" ? " (my.contabo.com, Your services)" : ""}: until then it runs on and is paid; the program does not touch it any more`,
      ];
  }
}
