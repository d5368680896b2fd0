/** A Proxmox host in a machine of its own, and its guests, each a network namespace on its bridge. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { canonical6, macOf } from "../../src/inventory/addresses.ts";
import { loadInventory } from "../../src/inventory/load.ts";
import { deriveKeys, PREVIEW_MASTER_KEY } from "../../src/plan/keys.ts";
import { type HostPlan, hostPlan, makePlan } from "../../src/plan/plan.ts";
import { inMachine } from "../../src/twin/machines/inside.ts";
import { address6Of, controllerAddress, runInNamespace } from "../../src/twin/machines/network.ts";
import { proxyAddress } from "../../src/twin/machines/packages.ts";
import { PRICE } from "../fast/farms.ts";

export const STACK = "proxmox-host-test";
export const RANGE = "10.97.0.0/24";
export const OUTSIDE = controllerAddress(RANGE);
export const OUTSIDE6 = address6Of(RANGE, 0, 1);
export const HOST = {
  id: "metal1",
  address: "10.97.0.11",
  address6: address6Of(RANGE, 0, 11),
  vSwitch: "10.99.7.1",
};
export const GATEWAY = "10.91.7.1";
/** The subnet that is routed to the host. */
export const SUBNET = 7;
export const GATEWAY6 = address6Of(RANGE, SUBNET, 1);
/**
 * The first has no IPv6. The third has an IPv4 address that is routed to its host, from the range for measurements (RFC 2544),
 * and takes users' requests.
 */
export const GUESTS = [
  { id: "db1", vmid: 101, address: "10.91.7.11", mesh: "10.80.7.20", address6: undefined },
  {
    id: "db2",
    vmid: 102,
    address: "10.91.7.12",
    mesh: "10.80.7.21",
    address6: address6Of(RANGE, SUBNET, 12),
  },
  {
    id: "db3",
    vmid: 103,
    address: "198.18.0.50",
    mesh: "10.80.7.22",
    address6: address6Of(RANGE, SUBNET, 50),
  },
];
export const [db1, db2, db3] = GUESTS as [Guest, Guest, Guest];
export type Guest = (typeof GUESTS)[number];
export const ipv6Of = ({ address6 = "" }: Guest): string => address6;

/** Another Proxmox host on the same vSwitch, with two members of the same cluster. */
export const FAR = { id: "metal2", address: "10.97.0.12", vSwitch: "10.99.7.2", gateway: "10.92.7.1" };
export const FAR_GUESTS = [
  { id: "db4", vmid: 104, address: "10.92.7.14", mesh: "10.80.7.23" },
  { id: "db5", vmid: 105, address: "10.92.7.15", mesh: "10.80.7.24" },
];

export const keys = deriveKeys(PREVIEW_MASTER_KEY, "metal", {});

export function planned(publicKey: string): HostPlan {
  const inventory = loadInventory(
    "metal",
    {
      environment: "metal",
      title: { en: "Metal", ru: "Железо" },
      placement: { failureDomains: 1, providers: 1, roundTrip: 10 },
      sites: [{ id: "here", title: { en: "Here", ru: "Здесь" }, provider: "here", country: "DE" }],
      hosts: [
        {
          ...{ id: HOST.id, site: "here", mesh: "10.80.7.10", memory: "32 GB", disk: "1 TB", price: PRICE },
          origin: { kind: "dedicated", hypervisor: "proxmox", cores: 8, vSwitch: 4000 },
        },
        {
          ...{ id: FAR.id, site: "here", mesh: "10.80.7.11", memory: "32 GB", disk: "1 TB", price: PRICE },
          origin: { kind: "dedicated", hypervisor: "proxmox", cores: 8, vSwitch: 4000 },
        },
        ...GUESTS.map(({ id, vmid, mesh }) => ({
          ...{ id, site: "here", mesh, memory: "1 GB", disk: "5 GB" },
          origin: { kind: "guest" as const, parent: HOST.id, vmid },
        })),
        ...FAR_GUESTS.map(({ id, vmid, mesh }) => ({
          ...{ id, site: "here", mesh, memory: "1 GB", disk: "5 GB" },
          origin: { kind: "guest" as const, parent: FAR.id, vmid },
        })),
      ],
      clusters: [
        {
          ...{ id: "mariadb", title: { en: "Cluster", ru: "Связка" }, software: "mariadb" },
          members: [...GUESTS, ...FAR_GUESTS].map(({ id }) => id),
        },
      ],
      edge: { kind: "hosts", hosts: [db3.id] },
    },
    {
      addresses6: Object.fromEntries(
        [HOST, ...GUESTS].flatMap(({ id, address6 }) => (address6 ? [[id, address6]] : [])),
      ),
      guestNetworks6: { [HOST.id]: `${GATEWAY6}/64` },
      addresses: Object.fromEntries(
        [HOST, FAR, ...GUESTS, ...FAR_GUESTS].map(({ id, address }) => [id, address]),
      ),
      guestNetworks: { [HOST.id]: `${GATEWAY}/24`, [FAR.id]: `${FAR.gateway}/24` },
      vSwitchAddresses: { [HOST.id]: `${HOST.vSwitch}/24`, [FAR.id]: `${FAR.vSwitch}/24` },
      administrators: [{ name: "olga", languages: ["ru"], keys: [publicKey] }],
      nameservers: [OUTSIDE],
      packageProxy: proxyAddress(STACK),
    },
  );
  return hostPlan(makePlan(inventory, keys), HOST.id);
}

