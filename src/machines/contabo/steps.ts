/** The steps from a virtual server, whatever runs on it, to Debian that waits for the program: in their order, as data. */
import { AGENT } from "../../host/agent.ts";
import type { Host, Inventory } from "../../inventory/schema.ts";
import type { KeyPair } from "../../plan/keys.ts";
import type { Step } from "../install-step.ts";
import { FRESH, hostConfig, userData } from "../user-data.ts";

export type ReinstallStep = "find" | "image" | "ask" | "reinstall" | "meet";

/** Whether the others can do without a host, by its own agent; a host that never had one is missed by nobody. */
export const GATES = `test ! -x ${AGENT} || ${AGENT} gates`;

/** Whether it is a new machine of the farm's; says which Debian it is. */
export const MEET = `test -e ${FRESH} && . /etc/os-release && echo "$PRETTY_NAME" && test "$VERSION_CODENAME" = trixie`;

/** Stands for the host's key, which nobody is to read. */
const UNTOLD: KeyPair = { privateKey: "its SSH host key, which stays untold\n", publicKey: "ssh-ed25519 …" };

/** A virtual server as it is declared; throws for any other host. */
export function vpsOf({ id, origin }: Host) {
  if (origin.kind !== "vps") throw new Error(`${id} is no virtual server`);
  return origin;
}

/** All steps for a host that is a virtual server of Contabo's. */
export function reinstallSteps(host: Host, inventory: Inventory): Step<ReinstallStep>[] {
  const { id, address } = host;
  const { product, region, image } = vpsOf(host);
  const given = userData(hostConfig(host, inventory, { sshHostKey: () => UNTOLD }));
  return [
    {
      id: "find",
      what: `find ${id}, and how far an earlier attempt has come`,
      where: "Contabo",
      how: `GET /v1/compute/instances: the one with address ${address}`,
      ends: `Contabo too calls it ${id}, a ${product} in ${region}; what answers there is a new machine of the farm's, or not`,
    },
    {
      id: "image",
      what: `find the image ${image}`,
      where: "Contabo",
      how: "GET /v1/compute/images",
      ends: "Contabo has one of its own by that name",
    },
    {
      id: "ask",
      what: `ask ${id} whether the others can do without it`,
      where: id,
      how: GATES,
      ends: "it says yes, or what answers there is no system of the farm's",
    },
    {
      id: "reinstall",
      what: `install Debian on ${id}`,
      where: "Contabo",
      how: `PUT /v1/compute/instances/NUMBER imageId=… defaultUser=root userData=\n${given}`,
      harm: "destroys everything on its disk",
      ends: "Contabo has taken the request",
    },
    {
      id: "meet",
      what: "first contact",
      where: "this computer",
      how: `ssh-keyscan -t ed25519 ${address}, then ssh with the farm's key pinned:\n${MEET}`,
      ends: "it shows the key of the farm, is marked as new, and lets an administrator in",
    },
  ];
}
