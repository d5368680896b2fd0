/** Whether a record's content is one that its type can have, and when two contents are the same. */
import { isIPv4, isIPv6 } from "node:net";
import { canonical6 } from "../inventory/addresses.ts";
import { type DnsRecord, isWithin, type RecordType, TUNNEL_TARGET, unquoted } from "./record.ts";

const NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]{2,}$/;
const isName = (text: string | undefined): boolean => NAME.test(text ?? "");
const isNumber = (text: string | undefined, most: number): boolean =>
  /^\d{1,10}$/.test(text ?? "") && Number(text) <= most;

/** Characters that Cloudflare takes in one TXT record (developers.cloudflare.com, "DNS record types", TXT). */
const LONGEST_TEXT = 2048;

const isDs = (content: string): boolean => {
  const [keyTag, algorithm, digestType, digest = "", ...rest] = content.split(" ");
  return (
    [isNumber(keyTag, 65_535), isNumber(algorithm, 255), isNumber(digestType, 255)].every(Boolean) &&
    /^([0-9A-Fa-f]{2})+$/.test(digest) &&
    rest.length === 0
  );
};

const isSrv = (content: string): boolean => {
  const [weight, port, target, ...rest] = content.split(" ");
  return isNumber(weight, 65_535) && isNumber(port, 65_535) && isName(target) && rest.length === 0;
};

/** For each type whether a content is good, and what to write. */
const FORMS: Record<RecordType, readonly [isGood: (content: string) => boolean, form: string]> = {
  A: [isIPv4, "an IPv4 address such as 192.0.2.11"],
  AAAA: [isIPv6, "an IPv6 address such as 2001:db8::11"],
  CAA: [
    (content) => /^(0|128) (issue|issuewild|iodef) "[\x20\x21\x23-\x5b\x5d-\x7e]*"$/.test(content),
    'flags, tag and value such as 0 issue "letsencrypt.org"',
  ],
  CNAME: [isName, "a full host name such as host.example.org"],
  DS: [isDs, "key tag, algorithm, digest type and digest in hexadecimal digits"],
  HTTPS: [
    (content) => /^(\.|\S+)( [a-z0-9]+(="?[^"\s]*"?)?)*$/.test(content) && targetIsName(content),
    'a target and its parameters such as . alpn="h2"',
  ],
  MX: [(content) => content === "." || isName(content), "a full host name, its priority apart"],
  NS: [isName, "a full host name such as ns1.example.org"],
  SRV: [isSrv, "weight, port and a full host name, the priority apart, such as 5 5222 host.example.org"],
  TXT: [
    (content) => /^[\x20-\x7e]*$/.test(content) && unquoted(content).length <= LONGEST_TEXT,
    `plain ASCII of at most ${LONGEST_TEXT} characters`,
  ],
};

function targetIsName(content: string): boolean {
  const [target] = content.split(" ");
  return target === "." || isName(target);
}

/** What is wrong with a record by itself, in the zone that it stands in, as the end of a sentence; undefined if nothing is. */
export function recordProblem(record: DnsRecord, zone: string): string | undefined {
  const { name, type, content } = record;
  if (!isWithin(name, zone))
    return `is outside of its zone ${zone}; move it to its own domain, or correct it`;
  if (name.length > 253) return "has a name of more than 253 characters; shorten it";
  const [isGood, form] = FORMS[type];
  return isGood(content) ? undefined : `has the content ${content}, which is none for ${type}; write ${form}`;
}

/** One form for all ways in which others write the content of a record: so two can be compared. */
export function normalised(type: string, content: string): string {
  if (type === "TXT") return content.startsWith('"') ? unquoted(content) : content;
  if (type === "AAAA") return isIPv6(content) ? canonical6(content) : content;
  // The priority is told beside the content, or at its beginning.
  const bare = type === "HTTPS" ? content.replace(/^\d+ /, "") : content;
  if (bare.endsWith(".cfargotunnel.com")) return TUNNEL_TARGET;
  return bare.toLowerCase().replace(/(?<=.)\.$/, "");
}
