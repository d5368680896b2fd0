/**
 * An authoritative name server of our own (PowerDNS): it signs the farm's zones as it answers, and of the addresses of a name
 * tells those alone behind which an edge host serves it.
 */
import { readFileSync } from "node:fs";
import { zoneKeyName } from "../dns/name-servers.ts";
import { zonesOf } from "../dns/zones.ts";
import { file, unit } from "../host/entries.ts";
import type { ConnectState } from "../host/state.ts";
import { edgeHosts } from "../inventory/domains.ts";
import { hostOf } from "../inventory/load.ts";
import type { Host } from "../inventory/schema.ts";
import { zoneFile } from "./name-server/zone.ts";
import type { HostRole } from "./role.ts";

const ROLE = "name server";
const FOLDER = "/etc/farm/dns";
const CONFIG = `${FOLDER}/pdns.conf`;
const ZONES = `${FOLDER}/named.conf`;
const PROGRAM = "/usr/local/lib/farm-dns/keys.sh";
const SERVICE = "farm-dns.service";
const UNIT = `/etc/systemd/system/${SERVICE}`;

const ours = (name: string): string =>
  readFileSync(new URL(`./name-server/${name}`, import.meta.url), "utf8");
const TEXTS = { keys: ours("keys.sh"), service: ours(SERVICE) };

const serverConfig = ({ address, address6 }: Host): string => `launch=bind
bind-config=${ZONES}
bind-dnssec-db=/run/farm-dns/keys.sqlite3
local-address=${[address, ...(address6 === undefined ? [] : [address6])].join(", ")}
# The address may come up after us.
non-local-bind=yes
enable-lua-records=yes
# Nobody copies zones from here.
disable-axfr=yes
version-string=anonymous
socket-dir=/run/farm-dns
write-pid=no
guardian=no
daemon=no
disable-syslog=yes
`;

const zonePath = (zone: string): string => `${FOLDER}/${zone}.zone`;
const keyPath = (zone: string): string => `${FOLDER}/keys/${zone}.key`;

/** As BIND writes a private key; PowerDNS needs no more than that of it (RFC 6605: ECDSA P-256, SHA-256). */
const keyFile = (privateKey: string): string =>
  `Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: ${privateKey}\n`;

/** An edge host is asked at each address that users are told, so by IPv6 too: else nobody would be told that one. */
function questionsTo(host: Host, { id, address6 }: Host): ConnectState[] {
  const question = { service: "whether the edge serves a name", protocol: "tcp", port: 80 } as const;
  return [
    { ...question, to: { kind: "underlay", host: id } },
    ...(host.address6 === undefined || address6 === undefined
      ? []
      : [{ ...question, to: { kind: "address", address: address6 } } as const]),
  ];
}

/** Answers for all zones that this stack keeps. */
export const nameServer: HostRole = ({ inventory, host, secret }) => {
  const zones = zonesOf(inventory).filter(({ keptBy }) => keptBy === undefined);
  const signed = zones.filter(({ dnssec }) => dnssec).map(({ name }) => name);
  const list = zones
    .map(({ name }) => `zone "${name}" { type native; file "${zonePath(name)}"; };\n`)
    .join("");
  const readable = { owner: "root:pdns", mode: "0640" };
  return {
    role: ROLE,
    packages: ["knot-dnsutils", "pdns-backend-bind", "pdns-server"],
    directories: [
      { path: "/etc/farm", owner: "root:root", mode: "0755" },
      { path: FOLDER, owner: "root:root", mode: "0755" },
      { path: `${FOLDER}/keys`, owner: "root:pdns", mode: "0750" },
      { path: "/usr/local/lib/farm-dns", owner: "root:root", mode: "0755" },
    ],
    files: [
      file(CONFIG, serverConfig(host)),
      file(ZONES, list),
      ...zones.map((zone) => file(zonePath(zone.name), zoneFile(inventory, zone))),
      ...signed.map((zone) => file(keyPath(zone), keyFile(secret(zoneKeyName(zone))), readable)),
      file(PROGRAM, TEXTS.keys, { validate: "sh -n %s" }),
      file(UNIT, TEXTS.service),
    ],
    units: [
      unit("pdns.service", { state: "masked", enabled: false }),
      unit(SERVICE, {
        restartOn: [UNIT, CONFIG, PROGRAM, ...signed.map(keyPath), "package:pdns-server"],
        reloadOn: [ZONES, ...zones.map(({ name }) => zonePath(name))],
      }),
    ],
    listens: (["tcp", "udp"] as const).map((protocol) => ({
      ...{ service: "dns", protocol, port: 53, reach: "world" as const },
    })),
    connects: edgeHosts(inventory)
      .filter((id) => id !== host.id)
      .flatMap((id) => questionsTo(host, hostOf(inventory, id))),
    probes: zones.map(({ name, dnssec }) => ({
      name: `answers for ${name}${dnssec ? ", signed" : ""}`,
      command: `kdig @${host.address} ${name} SOA +dnssec +time=3 +retry=0 | grep -E '\\sIN\\s+${dnssec ? "RRSIG" : "SOA"}\\s'`,
      within: 20,
    })),
  };
};
