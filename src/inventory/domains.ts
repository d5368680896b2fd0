/** The words for our domains: what their zones say, who sends mail, where old names lead, and the edge behind the names. */
import { isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import { hostname, id } from "./words.ts";

/** Types of records that a person may write by hand. */
export const RECORD_TYPES = ["A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "SRV", "TXT"] as const;

/** A name that has records: beside host names those of services (_dmarc) and wildcards. */
const recordName = z
  .string()
  .regex(
    /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]{2,}$/,
    "write a full name in small letters such as www.example.org",
  );

const extra = z.discriminatedUnion(
  "type",
  [
    /** The addresses of one of our hosts, all that it has. */
    z.strictObject({
      type: z.literal("host"),
      /** The name that leads there. */
      name: recordName,
      /** The host. */
      host: id,
    }),
    z.strictObject({
      /** The record's type. */
      type: z.enum(RECORD_TYPES),
      /** The name that has the record. */
      name: recordName,
      /** As in a zone file, names in full without a dot at the end; of TXT the bare text. */
      content: z.string().min(1),
      /** Of MX, SRV and HTTPS. */
      priority: z.int().min(0).max(65_535).optional(),
      /** Seconds for which resolvers may keep it; Cloudflare takes these for records that it does not stand before. */
      ttl: z.int().min(60).max(86_400).default(3600),
    }),
  ],
  { error: `write type: "host" with a host, or one of ${RECORD_TYPES.join(", ")} with its content` },
);

const network = z.string().refine((text) => {
  const [address = "", length, ...rest] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && bits > 0 && (length === undefined || (/^\d+$/.test(length) && +length <= bits));
}, "write an address or a network such as 192.0.2.0/24");

/** Somebody else who sends mail for us, as they ask it to be written: include:DOMAIN. */
const include = z.strictObject({
  /** The domain that they ask to be included. */
  domain: recordName,
  /** Look-ups that their own record costs, their includes' included. */
  lookups: z.int().min(0).default(0),
  /** Their addresses, where theirs are written in place of the include, which then costs no look-up. */
  addresses: z.array(network).min(1).optional(),
});

const mail = z.strictObject({
  /** Names that send and take mail: what stands in an address after the at sign. */
  names: z.array(hostname).min(1),
  /** Names of mail servers (`mailServers`), the one that is asked first first. */
  servers: z.array(hostname).min(1),
  /** Others who send mail for us. */
  includes: z.array(include).default([]),
  /** What is said of mail that only pretends to be ours. */
  dmarc: z.strictObject({
    /** What others are to do with mail that is not ours. */
    policy: z.enum(["none", "quarantine", "reject"]),
    /** Who gets their reports. */
    reports: z.email("write a mail address such as dmarc@example.org"),
  }),
  /** Whether others have to send by TLS: "testing" only has them report. */
  mtaSts: z.enum(["testing", "enforce"]).optional(),
  /** Who gets reports about TLS that failed. */
  tlsReports: z.email("write a mail address such as tls@example.org").optional(),
  /** Keys that sign mail, made on the mail server, which alone has the private halves. */
  dkim: z
    .array(
      z.strictObject({
        /** Its label in DNS. */
        selector: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "write one label such as s2026"),
        /** Base64: the DER of an RSA public key, or the 32 bytes of an Ed25519 one. */
        publicKey: z.string().min(1),
      }),
    )
    .default([]),
});

export const domainSchema = z.strictObject({
  /** The domain. */
  name: hostname,
  /** The stack that keeps the zone, where this one only has some names in it: settings, mail and keys are its business. */
  keptBy: id.optional(),
  /** Who has to be told of the zone's keys: Cloudflare's registrar tells itself. */
  registrar: z.enum(["cloudflare", "elsewhere"]).default("elsewhere"),
  /** Whether the zone is signed. */
  dnssec: z.boolean().default(true),
  /** Who alone may issue certificates for names of this domain, by the name that an authority has for itself in CAA. */
  caa: z.array(hostname).default([]),
  /** Without it no name of the domain sends or takes mail, and the zone says so. */
  mail: mail.optional(),
  /** Records that follow from nothing else here. */
  extras: z.array(extra).default([]),
});

/** A name of a host as a mail server; the address of the host has this name in reverse. */
export const mailServerSchema = z.strictObject({
  /** Its name. */
  name: hostname,
  /** The host that has it. */
  host: id,
});

