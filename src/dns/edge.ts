/** The names that lead to the edge: which there are, what is behind them, and their records. */
import { edgeHosts, type Redirect } from "../inventory/domains.ts";
import type { Application, Host, Inventory } from "../inventory/schema.ts";
import { policiesOf } from "./mail.ts";
import { type DnsRecord, SHORT_TTL, TUNNEL_TARGET } from "./record.ts";

/**
 * Where the connector of a tunnel hands requests over: to a proxy on its own host, which knows the live nodes of each
 * application. All connectors share one map, so that it can't name the nodes themselves.
 */
export const ORIGIN = "http://127.0.0.1:8480";

/** A name that users call, and which application answers, on which nodes. */
export interface IngressRule {
  readonly hostname: string;
  readonly application: Application["id"];
  /** All that serve it, in the order of names; whoever passes requests on chooses one that lives. */
  readonly nodes: readonly string[];
}

/** One row for each host name of each application, in the order of names: what any edge goes by. */
export function ingressOf({ applications }: Pick<Inventory, "applications">): IngressRule[] {
  return applications
    .flatMap(({ id, hostnames, nodes }) =>
      hostnames.map((hostname) => ({ hostname, application: id, nodes })),
    )
    .sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
}

/** A name that has to lead to the edge, and what wants it. */
export interface EdgeName {
  readonly name: string;
  readonly source: string;
}

/** Where a redirect leads. Of an application that there is not the checks tell; it then leads to its mere name. */
export function targetOf({ applications }: Pick<Inventory, "applications">, { to }: Redirect): URL {
  const application = applications.find(({ id }) => id === to);
  return new URL(to.startsWith("https://") ? to : `https://${application?.hostnames[0] ?? to}`);
}

/** Whether path and query of what was asked for are kept. */
export const keepsPath = ({ pathname, search, hash }: URL): boolean => pathname + search + hash === "/";

export const redirectSource = ({ from }: Redirect): string => `redirect from ${from}`;

/** All names for which the edge answers; one may be there twice, which the checks refuse. */
export function edgeNames(inventory: Pick<Inventory, "applications" | "redirects" | "domains">): EdgeName[] {
  return [
    ...ingressOf(inventory).map((r) => ({ name: r.hostname, source: `application ${r.application}` })),
    ...inventory.redirects.map((redirect) => ({ name: redirect.from, source: redirectSource(redirect) })),
    ...policiesOf(inventory).map(({ hostname, source }) => ({ name: hostname, source })),
  ];
}

/** The addresses of a host under a name: as many records as it has addresses, none where the checks miss one. */
export function addressRecords(host: Host, name: string, source: string): DnsRecord[] {
  const common = { name, ttl: SHORT_TTL, proxied: false, key: host.id, host: host.id, source };
  return [
    ...(host.address === "" ? [] : [{ ...common, type: "A" as const, content: host.address }]),
    ...(host.address6 === undefined ? [] : [{ ...common, type: "AAAA" as const, content: host.address6 }]),
  ];
}

/**
 * The records by which a name leads to the edge. Proxied names need no HTTPS record of ours: Cloudflare makes theirs itself
 * (developers.cloudflare.com, "DNS record types", SVCB and HTTPS). For our own hosts it says that HTTP/2 is spoken there,
 * and browsers do not begin without TLS (RFC 9460, 9.5).
 */
export function edgeRecords(inventory: Inventory, { name, source }: EdgeName): DnsRecord[] {
  if (inventory.edge.kind === "cloudflare")
    return [{ name, type: "CNAME", content: TUNNEL_TARGET, ttl: SHORT_TTL, proxied: true, source }];
  const ids = new Set(edgeHosts(inventory));
  const hosts = inventory.hosts.filter(({ id }) => ids.has(id));
  if (hosts.length === 0) return [];
  const https = { priority: 1, content: '. alpn="h2,http/1.1"', ttl: SHORT_TTL, proxied: false };
  return [
    ...hosts.flatMap((host) => addressRecords(host, name, source)),
    { name, type: "HTTPS", ...https, source },
  ];
}
