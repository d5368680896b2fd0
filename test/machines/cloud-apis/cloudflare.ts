/** Cloudflare (developers.cloudflare.com/api): what its Pulumi provider asks for the kinds of things that we declare. */
import { type Body, Collection, type Routes, refuse, StandIn } from "./stand-in.ts";

const CREATED = "2026-11-27T00:00:00Z";
const ZONES = "/client/v4/zones";
const ACCOUNTS = "/client/v4/accounts/[^/]+";
/** What a zone is set to before anybody sets it. */
const SETTINGS: Body = { always_use_https: "off", min_tls_version: "1.0", ssl: "full" };
/** Types that it takes in parts, and how it tells the whole; the priority of SRV stands beside. */
const WHOLE: Readonly<Record<string, (data: Body) => string>> = {
  CAA: ({ flags, tag, value }) => `${flags} ${tag} "${value}"`,
  DS: (data) => `${data.key_tag} ${data.algorithm} ${data.digest_type} ${data.digest}`,
  HTTPS: ({ priority, target, value }) => `${priority} ${target} ${value}`,
  SRV: ({ weight, port, target }) => `${weight} ${port} ${target}`,
};
const ADDRESSES = ["A", "AAAA", "CNAME"];
const ONE_PAGE = { result_info: { page: 1, per_page: 500, total_pages: 1 } };

export interface Cloudflare {
  readonly api: StandIn;
  readonly zones: Collection;
  readonly records: Collection;
  readonly rulesets: Collection;
  readonly tunnels: Collection;
  /** By tunnel. */
  readonly ingress: Collection;
  readonly applications: Collection;
  /** Zone settings by the zone's number. */
  readonly settings: Map<string, Body>;
  /** The registrar of a zone is told of its keys. */
  signedAbove(zone: string): void;
  /** Connectors open a tunnel. */
  open(tunnel: string): void;
}

const done = (result: unknown): Body => ({ success: true, errors: [], messages: [], result });

/** Things of one kind that are listed, read, and deleted. */
const kept = (things: Collection, path: string): Routes => ({
  ...things.routes(path, "result", "result", ONE_PAGE),
  [`DELETE ${path}/*`]: (_, id) => {
    things.remove(id);
    return done({ id });
  },
});

