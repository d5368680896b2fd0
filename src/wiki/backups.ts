/** Where backups are. The farm makes none yet; what else there is, is told with what it is worth. */
import { dataHostsOf } from "../inventory/clusters.ts";
import { isHypervisor, mountsOf } from "../inventory/machines.ts";
import type { Cluster, Host } from "../inventory/schema.ts";
import type { Scope } from "./scope.ts";
import { shown } from "./wikitext.ts";

/** Kinds of snapshots, in the order of how often they are taken. */
const SNAPSHOTS = ["hourly", "daily", "monthly"] as const;

/** Snapshots of a guest's mounts, a line each; of a mount that has none, none. */
const snapshotLines = (scope: Scope, { origin }: Host): string[] =>
  mountsOf(origin).flatMap(({ path, snapshots }) => {
    const kept = SNAPSHOTS.filter((kind) => snapshots[kind] > 0);
    return kept.length === 0
      ? []
      : `** ${shown(path)}: ${kept.map((kind) => `${snapshots[kind]} ${scope.say(kind)}`).join(", ")}`;
  });

/** What there is of a host beside the farm's own backups: its provider's, and snapshots on its Proxmox host. */
function elsewhere(scope: Scope, host: Host): string[] {
  const { origin } = host;
  const snapshots = snapshotLines(scope, host);
  return [
    ...(origin.kind === "droplet" && origin.backups ? [`* ${scope.say("providersBackups")}`] : []),
    ...(snapshots.length > 0 ? [`* ${scope.say("snapshots")}`, ...snapshots] : []),
    ...(isHypervisor(origin) ? [`* ${scope.say("guestSettings")}`] : []),
  ];
}

export function hostBackups(scope: Scope, host: Host): string[] {
  const { clusters } = scope.plan.inventory;
  const copied = clusters.some(
    (cluster) => dataHostsOf(cluster).includes(host.id) && dataHostsOf(cluster).length > 1,
  );
  return [
    scope.say("noBackups"),
    ...elsewhere(scope, host),
    ...(copied ? [`* ${scope.say("copiesElsewhere")}`] : []),
  ];
}

export const clusterBackups = (scope: Scope, cluster: Cluster): string[] => [
  scope.say("noBackups"),
  ...(dataHostsOf(cluster).length > 1 ? [`* ${scope.say("copiesElsewhere")}`] : []),
];

/** For the overview: hosts of which something is kept somewhere. */
export function farmBackups(scope: Scope): string[] {
  const kept = scope.plan.inventory.hosts.filter((host) => elsewhere(scope, host).length > 0);
  return [
    scope.say("noBackups"),
    ...(kept.length > 0
      ? [
          "",
          `${scope.say("elsewhereOf")}: ${scope.to(
            "host",
            kept.map(({ id }) => id),
          )}`,
        ]
      : []),
  ];
}
