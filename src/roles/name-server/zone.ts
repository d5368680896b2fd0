/** A zone as PowerDNS reads it: a zone file (RFC 1035), in which a name that leads to the edge is a question to its hosts. */
import { isLive } from "../../dns/name-servers.ts";
import { type DnsRecord, LONG_TTL, type Zone, zoneFileLine } from "../../dns/record.ts";
import type { Inventory } from "../../inventory/schema.ts";
import { LIVE, LIVE_PATH } from "../edge/live.ts";

/** Seconds, of addresses that are told for as long as they answer. */
const LIVE_TTL = 30;
/** Seconds that resolvers may remember that a name is not there. */
const NEGATIVE_TTL = 300;

/**
 * Nobody copies the zone from one server to the other, each has it from the farm: its number never has to change. The other
 * numbers are for whoever copies it, too.
 */
const soa = ({ name, records }: Zone): string => {
  const first = records.find(({ type }) => type === "NS")?.content ?? name;
  return `${name}. ${LONG_TTL} IN SOA ${first}. hostmaster.${name}. 1 10800 3600 1209600 ${NEGATIVE_TTL}`;
};

/**
 * The addresses of one name and type as one Lua record: those that answer its question, or all while none does. PowerDNS
 * asks for as long as somebody asks it, and answers from what it knows.
 */
function liveLine(name: string, type: DnsRecord["type"], addresses: readonly string[]): string {
  const list = addresses.map((address) => `'${address}'`).join(", ");
  const options = `{selector='all', backupSelector='all', stringmatch='${LIVE}', interval=5, timeout=2}`;
  return `${name}. ${LIVE_TTL} IN LUA ${type} "ifurlup('http://${name}${LIVE_PATH}', {${list}}, ${options})"`;
}

/** The text of a zone that our own name servers answer for. */
export function zoneFile(inventory: Inventory, zone: Zone): string {
  const live = isLive(inventory);
  const groups = Map.groupBy(zone.records.filter(live), ({ name, type }) => `${name} ${type}`);
  const lines = [
    ...zone.records.filter((record) => !live(record)).map(zoneFileLine),
    ...[...groups.values()].map((same) => {
      const [{ name, type } = { name: "", type: "A" as const }] = same;
      return liveLine(
        name,
        type,
        same.map(({ content }) => content),
      );
    }),
  ];
  return `${[soa(zone), ...lines].join("\n")}\n`;
}
