/** A farm of some guests on one Proxmox host, beside the lab, for a test that changes what is declared. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FarmDeclaration } from "../../src/inventory/schema.ts";
import { PRICE } from "../fast/farms.ts";
import { copyOfProgram, declare, editFile } from "./lab-farm.ts";

type Title = FarmDeclaration["title"];
type DeclaredHost = FarmDeclaration["hosts"][number];

const PARENT = "zhelezo1";

export const guest = (id: string, vmid: number, memory = "2 GB"): DeclaredHost => ({
  id,
  site: "fsn1",
  origin: { kind: "guest", parent: PARENT, vmid },
  mesh: `10.80.0.${vmid - 100}`,
  memory,
  disk: "10 GB",
});

/** The farm, with nothing on its hosts yet. */
export const smallFarm = (title: Title, guests: readonly DeclaredHost[]): FarmDeclaration => ({
  environment: "experimental",
  title,
  placement: { failureDomains: 1, providers: 1, roundTrip: 10 },
  sites: [{ id: "fsn1", title, provider: "hetzner", country: "DE" }],
  hosts: [
    {
      id: PARENT,
      site: "fsn1",
      origin: { kind: "dedicated", hypervisor: "proxmox", cores: 8 },
      mesh: "10.80.0.1",
      memory: "64 GB",
      disk: "3 TB",
      price: PRICE,
    },
    ...guests,
  ],
});

/** Addresses of hosts in the order in which they are declared, of a range for examples (RFC 5737). */
export const exampleAddresses = ({ hosts }: FarmDeclaration): Record<string, string> =>
  Object.fromEntries(hosts.map(({ id }, index) => [id, `192.0.2.${index + 1}`]));

/** Addresses of IPv6 for the Proxmox host and some of its guests, of a range for examples (RFC 3849). */
export const exampleAddresses6 = (guests: readonly string[]): Record<string, unknown> => ({
  "farms:addresses6": Object.fromEntries(
    [PARENT, ...guests].map((id, index) => [id, `2001:db8:90::${index + 2}`]),
  ),
  "farms:guestNetworks6": { [PARENT]: "2001:db8:90::1/64" },
});

/** Writes a stack's settings into a copy of the program: examples, in place of which the twin has its own, and `more`. */
export function writeSettings(
  copy: string,
  stack: string,
  addresses: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const settings = {
    "farms:addresses": addresses,
    "farms:guestNetworks": { [PARENT]: "10.90.0.1/24" },
    "farms:administrators": [{ name: "example", languages: ["en"], keys: ["ssh-ed25519 AAAA example"] }],
    ...more,
  };
  writeFileSync(join(copy, `Pulumi.${stack}.yaml`), JSON.stringify({ config: settings }));
}

/** A copy of the program that has a farm beside the others, with example addresses, as a stack whose twin has a range of its own. */
export function smallProgram(
  stack: string,
  range: string,
  declaration: FarmDeclaration,
  settings: Readonly<Record<string, unknown>> = {},
): string {
  const copy = copyOfProgram();
  declare(copy, stack, JSON.stringify(declaration));
  writeSettings(copy, stack, exampleAddresses(declaration), settings);
  takeRange(copy, range);
  return copy;
}

/** Gives the twins of a copy of the program a range of their own, so that they run beside the lab's. */
export function takeRange(copy: string, range: string): void {
  editFile(copy, "src/twin/settings.ts", (text) =>
    text.replace(/TWIN_RANGE = "[\d./]+"/, `TWIN_RANGE = "${range}"`),
  );
}
