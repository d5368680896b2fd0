/** The server as Robot knows it, and what stands there now: asked anew by every run, remembered by none. */
import type { Server } from "../../machines/robot/servers.ts";
import { FRESH } from "../../machines/user-data.ts";
import { ServiceError } from "../../machines/web-service.ts";
import { FarmError } from "../../shell/errors.ts";
import { fingerprint, NO_CONNECTION, type Reach, type Site } from "./site.ts";

/**
 * Finds a host's server at Robot by its address. Throws a FarmError when there is none, when Robot calls it otherwise (what is
 * confirmed must be what is reset), or when it can't be worked on.
 */
export async function findServer(
  { robot }: Pick<Site, "robot">,
  id: string,
  address: string,
): Promise<Server> {
  const server = (await robot.servers.list()).find(({ server_ip }) => server_ip === address);
  if (server === undefined)
    throw new FarmError(
      `Robot has no server with the address ${address} of ${id}`,
      `write the right one: pulumi config set --path 'farms:addresses.${id}' ADDRESS, or see that farms:robot is of the account that has it`,
    );
  const { server_number: number, server_name: name, status, cancelled } = server;
  if (name !== id)
    throw new FarmError(
      `Robot calls server ${number} with the address ${address} ${JSON.stringify(name)}, and not ${JSON.stringify(id)}`,
      `if it is ${id}, name it so in Robot (Servers, "Server name"): what you confirm must be what is reset`,
    );
  if (cancelled || status !== "ready")
    throw new FarmError(
      `Robot says of server ${number} (${name}): ${cancelled ? "it is cancelled" : `it is ${status}`}`,
      "look at it in Robot first",
    );
  return server;
}

/** What answers at a machine's address. */
export type OwnStanding =
  /** A system that was made for the farm and waits for `pulumi up`. */
  | { readonly kind: "installed"; readonly hostKey: string }
  /** A system of the farm's, in use. */
  | { readonly kind: "farm"; readonly hostKey: string }
  /** Something else, or nothing. */
  | { readonly kind: "other" };
export type Standing = OwnStanding | { readonly kind: "rescue"; readonly hostKey: string };

/** Whether it is the farm's own that stands there. `farmKey` is the host key by which the farm knows the machine. */
export async function ownStanding(
  reach: Reach,
  farmKey: string,
  shown: string | undefined,
): Promise<OwnStanding> {
  if (shown !== farmKey) return { kind: "other" };
  const { code } = await reach.run(farmKey, `test -e ${FRESH}`, { limit: 60 });
  if (code === NO_CONNECTION) return { kind: "other" };
  return { kind: code === 0 ? "installed" : "farm", hostKey: farmKey };
}

async function rescueFingerprints({ robot }: Site, number: number): Promise<string[]> {
  try {
    const { host_key } = await robot.rescue.last(number);
    return host_key.map(({ key }) => key.fingerprint);
  } catch (error) {
    // It was never activated.
    if (error instanceof ServiceError && error.status === 404) return [];
    throw error;
  }
}

/** As ownStanding, with the rescue system; `rescueKey` is one that an administrator has read on that one's console. */
export async function standing(
  site: Site,
  number: number,
  farmKey: string,
  rescueKey?: string,
): Promise<Standing> {
  const shown = await site.shownKey();
  if (shown === undefined || shown === farmKey) return ownStanding(site, farmKey, shown);
  const known = shown === rescueKey || (await rescueFingerprints(site, number)).includes(fingerprint(shown));
  return known ? { kind: "rescue", hostKey: shown } : { kind: "other" };
}