/** Characters that an address may have (RFC 3986), but for those in which HAProxy's configuration would see more than a text. */
const ADDRESS = /^https:\/\/[\w.~:/?#@!$&()*+,;=%-]+$/;

export const redirectSchema = z.strictObject({
  /** The name that leads elsewhere. */
  from: hostname,
  /**
   * An application, by its name here, or an address that begins with https://. Path and query are kept unless the address has
   * a path of its own.
   */
  to: z
    .string()
    .refine(
      (text) => /^[a-z][a-z0-9-]{0,30}$/.test(text) || (ADDRESS.test(text) && URL.canParse(text)),
      "write an application, or an address such as https://example.org/page, other letters as a browser sends them (%D0%B0)",
    ),
  /** What browsers are told: 301 and 308 are for good, and they keep them. */
  status: z.literal([301, 302, 307, 308], { error: "write 301, 302, 307 or 308" }),
});

/** Let's Encrypt (letsencrypt.org, "ACME endpoints"). */
export const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

/** Days between which the farm's authority may vouch for that of a host. It ends after 20 years: it is on no host. */
export const AUTHORITY_DAYS = { first: "2026-01-01", last: "2046-01-01" };

/** The farm's own authority, by which our edge hosts make their certificates. */
const authority = z.strictObject({
  /** The day with whose beginning a host can sign no more, until a later one is written here and applied. */
  until: z.iso
    .date("write a day as 2028-12-31")
    .refine(
      (day) => day > AUTHORITY_DAYS.first && day <= AUTHORITY_DAYS.last,
      `write a day after ${AUTHORITY_DAYS.first} and not after ${AUTHORITY_DAYS.last}, when the farm's authority ends`,
    )
    .default("2028-12-31"),
});

/** A public authority that signs certificates by itself (ACME), which browsers trust. */
const acme = z.strictObject({
  /** Its address; without it Let's Encrypt's. */
  directory: z
    .url({ protocol: /^https$/, error: "write the address of its directory (https://…)" })
    .default(LETS_ENCRYPT),
  /** To whom it writes when something is wrong. */
  contact: z.email("write a mail address such as certificates@example.org").optional(),
});

/** How users reach applications. */
export const edgeSchema = z.discriminatedUnion(
  "kind",
  [
    /** Our own hosts with public addresses, which pass requests to live nodes; names lead to all of them in turn. */
    z.strictObject({
      kind: z.literal("hosts"),
      /** Hosts of ours with public addresses, which pass requests to live nodes. */
      hosts: z.array(id),
      /**
       * Hosts that answer for the zones themselves, and tell the addresses of live edge hosts alone. Without them the zones
       * are somebody else's to answer for.
       */
      nameservers: z.array(id).default([]),
      /** The farm's own authority, by which these hosts make their certificates. */
      authority: authority.prefault({}),
      /** Without it users are shown certificates of the farm's own authority, which they have to be told to trust. */
      acme: acme.optional(),
    }),
    /** Cloudflare, which reaches the nodes by a tunnel that they open. */
    z.strictObject({ kind: z.literal("cloudflare") }),
  ],
  { error: 'write { kind: "hosts", hosts: ["edge1"] } or { kind: "cloudflare" }' },
);

export type Domain = z.output<typeof domainSchema>;
export type Mail = z.output<typeof mail>;
export type MailServer = z.output<typeof mailServerSchema>;
export type Extra = z.output<typeof extra>;
export type Redirect = z.output<typeof redirectSchema>;
type DeclaredEdge = z.input<typeof edgeSchema>;

/** Our own hosts that take users' requests; none where somebody else does, or nobody yet. */
export const edgeHosts = ({ edge }: { readonly edge?: DeclaredEdge | undefined }): readonly string[] =>
  edge?.kind === "hosts" ? edge.hosts : [];

/** Hosts that open Cloudflare's tunnel, in the order of names: all that serve an application, where Cloudflare is the edge. */
export const connectorHosts = ({
  edge,
  applications,
}: {
  readonly edge: DeclaredEdge;
  readonly applications: readonly { readonly nodes: readonly string[] }[];
}): readonly string[] =>
  edge.kind === "cloudflare" ? [...new Set(applications.flatMap(({ nodes }) => nodes))].sort() : [];

/** Our own hosts that answer for our zones; none where somebody else does. */
export const nameServers = ({ edge }: { readonly edge?: DeclaredEdge | undefined }): readonly string[] =>
  (edge?.kind === "hosts" && edge.nameservers) || [];

/** A domain with its lists in the order of names; which mail server is asked first stays. */
export const inDomainOrder = (domain: Domain): Domain => ({
  ...domain,
  caa: domain.caa.toSorted(),
  extras: domain.extras.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  ...(domain.mail && {
    mail: {
      ...domain.mail,
      names: domain.mail.names.toSorted(),
      includes: domain.mail.includes
        .map((i) => (i.addresses ? { ...i, addresses: i.addresses.toSorted() } : i))
        .sort((a, b) => (a.domain < b.domain ? -1 : 1)),
      dkim: domain.mail.dkim.toSorted((a, b) => (a.selector < b.selector ? -1 : 1)),
    },
  }),
});
