/** What is lost with machines and their disks, and where it comes from again. */
import { dataHostsOf, partsOf } from "../inventory/clusters.ts";
import { edgeHosts } from "../inventory/domains.ts";
import { isMadeElsewhere, mountsOf } from "../inventory/machines.ts";
import type { Cluster, Host, Inventory } from "../inventory/schema.ts";

/** One thing that is on a host: what goes with it, and where it comes from again. */
export interface Loss {
  readonly lost: string;
  readonly back: string;
}

function lossOfCluster(cluster: Cluster, id: string, gone: readonly string[]): Loss {
  const others = dataHostsOf(cluster).filter((other) => !gone.includes(other));
  if (!dataHostsOf(cluster).includes(id))
    return { lost: `its vote in ${cluster.id}`, back: "it joins the other votes anew" };
  const back =
    others.length > 0 ? `a full copy from ${others.join(" or ")}` : "a backup: there is no other copy";
  const vote = cluster.members.includes(id) ? " and its vote" : "";
  return { lost: `its copy of the data of ${cluster.id}${vote}`, back };
}

/** What the program knows nothing of, on a machine that was there before it. */
function lossesOfBefore({ origin }: Host): Loss[] {
  if (!isMadeElsewhere(origin)) return [];
  const back =
    origin.kind === "droplet" && origin.backups
      ? "its provider's weekly backup, as far as it has them: look at that first"
      : "nothing: save them first";
  return [{ lost: "files, databases and services there that nobody has declared", back }];
}

/** All that a host has, in the order in which it comes back; `gone` are all that are lost together, itself among them. */
export function lossesOf(inventory: Inventory, host: Host, gone: readonly string[] = [host.id]): Loss[] {
  const { clusters, applications } = inventory;
  const others = (nodes: readonly string[]) => nodes.filter((node) => !gone.includes(node)).length;
  return [
    {
      lost: "its system, with its own keys",
      back: "this program: packages, files and units by its bundle, keys from the master key, so nobody has to learn new ones",
    },
    ...clusters
      .filter((c) => partsOf(c).includes(host.id))
      .map((cluster) => lossOfCluster(cluster, host.id, gone)),
    ...applications
      .filter((a) => a.nodes.includes(host.id))
      .map((a) => ({
        lost: `its node of ${a.id}; ${others(a.nodes)} other(s) serve meanwhile`,
        back: `packages; content and sessions are in ${a.database.cluster}`,
      })),
    ...(edgeHosts(inventory).includes(host.id)
      ? [{ lost: "its way in for users, with its certificates", back: "certificates are made anew" }]
      : []),
    ...mountsOf(host.origin).map(({ path }) => ({
      lost: `its files in ${path}, with their snapshots`,
      back: "a backup: there is no other copy",
    })),
    ...lossesOfBefore(host),
  ];
}