const zoneOf = (id: string, asked: Body): Body => ({
  ...{ id, name: asked.name, account: { id: asked.account.id, name: "the school" }, type: asked.type },
  ...{ status: "pending", paused: false, created_on: CREATED, modified_on: CREATED, activated_on: null },
  ...{ name_servers: ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"], vanity_name_servers: [] },
  ...{ original_name_servers: ["ns1.example.net"], original_registrar: null, original_dnshost: null },
  ...{ development_mode: 0, permissions: ["#zone:read"], owner: { id: null, type: "user", email: null } },
  meta: { step: 2, custom_certificate_quota: 0, page_rule_quota: 3, phishing_detected: false },
  plan: { id: "0".repeat(32), name: "Free Website", price: 0, currency: "USD", frequency: "" },
});

const signingOf = (zone: Body, status: string): Body => ({
  ...{ status, flags: 257, algorithm: "13", key_type: "ECDSAP256SHA256", digest_type: "2", key_tag: 16953 },
  ...{ digest_algorithm: "SHA256", digest: "AB".repeat(32), public_key: "oXiGYrSTO+LSCJ3mohc8EP+CzF9K" },
  ...{ ds: `${zone.name}. 3600 IN DS 16953 13 2 ${"AB".repeat(32)}`, modified_on: CREATED },
});

/** A record as it is told: parts and the whole, and what nobody asked for. Refuses what Cloudflare does. */
function recordOf(zone: Body, asked: Body): Body {
  const { name, type, data, proxied = false, ttl } = asked;
  const whole = WHOLE[type];
  if (name !== zone.name && !name.endsWith(`.${zone.name}`))
    refuse(400, "9000", `DNS name ${name} is not in zone ${zone.name}`);
  if (whole ? data === undefined : asked.content === undefined)
    refuse(400, "9101", `${whole ? "data" : "content"} is a required field of ${type}`);
  if (proxied && !ADDRESSES.includes(type)) refuse(400, "9004", "this record type cannot be proxied");
  if (ttl !== 1 && (ttl < 60 || ttl > 86_400 || proxied)) refuse(400, "9021", `TTL ${ttl} is not allowed`);
  if ((asked.comment ?? "").length > 100) refuse(400, "9300", "the comment is longer than 100 characters");
  return {
    ...{
      name,
      type,
      ttl,
      proxied,
      comment: asked.comment ?? null,
      content: whole ? whole(data) : asked.content,
    },
    ...(whole ? { data } : {}),
    ...(type === "MX" ? { priority: asked.priority } : {}),
    ...(type === "SRV" ? { priority: data.priority } : {}),
    ...{ proxiable: ADDRESSES.includes(type), settings: {}, meta: {}, tags: [] },
    ...{ created_on: CREATED, modified_on: CREATED, comment_modified_on: CREATED },
  };
}

/** A name has one CNAME or addresses, and no record twice. */
function refuseBeside(others: readonly Body[], { name, type, content }: Body): void {
  const beside = others.filter((other) => other.name === name);
  const alike = beside.filter((other) => ADDRESSES.includes(type) && ADDRESSES.includes(other.type));
  if (alike.some((other) => [type, other.type].includes("CNAME")))
    refuse(400, "81053", "An A, AAAA, or CNAME record with that host already exists.");
  if (beside.some((other) => other.type === type && other.content === content))
    refuse(400, "81058", "An identical record already exists.");
}

const rulesOf = (rules: readonly Body[], version: number): Body[] =>
  rules.map((rule, index) => ({
    ...{ enabled: true, ref: `rule${index}`, description: "", ...rule },
    ...{ id: `${version}${index}`.padStart(32, "d"), version: "1", last_updated: CREATED },
  }));

/** A zone that is there, with its number; records and rulesets by theirs. Each is what it was once asked for. */
interface Present {
  readonly number: string;
  readonly zone: Body;
  readonly records: Readonly<Record<string, Body>>;
  readonly rulesets: Readonly<Record<string, Body>>;
}

const ofZone = (things: Collection, zone: string): Body[] =>
  things.all().filter(({ zone_id }) => zone_id === zone);

/** Begins one with these zones. */
export async function cloudflare(present: readonly Present[]): Promise<Cloudflare> {
  let count = 0;
  const number = (): string => (++count).toString(16).padStart(32, "0");
  const uuid = (): string => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`;
  const [zones, records, rulesets] = [new Collection(), new Collection(), new Collection()];
  const [tunnels, ingress] = [new Collection(), new Collection()];
  const [policies, applications] = [new Collection(), new Collection()];
  const signing = new Collection();
  const settings = new Map<string, Body>();

  const addZone = (id: string, asked: Body): Body => {
    settings.set(id, { ...SETTINGS });
    const zone = zones.add(zoneOf(id, asked));
    signing.add({ ...signingOf(zone, "disabled"), id });
    return zone;
  };
  const addRuleset = (zone: string, id: string, asked: Body): Body => {
    const own = { id, zone_id: zone, version: "1", last_updated: CREATED };
    return rulesets.add({ description: "", ...asked, ...own, rules: rulesOf(asked.rules, 1) });
  };
  for (const there of present) {
    const zone = addZone(there.number, there.zone);
    for (const [id, body] of Object.entries(there.records))
      records.add({ ...recordOf(zone, body), id, zone_id: zone.id });
    for (const [id, body] of Object.entries(there.rulesets)) addRuleset(zone.id, id, body);
  }

  const setting = (zone: string, id: string): Body => {
    zones.get(zone);
    const value = settings.get(zone)?.[id] ?? refuse(400, "1006", `unknown setting ${id}`);
    return done({ id, value, editable: true, modified_on: CREATED });
  };
  const writeRecord = (zone: string, id: string, asked: Body): Body => {
    const record = recordOf(zones.get(zone), asked);
    const others = records.all().filter((other) => other.zone_id === zone && other.id !== id);
    refuseBeside(others, record);
    return done(records.add({ ...record, id, zone_id: zone }));
  };
  const applicationOf = (id: string, asked: Body): Body => {
    const names = asked.destinations.map(({ uri }: Body) => uri);
    return {
      ...{ id, uid: id, aud: "e".repeat(64), created_at: CREATED, updated_at: CREATED },
      ...{ name: asked.name, type: asked.type, session_duration: asked.session_duration },
      ...{ domain: names[0], self_hosted_domains: names, destinations: asked.destinations },
      ...{ app_launcher_visible: true, http_only_cookie_attribute: true, allowed_idps: [], tags: [] },
      ...{ auto_redirect_to_identity: false, enable_binding_cookie: false, options_preflight_bypass: false },
      policies: asked.policies.map((policy: Body) => ({ ...policies.get(policy.id), ...policy })),
    };
  };

  const routes: Routes = {
    ...kept(zones, ZONES),
    [`POST ${ZONES}`]: ({ body }) => {
      if (zones.all().some(({ name }) => name === body.name))
        refuse(400, "1061", `${body.name} already exists`);
      return done(addZone(number(), body));
    },
    [`PATCH ${ZONES}/*`]: ({ body }, id) => done(Object.assign(zones.get(id), body)),
    [`GET ${ZONES}/*/dnssec`]: (_, id) => done(signing.get(id)),
    [`PATCH ${ZONES}/*/dnssec`]: ({ body: { status } }, id) => {
      const signed = signing.get(id);
      // Asked to be active, it is pending until the registrar has been told.
      if ((status === "active") === (signed.status === "disabled"))
        signed.status = status === "active" ? "pending" : status;
      return done(signed);
    },
    [`DELETE ${ZONES}/*/dnssec`]: (_, id) => {
      signing.get(id).status = "disabled";
      return done("");
    },
    [`GET ${ZONES}/*/settings/*`]: (_, zone, id = "") => setting(zone, id),
    [`PATCH ${ZONES}/*/settings/*`]: ({ body: { value } }, zone, id = "") => {
      setting(zone, id);
      settings.set(zone, { ...settings.get(zone), [id]: value });
      return setting(zone, id);
    },

    [`GET ${ZONES}/*/dns_records`]: (_, zone) => ({ ...done(ofZone(records, zone)), ...ONE_PAGE }),
    ...kept(records, `${ZONES}/[^/]+/dns_records`),
    [`POST ${ZONES}/*/dns_records`]: ({ body }, zone) => writeRecord(zone, number(), body),
    [`PUT ${ZONES}/*/dns_records/*`]: ({ body }, zone, id = "") => writeRecord(zone, id, body),

    [`GET ${ZONES}/*/rulesets`]: (_, zone) => done(ofZone(rulesets, zone)),
    ...kept(rulesets, `${ZONES}/[^/]+/rulesets`),
    [`POST ${ZONES}/*/rulesets`]: ({ body }, zone) => {
      if (rulesets.all().some(({ phase, zone_id }) => phase === body.phase && zone_id === zone))
        refuse(400, "20217", `exceeded maximum number of zone rulesets for phase ${body.phase}`);
      return done(addRuleset(zone, number(), body));
    },
    [`PUT ${ZONES}/[^/]+/rulesets/*`]: ({ body }, id) => {
      const version = Number(rulesets.get(id).version) + 1;
      const rules = rulesOf(body.rules, version);
      return done(Object.assign(rulesets.get(id), body, { rules, version: String(version) }));
    },

    ...kept(tunnels, `${ACCOUNTS}/cfd_tunnel`),
    [`POST ${ACCOUNTS}/cfd_tunnel`]: ({ body: { name, config_src } }) => {
      if (tunnels.all().some((tunnel) => tunnel.name === name)) refuse(409, "1013", `tunnel ${name} exists`);
      return done(
        tunnels.add({
          ...{ id: uuid(), name, config_src, account_tag: "a".repeat(32), tun_type: "cfd_tunnel" },
          ...{ created_at: CREATED, deleted_at: null, conns_active_at: null, conns_inactive_at: CREATED },
          ...{ connections: [], status: "inactive", remote_config: true, metadata: {} },
        }),
      );
    },
    [`DELETE ${ACCOUNTS}/cfd_tunnel/*`]: (_, id) => {
      if (tunnels.get(id).connections.length > 0) refuse(400, "1022", "the tunnel has active connections");
      tunnels.remove(id);
      return done({ id });
    },
    [`PATCH ${ACCOUNTS}/cfd_tunnel/*`]: ({ body: { tunnel_secret, ...rest } }, id) =>
      done(Object.assign(tunnels.get(id), rest)),
    [`GET ${ACCOUNTS}/cfd_tunnel/*/configurations`]: (_, id) => done(ingress.get(id)),
    [`PUT ${ACCOUNTS}/cfd_tunnel/*/configurations`]: ({ body: { config, source } }, id) => {
      tunnels.get(id);
      const version = (ingress.all().find((each) => each.id === id)?.version ?? 0) + 1;
      const all = { ...config, "warp-routing": { enabled: false } };
      return done(ingress.add({ id, tunnel_id: id, config: all, source, version, created_at: CREATED }));
    },

    ...kept(policies, `${ACCOUNTS}/access/policies`),
    [`POST ${ACCOUNTS}/access/policies`]: ({ body }) =>
      done(
        policies.add({
          ...{ exclude: [], require: [], reusable: true, app_count: 0, ...body },
          ...{ id: uuid(), created_at: CREATED, updated_at: CREATED },
        }),
      ),
    ...kept(applications, `${ACCOUNTS}/access/apps`),
    [`POST ${ACCOUNTS}/access/apps`]: ({ body }) => done(applications.add(applicationOf(uuid(), body))),
    [`PUT ${ACCOUNTS}/access/apps/*`]: ({ body }, id) => done(applications.add(applicationOf(id, body))),
  };
  return {
    api: await StandIn.start(routes),
    ...{ zones, records, rulesets, tunnels, ingress, applications, settings },
    signedAbove: (zone) => {
      signing.get(zone).status = "active";
    },
    open: (tunnel) => {
      const connection = { id: uuid(), uuid: uuid(), client_id: uuid(), client_version: "2026.11.0" };
      Object.assign(tunnels.get(tunnel), {
        ...{ status: "healthy", conns_active_at: CREATED, conns_inactive_at: null },
        connections: [
          {
            ...{ ...connection, colo_name: "fra03", origin_ip: "203.0.113.9" },
            ...{ is_pending_reconnect: false, opened_at: CREATED },
          },
        ],
      });
    },
  };
}
