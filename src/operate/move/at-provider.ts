/** What a person does with a machine beside the declaration: its first contact, and its end. */
import type { FarmDeclaration } from "../../inventory/schema.ts";
import type { Draft } from "./first-host.ts";

type DeclaredHost = FarmDeclaration["hosts"][number];

const hostNamed = (farm: FarmDeclaration, id: string): DeclaredHost | undefined =>
  farm.hosts.find((host) => host.id === id);

/** Whether somebody else has made the machine: it then shows a host key of its own, and has had a life before the farm. */
const isMadeElsewhere = ({ origin }: DeclaredHost): boolean =>
  origin.kind === "vps" || origin.kind === "dedicated" || ("exists" in origin && origin.exists === true);

/** Commands by which the farm first meets a machine that it did not make. */
export function firstContact({ farm, settings }: Draft, id: string): string[] {
  const host = hostNamed(farm, id);
  if (host === undefined || !isMadeElsewhere(host)) return [];
  const adopted = (settings.adopt ?? []) as readonly string[];
  return [
    ...(adopted.includes(id) ? [] : [`pulumi config set --path 'farms:adopt[${adopted.length}]' ${id}`]),
    `scripts/farm bootstrap ${id} --host-key 'ssh-ed25519 …' (as its provider's console shows it)`,
  ];
}

const PROTECTED: Readonly<Record<string, string>> = { droplet: "droplet", hcloud: "server" };

/** Commands without which the program does not remove a machine: what is at a cloud is protected. */
export function beforeRemoval(farm: FarmDeclaration, id: string): string[] {
  const host = hostNamed(farm, id);
  const resource = host && PROTECTED[host.origin.kind];
  if (resource === undefined) return [];
  return [
    `pulumi state unprotect "$(pulumi stack --show-urns | grep -o 'urn:.*::${id}-${resource}$')"`,
    ...(host?.origin.kind === "hcloud" ? [`hcloud server disable-protection ${id} delete rebuild`] : []),
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
