/** Policies about applications that users must not miss, and about what costs money for nothing. */
import { isPrivate } from "../inventory/addresses.ts";
import { edgeHosts } from "../inventory/domains.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host, Inventory } from "../inventory/schema.ts";
import type { Policy } from "./policy.ts";

/** The environment in which users must not notice the loss of an installation (the experimental cloud promises nothing). */
const PRODUCTION = "production";
const NODES = 3;
const FAILURE_DOMAINS = 2;

const domainsOf = (inventory: Inventory, nodes: readonly string[]): Set<string> =>
  new Set(nodes.map((id) => hostOf(inventory, id).failureDomain));

export const mainApplicationsSpread: Policy = {
  name: "main-applications-spread",
  severity: "mandatory",
  rule: {
    en: "in production a main application stands on three nodes, on two physical machines at least",
    ru: "в рабочем облаке главное приложение стоит на трёх узлах, не менее чем на двух физических машинах",
  },
  reason: {
    en: "users must not notice the loss of one, nor of the machine that it is on",
    ru: "пользователи не должны замечать потерю узла или машины, на которой он стоит",
  },
  violations: ({ inventory }) =>
    inventory.environment !== PRODUCTION
      ? []
      : inventory.applications
          .filter(({ main }) => main)
          .flatMap(({ id, nodes }) => {
            const domains = domainsOf(inventory, nodes);
            if (nodes.length >= NODES && domains.size >= FAILURE_DOMAINS) return [];
            return [
              {
                where: `application ${id}`,
                what: `it stands on ${nodes.length} node(s), on ${domains.size} physical machine(s)`,
                instead: `name ${NODES} nodes on ${FAILURE_DOMAINS} machines or more`,
              },
            ];
          }),
};

const WEB = new Set([80, 443]);

export const behindTheEdge: Policy = {
  name: "behind-the-edge",
  severity: "mandatory",
  rule: {
    en: "users reach applications by the edge alone",
    ru: "пользователи попадают в приложения только через общий вход",
  },
  reason: {
    en: "the edge knows which nodes live, and limits who asks too much",
    ru: "общий вход знает живые узлы и ограничивает тех, кто спрашивает слишком много",
  },
  violations: ({ inventory, hosts }) => {
    const edges = new Set(edgeHosts(inventory));
    const none = inventory.edge.kind === "hosts" && edges.size === 0;
    const exposed = hosts.filter(
      ({ host, state }) =>
        !edges.has(host.id) &&
        inventory.applications.some(({ nodes }) => nodes.includes(host.id)) &&
        state.listens.some(({ port, reach }) => reach === "world" && WEB.has(port)),
    );
    return [
      ...(none
        ? inventory.applications.map(({ id }) => ({
            where: `application ${id}`,
            what: "there is no edge before it",
            instead: 'write edge: { kind: "hosts", hosts: […] }',
          }))
        : []),
      ...exposed.map(({ host }) => ({
        where: `host ${host.id}`,
        what: "it serves the web to the world past the edge",
        instead: 'write reach: "mesh" for its web ports',
      })),
    ];
  },
};

export const noIdleAddress: Policy = {
  name: "no-idle-address",
  severity: "advisory",
  rule: {
    en: "a guest has a public IPv4 address only if it serves the world, or a guest elsewhere that nobody can call",
    ru: "у гостя есть внешний IPv4, только если он служит миру или гостю в другом месте, к которому не обратиться",
  },
  reason: {
    en: "each costs money every month, and is a way in",
    ru: "каждый адрес стоит денег каждый месяц и служит входом",
  },
  violations: ({ inventory, hosts, flows }) => {
    const hidden = ({ origin, address }: Host): boolean => origin.kind === "guest" && isPrivate(address);
    const called = (host: Host): boolean =>
      flows.some(({ from, to, via }) => {
        const caller = hostOf(inventory, from);
        return (
          to === host.id &&
          via === "underlay" &&
          hidden(caller) &&
          caller.failureDomain !== host.failureDomain
        );
      });
    return hosts
      .filter(({ host }) => host.origin.kind === "guest" && !hidden(host) && !called(host))
      .filter(({ state }) => !state.listens.some(({ reach }) => reach === "world"))
      .map(({ host }) => ({
        where: `host ${host.id}`,
        what: `its public address ${host.address} serves nobody`,
        instead: "give it one of its Proxmox host's private network (farms:addresses)",
      }));
  },
};
