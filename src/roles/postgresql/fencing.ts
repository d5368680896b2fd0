/** A member that is lost is switched off for sure before another takes its place: see fencing/main.py. */
import { readFileSync } from "node:fs";
import { file, unit } from "../../host/entries.ts";
import type { ConnectState, Contribution } from "../../host/state.ts";
import { votersOf } from "../../inventory/clusters.ts";
import { hostOf } from "../../inventory/load.ts";
import type { Inventory, PostgresCluster } from "../../inventory/schema.ts";
import { listener } from "../listener.ts";
import type { RoleContext } from "../role.ts";
import { ETCD_CLIENT_PORT, FENCE_PORT, REST_PORT, STOP_PORT } from "./ports.ts";

const CONFIG = "/etc/farm/fence.json";
const PROGRAM = "/usr/local/lib/farm-fence";
const UNIT = "/etc/systemd/system/farm-fence.service";

const GUESTS = "/etc/farm/fence-guests.json";
const STOPPER = "/usr/local/lib/farm-fence-guests";
const SOCKET = "/etc/systemd/system/farm-fence.socket";
const INSTANCE = "/etc/systemd/system/farm-fence@.service";

const shipped = (name: string): string => readFileSync(new URL(`./fencing/${name}`, import.meta.url), "utf8");
const programs = [
  ...["main.py", "decide.py", "etcd.py"].map((name) =>
    file(`${PROGRAM}/${name}`, shipped(name), { mode: name === "main.py" ? "0755" : "0644" }),
  ),
  file(`${PROGRAM}/listener.py`, listener),
];
const farmDirectory = { path: "/etc/farm", owner: "root:root", mode: "0755" };

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** The Proxmox host under a member. The inventory has been checked: without one it is not fenced so. */
function parentOf(inventory: Inventory, id: string): string {
  const { origin } = hostOf(inventory, id);
  if (origin.kind !== "guest") throw new Error(`${id} is no guest in a checked inventory`);
  return origin.parent;
}

const isFenced = (cluster: PostgresCluster): boolean => cluster.fencing === "proxmox";

/** What each vote of a fenced cluster runs; nothing where fencing is not declared. */
export function fencer({ inventory, host }: RoleContext, cluster: PostgresCluster): Contribution[] {
  if (!isFenced(cluster)) return [];
  const meshOf = (id: string): string => hostOf(inventory, id).mesh;
  const votes = [...votersOf(cluster)].sort();
  const members = [...cluster.members].sort();
  const parents = [...new Set(members.map((id) => parentOf(inventory, id)))].sort();
  const config = {
    name: host.id,
    scope: cluster.id,
    votes: Object.fromEntries(votes.map((id) => [id, meshOf(id)])),
    members: Object.fromEntries(members.map((id) => [id, meshOf(id)])),
    stoppers: Object.fromEntries(members.map((id) => [id, meshOf(parentOf(inventory, id))])),
    port: FENCE_PORT,
    restPort: REST_PORT,
    etcdPort: ETCD_CLIENT_PORT,
    stopPort: STOP_PORT,
  };
  const to = (port: number, hosts: readonly string[]): ConnectState[] =>
    hosts
      .filter((id) => id !== host.id)
      .map((id) => ({ service: "fence", protocol: "tcp", port, to: { kind: "host", host: id } }));
  return [
    {
      role: `fencing of ${cluster.id}`,
      packages: ["python3"],
      directories: [farmDirectory, { path: PROGRAM, owner: "root:root", mode: "0755" }],
      files: [file(CONFIG, json(config)), file(UNIT, shipped("farm-fence.service")), ...programs],
      units: [unit("farm-fence.service", { restartOn: [CONFIG, UNIT, ...programs.map((f) => f.path)] })],
      listens: [{ service: "fence", protocol: "tcp", port: FENCE_PORT, reach: "mesh" }],
      connects: [
        ...to(FENCE_PORT, votes),
        ...to(REST_PORT, members),
        ...to(ETCD_CLIENT_PORT, votes),
        ...to(STOP_PORT, parents),
      ],
      probes: [
        {
          name: `the votes of ${cluster.id} watch the members`,
          command: `curl -sS --noproxy '*' --fail --max-time 3 http://${host.mesh}:${FENCE_PORT}/`,
          within: 20,
        },
      ],
    },
  ];
}

/** What a Proxmox host needs so that fenced clusters can have their members on it stopped; nothing where there are none. */
export function fencedGuests({ inventory, host }: RoleContext): Contribution[] {
  const guests = inventory.clusters.flatMap((cluster) => {
    if (cluster.software !== "postgresql" || !isFenced(cluster)) return [];
    const askers = [...votersOf(cluster)].sort();
    return cluster.members
      .map((id) => hostOf(inventory, id))
      .filter(({ origin }) => origin.kind === "guest" && origin.parent === host.id)
      .map(({ id, origin }) => ({
        id,
        vmid: origin.kind === "guest" ? origin.vmid : 0,
        // Nobody stops themselves.
        askers: askers.filter((asker) => asker !== id).map((asker) => hostOf(inventory, asker).mesh),
      }));
  });
  if (guests.length === 0) return [];
  const config = Object.fromEntries(
    guests.sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, ...rest }) => [id, rest]),
  );
  const program = `${STOPPER}/stop-guest.py`;
  return [
    {
      role: "fencing of guests",
      packages: ["python3"],
      directories: [farmDirectory, { path: STOPPER, owner: "root:root", mode: "0755" }],
      files: [
        file(GUESTS, json(config)),
        file(program, shipped("stop-guest.py"), { mode: "0755" }),
        file(INSTANCE, shipped("farm-fence@.service")),
        file(
          SOCKET,
          `[Unit]
Description=Takes the word of a database cluster that a guest is to be stopped

[Socket]
ListenStream=${host.mesh}:${STOP_PORT}
# Also before the mesh is up.
FreeBind=yes
Accept=yes
MaxConnections=8

[Install]
WantedBy=sockets.target
`,
        ),
      ],
      units: [unit("farm-fence.socket", { restartOn: [SOCKET] })],
      listens: [{ service: "fence", protocol: "tcp", port: STOP_PORT, reach: "mesh" }],
      probes: [
        {
          name: "fencing answers",
          command: "systemctl is-active --quiet farm-fence.socket",
          within: 10,
        },
      ],
    },
  ];
}
