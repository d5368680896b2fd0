/** What it means to lose a host with its disk, and how it is made anew. */
import { dataHostsOf, partsOf } from "../inventory/clusters.ts";
import type { Cluster, Host, Inventory } from "../inventory/schema.ts";
import { FarmError } from "../shell/errors.ts";
import { namedHost } from "./farm.ts";

/** One thing that is on a host: what goes with it, and where it comes from again. */
interface Loss {
  readonly lost: string;
  readonly back: string;
}

const either = (names: readonly string[]): string =>
  names.length > 0 ? names.join(" or ") : "nobody: there is no other copy, only a backup";

function lossOfCluster(cluster: Cluster, id: string): Loss {
  const others = dataHostsOf(cluster).filter((other) => other !== id);
  if (!dataHostsOf(cluster).includes(id))
    return { lost: `its vote in ${cluster.id}`, back: "it joins the other votes anew" };
  const vote = cluster.members.includes(id) ? " and its vote" : "";
  return { lost: `its copy of the data of ${cluster.id}${vote}`, back: `a full copy from ${either(others)}` };
}

/** All that a guest has, in the order in which it comes back. */
function lossesOf({ clusters, applications, edge }: Inventory, host: Host): Loss[] {
  return [
    {
      lost: "its system, with its own keys",
      back: "this program: packages, files and units by its bundle, keys from the master key, so nobody has to learn new ones",
    },
    ...clusters.filter((c) => partsOf(c).includes(host.id)).map((cluster) => lossOfCluster(cluster, host.id)),
    ...applications
      .filter((a) => a.nodes.includes(host.id))
      .map((a) => ({
        lost: `its node of ${a.id}; ${a.nodes.length - 1} other(s) serve meanwhile`,
        back: `packages; content and sessions are in ${a.database.cluster}`,
      })),
    ...(edge.hosts.includes(host.id)
      ? [{ lost: "its way in for users, with its certificates", back: "certificates are made anew" }]
      : []),
  ];
}

/**
 * Tells what is lost with a host, what comes back from where, and what to do. Throws a FarmError (exit code 2) when there
 * is no such host, or when it is none that the program makes anew.
 */
export function rebuildText(inventory: Inventory, id: string): string {
  const host = namedHost({ inventory }, id);
  if (host.origin.kind !== "guest")
    throw new FarmError(
      `${id} is no guest of a Proxmox host: the program does not make machines of kind "${host.origin.kind}" anew yet`,
      "let its provider install Debian 13 on it, or Proxmox VE 9, and run the program",
      2,
    );
  const steps = [
    `in stacks/${inventory.stack}.ts write generations: { "machine/${id}": ${host.machine + 1} }, and nothing else: one machine a run`,
    `farm diff HEAD ${inventory.stack} shows what that changes; pulumi preview too`,
    `pulumi up: ${host.origin.parent} asks ${id}, if it still runs, whether the others can do without it; then guest ${host.origin.vmid} is destroyed with its disk and made anew; the run ends when ${id} is at work again`,
  ];
  return [
    `${id}, guest ${host.origin.vmid} of ${host.origin.parent}`,
    ...lossesOf(inventory, host).map(({ lost, back }) => `  lost: ${lost}\n  back: ${back}`),
    "What to do",
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
    "",
  ].join("\n");
}
