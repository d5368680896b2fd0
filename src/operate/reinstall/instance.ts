/** A virtual server as Contabo knows it, compared with what is declared: asked anew by every run, remembered by none. */
import type { Host } from "../../inventory/schema.ts";
import type { Contabo } from "../../machines/contabo/contabo.ts";
import type { Image, Instance } from "../../machines/contabo/instances.ts";
import { vpsOf } from "../../machines/contabo/steps.ts";
import { FarmError } from "../../shell/errors.ts";

/** What Contabo says of an instance that can be installed, or is being installed just now. */
const INSTALLABLE = ["running", "stopped", "rescue", "error", "uninstalled", "installing"];

/** Finds a host's instance by its address. Throws a FarmError when the account has none. */
export async function findInstance(contabo: Contabo, { id, address }: Host): Promise<Instance> {
  const found = (await contabo.instances.list()).find(({ ipConfig }) => ipConfig.v4.ip === address);
  if (found !== undefined) return found;
  throw new FarmError(
    `Contabo has no server with the address ${address} of ${id}`,
    `write the right one: pulumi config set --path 'farms:addresses.${id}' ADDRESS, or see that farms:contabo is of the account that has it`,
  );
}

/** How an instance differs from the host that is declared, and what keeps it from being installed, as sentences. */
export function differences(host: Host, instance: Instance): string[] {
  const { product, region } = vpsOf(host);
  const { displayName, productName, cancelDate, status, errorMessage } = instance;
  const problems: [boolean, string][] = [
    [
      displayName !== host.id,
      `Contabo calls it ${JSON.stringify(displayName)}, and not ${JSON.stringify(host.id)}: if it is ${host.id}, name it so there (my.contabo.com, display name), as what you confirm must be what is installed anew`,
    ],
    [productName !== product, `it is a ${productName}, and ${product} is declared`],
    [instance.region !== region, `it is in ${instance.region}, and ${region} is declared`],
    [Boolean(cancelDate), `it is cancelled: its contract ends on ${cancelDate}`],
    [
      !INSTALLABLE.includes(status),
      `Contabo says of it: ${status}${errorMessage ? ` (${errorMessage})` : ""}; see my.contabo.com first`,
    ],
  ];
  return problems.flatMap(([is, problem]) => (is ? [problem] : []));
}

/** The image that a host is installed from, or why there is none. */
export async function imageOf(contabo: Contabo, host: Host): Promise<Image | string> {
  const { image } = vpsOf(host);
  const own = (await contabo.images.list()).filter(({ standardImage }) => standardImage);
  const debian = own.map(({ name }) => name).filter((name) => /debian/i.test(name));
  return (
    own.find(({ name }) => name === image) ??
    `Contabo has no image ${image} of its own; of Debian there is: ${debian.join(", ") || "none"}; the right one belongs in the host's origin (image)`
  );
}

/** An instance as Contabo tells of it, a line for each part. */
export function reportLines(instance: Instance): string[] {
  const { name, instanceId, productName, region, cpuCores, ramMb, diskMb, status } = instance;
  return [
    `instance ${instanceId} (${name}), a ${productName} in ${region}`,
    `${cpuCores} cores, ${ramMb} MB of memory, ${diskMb} MB of disk`,
    `status: ${status}`,
  ];
}
