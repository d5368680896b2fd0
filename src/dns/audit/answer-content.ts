/** What a decoded answer says, in the words of a declared record. */
import type { Answer, TxtData } from "dns-packet";
import { quoted } from "../record.ts";

interface Content {
  readonly content: string;
  readonly priority?: number;
}

const bare = (name: string): string =>
  name === "." || name === "" ? "." : name.toLowerCase().replace(/\.$/, "");

/** The strings of a text record; a reader joins them (RFC 7208, 3.3), so their borders mean nothing. */
function textOf(data: TxtData): string {
  const parts = Array.isArray(data) ? data : [data];
  return quoted(Buffer.concat(parts.map((part) => Buffer.from(part))).toString("latin1"));
}

/** Content of a record, or undefined for a type that no zone of ours declares. */
export function contentOf(answer: Answer): Content | undefined {
  switch (answer.type) {
    case "A":
    case "AAAA":
      return { content: answer.data };
    case "CNAME":
    case "NS":
    case "PTR":
      return { content: bare(answer.data) };
    case "MX":
      return { content: bare(answer.data.exchange), priority: answer.data.preference ?? 0 };
    case "SRV": {
      const { weight = 0, port, target, priority = 0 } = answer.data;
      return { content: `${weight} ${port} ${bare(target)}`, priority };
    }
    case "TXT":
      return { content: textOf(answer.data) };
    case "CAA":
      return { content: `${answer.data.flags ?? 0} ${answer.data.tag} "${answer.data.value}"` };
    case "DS": {
      const { keyTag, algorithm, digestType, digest } = answer.data;
      return { content: `${keyTag} ${algorithm} ${digestType} ${digest.toString("hex")}` };
    }
    case "DNSKEY":
      return {
        content: `${answer.data.flags} 3 ${answer.data.algorithm} ${answer.data.key.toString("base64")}`,
      };
    case "SOA":
      return { content: String(answer.data.serial) };
    default:
      return undefined;
  }
}
