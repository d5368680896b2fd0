/** Whether the certificates behind a zone's names are good, last, and come from whom the zone allows. */
import { connect, type DetailedPeerCertificate } from "node:tls";
import { ORGANISATION } from "../../certificates/authority.ts";
import { AUTHORITY_LEAST_DAYS, LEAST_DAYS } from "../../roles/edge/authority.ts";
import { edgeNames } from "../edge.ts";
import { isWithin, type Zone } from "../record.ts";
import {
  type Audited,
  addressesOf,
  broken,
  type Certificate,
  DAY,
  type Finding,
  warning,
} from "./finding.ts";

/** Milliseconds. */
const PATIENCE = 10_000;

/** Organisations that issue by the name that they have in CAA records (ccadb.org, "CAA identifiers"). */
const ISSUERS: Readonly<Record<string, RegExp>> = {
  "letsencrypt.org": /^(Let's Encrypt|ISRG|Internet Security Research Group)$/,
  "pki.goog": /^Google Trust Services/,
  "digicert.com": /^DigiCert/,
  "sectigo.com": /^(Sectigo|ZeroSSL)/,
  "ssl.com": /^SSL Corp/,
};

/** When the first ends of a certificate and of those by which it is signed: after that nobody takes it any more. */
function firstEnd(shown: DetailedPeerCertificate): number {
  const end = Date.parse(shown.valid_to);
  const above = shown.issuerCertificate;
  // One that is signed by itself is its own issuer.
  return above === undefined || above === shown ? end : Math.min(end, firstEnd(above));
}

/** What a server shows for a name, without trusting it. Rejects with an Error that says why there is nothing. */
export function certificateAt(name: string, address: string): Promise<Certificate> {
  return new Promise((resolve, reject) => {
    // Whoever it is, we only look at what is shown, and send nothing.
    const socket = connect({
      host: address,
      port: 443,
      servername: name,
      rejectUnauthorized: false,
      timeout: PATIENCE,
    });
    socket.on("timeout", () => socket.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)));
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      const shown = socket.getPeerCertificate(true);
      const problem = socket.authorized ? undefined : String(socket.authorizationError);
      socket.destroy();
      const issuer = shown.issuer?.O ?? shown.issuer?.CN ?? "nobody";
      resolve({ issuer: String(issuer), expires: firstEnd(shown), problem });
    });
  });
}

/** Who may issue for a name: what stands at it, or at the closest name above it that says anything (RFC 8659, 3). */
function allowed({ records }: Zone, name: string): string[] {
  const saying = records.filter((record) => record.type === "CAA" && isWithin(name, record.name));
  const closest = saying.map((record) => record.name).sort((a, b) => b.length - a.length)[0];
  return saying
    .filter((record) => record.name === closest)
    .flatMap(({ content }) => /^\d+ issue "([^";]*)/.exec(content)?.[1]?.trim() ?? []);
}

function judge(
  { zone, world }: Audited,
  name: string,
  address: string,
  { issuer, expires, problem }: Certificate,
): Finding[] {
  const days = Math.floor((expires - world.now) / DAY);
  const where = `the certificate of ${name} at ${address}`;
  // What our own authority may sign is in its certificate: CAA records are for those that sign for all (RFC 8659, 1).
  const issuers = issuer === ORGANISATION ? [] : allowed(zone, name);
  const known = issuers.flatMap((each) => ISSUERS[each] ?? []);
  return [
    ...(problem === undefined
      ? []
      : [
          broken(
            `${where} is refused by browsers: ${problem}`,
            "see why it was not renewed or is of another name, where it is made",
          ),
        ]),
    ...(days >= LEAST_DAYS || days < 0
      ? []
      : [warning(`${where} expires in ${days} day(s)`, "see why it is not renewed")]),
    ...(problem !== undefined ||
    issuers.length === 0 ||
    known.length < issuers.length ||
    known.some((pattern) => pattern.test(issuer))
      ? []
      : [
          warning(
            `${where} is from ${issuer}, whom the zone does not allow (CAA: ${issuers.join(", ")}): it can't be renewed there`,
            "allow that authority (caa: […]), or have it made by one that is allowed",
          ),
        ]),
  ];
}

async function auditName(audited: Audited, name: string): Promise<Finding[]> {
  const { world } = audited;
  const findings = (await addressesOf(world, name)).map(async (address) => {
    try {
      return judge(audited, name, address, await world.certificate(name, address));
    } catch (error) {
      return [
        broken(
          `${name} shows no certificate at ${address}: ${(error as Error).message}`,
          "see whether the edge runs there",
        ),
      ];
    }
  });
  return (await Promise.all(findings)).flat();
}

/** Whether a later end has to be declared for the authorities of the edge's hosts. */
function auditAuthority({ inventory: { edge }, world }: Audited): Finding[] {
  if (edge.kind !== "hosts") return [];
  const { until } = edge.authority;
  const days = Math.floor((Date.parse(until) - world.now) / DAY);
  if (days >= AUTHORITY_LEAST_DAYS) return [];
  const what =
    days < 0 ? `ended on ${until}` : `end on ${until}, in ${days} day(s), and no certificate lasts longer`;
  return [
    (days < 0 ? broken : warning)(
      `the authorities of the edge's hosts ${what}`,
      "declare a later day (edge.authority.until) and apply it",
    ),
  ];
}

/** What is wrong with the certificates of a zone's names that users call. */
export async function auditCertificates(audited: Audited): Promise<Finding[]> {
  const names = new Set(edgeNames(audited.inventory).map(({ name }) => name));
  const ours = [...names].filter((name) => audited.zone.records.some((record) => record.name === name));
  if (ours.length === 0) return [];
  return [
    ...auditAuthority(audited),
    ...(await Promise.all(ours.map((name) => auditName(audited, name)))).flat(),
  ];
}
