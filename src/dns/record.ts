/** Records of a zone as plain data, and as the lines of a zone file. */
import type { RECORD_TYPES } from "../inventory/domains.ts";

export type RecordType = (typeof RECORD_TYPES)[number];

export interface DnsRecord {
  /** In full, in small letters, without a dot at the end. */
  readonly name: string;
  readonly type: RecordType;
  /**
   * As in a zone file (RFC 1035, 5.1) but for the priority: texts in quotes, host names in full and without a dot at the end; "."
   * stands for the root, where a type gives it a meaning of its own.
   */
  readonly content: string;
  /** Seconds for which resolvers may keep it. */
  readonly ttl: number;
  /** Of MX, SRV and HTTPS alone, and always there. */
  readonly priority?: number;
  /** Whether Cloudflare answers with addresses of its own and passes requests on. */
  readonly proxied: boolean;
  /** What tells it from others of the same name and type, if there may be others: a host, a server, what a text is for. */
  readonly key?: string;
  /** What declared it, for people: "application pravka". */
  readonly source: string;
  /** The host whose address it is. */
  readonly host?: string;
}

/** A zone with all its records, in the order of names. */
export interface Zone {
  readonly name: string;
  /** The stack that keeps it, where that is another one; what is here is then only a part of it. */
  readonly keptBy: string | undefined;
  readonly registrar: "cloudflare" | "elsewhere";
  readonly dnssec: boolean;
  readonly records: readonly DnsRecord[];
}

/** Seconds, of what is not to move when something breaks. */
export const LONG_TTL = 3600;
/** Seconds, of addresses: how long a client may go on with one that has been taken away. */
export const SHORT_TTL = 300;

/**
 * Where proxied names lead: Cloudflare gives the tunnel its own label when it makes it, which then stands in place of
 * `tunnel`. Nobody but Cloudflare ever sees it, since proxied names are answered with addresses.
 */
export const TUNNEL_TARGET = "tunnel.cfargotunnel.com";

/** Whether a name is that of a zone or below it. */
export const isWithin = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

/** Bytes of one string of a TXT record (RFC 1035, 3.3); longer texts are several, which readers join. */
const STRING = 255;

/** A text as the content of a TXT record. It is plain ASCII, or the checks refuse it. */
export function quoted(text: string): string {
  const strings = text.match(new RegExp(`[^]{1,${STRING}}`, "g")) ?? [""];
  return strings.map((string) => `"${string.replace(/["\\]/g, "\\$&")}"`).join(" ");
}

/** The text of a TXT record's content: the reverse of `quoted`. */
export const unquoted = (content: string): string =>
  [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, string = ""]) => string.replace(/\\(.)/g, "$1"))
    .join("");

/** Types whose content ends with a host name, or begins with one. */
const ENDS_WITH_NAME = new Set<RecordType>(["CNAME", "MX", "NS", "SRV"]);

function rdata({ type, content }: DnsRecord): string {
  const absolute = (name: string) => (name.endsWith(".") ? name : `${name}.`);
  if (ENDS_WITH_NAME.has(type)) return content.replace(/\S+$/, absolute);
  return type === "HTTPS" ? content.replace(/^\S+/, absolute) : content;
}

/** A record as the line of a zone file, without what declared it. */
export function zoneFileLine(record: DnsRecord): string {
  const { name, ttl, type, priority } = record;
  const parts = [`${name}.`, ttl, "IN", type, ...(priority === undefined ? [] : [priority]), rdata(record)];
  return parts.join(" ");
}

/**
 * By what a record is known among all of its zone, whatever else there is: "www.example.org/A/web1". The name of its resource
 * and of `farms:cloudflare.records`.
 */
export const recordId = ({ name, type, key }: Pick<DnsRecord, "name" | "type" | "key">): string =>
  [name, type, ...(key === undefined ? [] : [key])].join("/");

const order = (a: DnsRecord, b: DnsRecord): number => {
  const [one, other] = [recordId(a), recordId(b)];
  return one < other ? -1 : one > other ? 1 : 0;
};

export const inRecordOrder = (records: readonly DnsRecord[]): DnsRecord[] => records.toSorted(order);
