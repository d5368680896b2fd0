/** What zones say about mail: who takes and sends it, who checks what, and for most names that there is none. */
import { createHash } from "node:crypto";
import type { Domain, Mail } from "../inventory/domains.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type DnsRecord, LONG_TTL, quoted } from "./record.ts";
import { spfOf } from "./spf.ts";

/** An MTA-STS policy (RFC 8461): the text at https://HOSTNAME/.well-known/mta-sts.txt. */
export interface MtaStsPolicy {
  readonly hostname: string;
  readonly text: string;
  readonly source: string;
}

/** Which name an address has to have in reverse, which its provider sets: receivers refuse mail from one without. */
export interface ReverseName {
  readonly address: string;
  readonly name: string;
  readonly host: string;
}

export const POLICY_PATH = "/.well-known/mta-sts.txt";
/** Seconds for which senders keep a policy: a week, from which they are warned in time of one that is withdrawn. */
const POLICY_AGE = 604_800;
/** Between the numbers of servers, so that one may come between. */
const PRIORITY_STEP = 10;

const mailSource = (name: string): string => `mail of ${name}`;

const text = (name: string, key: string, content: string, source: string): DnsRecord => ({
  name,
  type: "TXT",
  content: quoted(content),
  ttl: LONG_TTL,
  proxied: false,
  key,
  source,
});

const exchange = (name: string, priority: number, server: string, source: string): DnsRecord => ({
  name,
  type: "MX",
  priority,
  content: server,
  ttl: LONG_TTL,
  proxied: false,
  key: server,
  source,
});

const policyText = ({ mtaSts, servers }: Mail): string =>
  [
    "version: STSv1",
    `mode: ${mtaSts}`,
    ...servers.map((server) => `mx: ${server}`),
    `max_age: ${POLICY_AGE}`,
    "",
  ].join("\n");

/** The MTA-STS policies of all names that send mail and say how it is to come to them. */
export function policiesOf({ domains }: Pick<Inventory, "domains">): MtaStsPolicy[] {
  return domains.flatMap(({ mail }) =>
    mail?.mtaSts === undefined
      ? []
      : mail.names.map((name) => ({
          hostname: `mta-sts.${name}`,
          text: policyText(mail),
          source: mailSource(name),
        })),
  );
}

/** Ed25519 keys have 32 bytes (RFC 8463, 4.2); all others that the checks let through are RSA. */
export const isEd25519 = (publicKey: string): boolean => Buffer.from(publicKey, "base64").length === 32;

/** The texts by which the mail of a name is known as ours, and how it is to be sent to us. */
function textsOf(inventory: Inventory, mail: Mail, name: string): DnsRecord[] {
  const source = mailSource(name);
  const { policy, reports } = mail.dmarc;
  // Names below this one send none, unless they say so themselves.
  const dmarc = `v=DMARC1; p=${policy}; sp=reject; rua=mailto:${reports}`;
  const version = createHash("sha256").update(policyText(mail)).digest("hex").slice(0, 32);
  return [
    text(name, "spf", spfOf(inventory, mail), source),
    text(`_dmarc.${name}`, "dmarc", dmarc, source),
    ...mail.dkim.map(({ selector, publicKey }) => {
      const kind = isEd25519(publicKey) ? "ed25519" : "rsa";
      return text(`${selector}._domainkey.${name}`, "dkim", `v=DKIM1; k=${kind}; p=${publicKey}`, source);
    }),
    ...(mail.mtaSts ? [text(`_mta-sts.${name}`, "mta-sts", `v=STSv1; id=${version}`, source)] : []),
    ...(mail.tlsReports
      ? [text(`_smtp._tls.${name}`, "tls-rpt", `v=TLSRPTv1; rua=mailto:${mail.tlsReports}`, source)]
      : []),
  ];
}

/** The records of all names of a domain that send mail. */
export function mailRecords(inventory: Inventory, { mail }: Domain): DnsRecord[] {
  if (mail === undefined) return [];
  return mail.names.flatMap((name) => [
    ...mail.servers.map((server, index) =>
      exchange(name, PRIORITY_STEP * (index + 1), server, mailSource(name)),
    ),
    ...textsOf(inventory, mail, name),
  ]);
}

/** A name that neither takes mail (RFC 7505) nor sends any (RFC 7208). */
export const withoutMail = (name: string): DnsRecord[] => [
  exchange(name, 0, ".", `no mail of ${name}`),
  text(name, "spf", "v=spf1 -all", `no mail of ${name}`),
];

/** What says of a whole domain that mail of it, or of names below it, is not ours. */
export const refusedMail = (zone: string): DnsRecord =>
  text(`_dmarc.${zone}`, "dmarc", "v=DMARC1; p=reject; sp=reject; adkim=s; aspf=s", `no mail of ${zone}`);

/** The names that addresses of mail servers have to have in reverse. */
export function reverseNames({
  mailServers,
  hosts,
}: Pick<Inventory, "mailServers" | "hosts">): ReverseName[] {
  return mailServers.flatMap(({ name, host }) => {
    const found = hosts.find(({ id }) => id === host);
    const addresses = [found?.address, found?.address6].filter((address) => address !== undefined);
    return addresses.map((address) => ({ address, name, host }));
  });
}