export async function sh(script: string, input = ""): Promise<string> {
  const argv = ["/bin/sh", "-euc", script];
  const { code, stdout, stderr } = await inMachine(STACK, HOST.id, argv, { input, limit: 300 });
  assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
  return stdout.trim();
}

/** What Proxmox does when a guest starts: its interface is put on the bridge, by the name that Proxmox gives it. */
export const plugIn = ({ id, vmid, mesh, address, address6 }: Guest): string => `
ip netns add ${id}
ip link add veth${vmid}i0 type veth peer name eth0 address ${macOf(mesh)} netns ${id}
ip link set veth${vmid}i0 master vmbr1 up
ip -n ${id} address add ${address}/${address.startsWith("10.") ? 24 : 32} dev eth0
ip -n ${id} link set lo up
ip -n ${id} link set eth0 up
ip -n ${id} route add ${GATEWAY} dev eth0 2>/dev/null || true
ip -n ${id} route add default via ${GATEWAY} dev eth0
${address6 === undefined ? "" : `ip -n ${id} address add ${address6}/64 dev eth0\nip -n ${id} route add default via ${GATEWAY6} dev eth0`}`;

type Protocol = "TCP" | "UDP" | "TCP6" | "UDP6";

/** Says to whoever calls from which address it is called, until the test ends. */
export function mirror(argv: readonly string[], protocol: Protocol, port: number) {
  const listen = `${protocol}-LISTEN:${port},fork,reuseaddr`;
  const [command = "", ...rest] = [...argv, "socat", "-U", listen, "SYSTEM:echo $SOCAT_PEERADDR"];
  return spawn(command, rest, { stdio: "ignore" });
}

/** A command that calls and prints what it hears. */
const calling = (protocol: Protocol, address: string, port: number): string =>
  `socat -t 3 -T 3 - ${protocol}:${address.includes(":") ? `[${address}]` : address}:${port},${protocol.startsWith("TCP") ? "connect-timeout=2" : "shut-none"}`;

/** What was heard, an IPv6 address in its short form; the error where nothing was. */
function heard({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const [, address] = /^\[(.*)\]$/.exec(stdout.trim()) ?? [];
  if (address !== undefined) return canonical6(address);
  return stdout.trim() || stderr.trim().split(": ").at(-1) || "silence";
}

/** What a guest hears when it calls. */
export async function call(
  { id }: Pick<Guest, "id">,
  protocol: Protocol,
  address: string,
  port: number,
): Promise<string> {
  const socat = calling(protocol, address, port);
  return heard(
    await inMachine(STACK, HOST.id, ["sh", "-c", `echo | timeout 5 ip netns exec ${id} ${socat}`]),
  );
}

/** What somebody outside hears when they call. */
export async function callFromOutside(protocol: Protocol, address: string, port: number): Promise<string> {
  const script = `echo | timeout 5 ${calling(protocol, address, port)}`;
  return heard(await runInNamespace(STACK, ["sh", "-c", script]));
}
