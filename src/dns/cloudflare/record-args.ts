/** Records in the words of Cloudflare's API, which takes some types in parts. */
import type * as cloudflare from "@pulumi/cloudflare";
import type { DnsRecord, RecordType } from "../record.ts";

type Data = cloudflare.types.input.DnsRecordData;

/** Characters that a comment may have on every plan (developers.cloudflare.com, "Record attributes"). */
const LONGEST_COMMENT = 100;
/** Cloudflare's word for a time of its own choice: it takes no other for proxied names. */
const AUTOMATIC = 1;

/** How the content of a type is taken apart; all others are taken whole. */
const PARTS: Partial<Record<RecordType, (words: readonly string[], priority: number) => Data>> = {
  CAA: ([flags, tag, ...value]) => ({
    flags: Number(flags),
    ...(tag === undefined ? {} : { tag }),
    value: value.join(" ").slice(1, -1),
  }),
  DS: ([keyTag, algorithm, digestType, digest = ""]) => ({
    keyTag: Number(keyTag),
    algorithm: Number(algorithm),
    digestType: Number(digestType),
    digest,
  }),
  HTTPS: ([target = "", ...value], priority) => ({ priority, target, value: value.join(" ") }),
  SRV: ([weight, port, target = ""], priority) => ({
    priority,
    weight: Number(weight),
    port: Number(port),
    target,
  }),
};

/** Types whose priority stands beside the content, too where it is one of the parts. */
const RANKED = new Set<RecordType>(["MX", "SRV"]);

/** What the provider makes a record from, but for its zone. */
export function recordArgs(record: DnsRecord): Omit<cloudflare.DnsRecordArgs, "zoneId"> {
  const { name, type, content, ttl, priority, proxied, source } = record;
  const data = PARTS[type]?.(content.split(" "), priority ?? 0);
  return {
    name,
    type,
    ttl: proxied ? AUTOMATIC : ttl,
    proxied,
    comment: source.slice(0, LONGEST_COMMENT),
    ...(data ? { data } : { content }),
    ...(priority !== undefined && RANKED.has(type) ? { priority } : {}),
  };
}
