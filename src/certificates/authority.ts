/** Certificates of authorities (X.509, RFC 5280), bound to some names: plain data from plain data, without a clock. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { bits, boolean, identifier, integer, midnight, octets, sequence, set, tagged, utf8 } from "./der.ts";
import { signed } from "./sign.ts";

/** An authority: who signs, or whom another one has signed. */
export interface Authority {
  /** Its name for people. No two of one farm have the same. */
  readonly name: string;
  /** Its private key on P-256, PKCS#8 in PEM. */
  readonly privateKey: string;
}

/** What an authority may sign, and when. */
export interface Limits {
  /** Names that it may sign, and whatever ends in one of them after a dot. At least one. */
  readonly names: readonly string[];
  /** Days as 2026-11-27, before 2050: the first one, and the one with whose beginning it ends. */
  readonly from: string;
  readonly until: string;
  /** Authorities that may stand between it and what it signs in the end. */
  readonly depth: number;
}

/** Whose authorities they are. */
export const ORGANISATION = "The Farms";

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  organisation: "2.5.4.10",
  commonName: "2.5.4.3",
  subjectKey: "2.5.29.14",
  keyUsage: "2.5.29.15",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKey: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
};

/** Kinds of names within a certificate, by their tag (RFC 5280, 4.2.1.6). */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const ALGORITHM = sequence(identifier(OID.ecdsaWithSha256));

const extension = (oid: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(identifier(oid), ...(critical ? [boolean(true)] : []), octets(value));

function distinguishedName(commonName: string): Buffer {
  const part = (oid: string, text: string): Buffer => set(sequence(identifier(oid), utf8(text)));
  return sequence(part(OID.organisation, ORGANISATION), part(OID.commonName, commonName));
}

const publicKeyOf = ({ privateKey }: Authority): Buffer =>
  createPublicKey(privateKey).export({ format: "der", type: "spki" });

/** By which a certificate is found to belong to a key (RFC 7093, 2, method 4: any hash of the key serves). */
const keyIdentifier = (publicKey: Buffer): Buffer =>
  createHash("sha256").update(publicKey).digest().subarray(0, 20);

/** The names, and no address: what is not limited would be allowed (RFC 5280, 4.2.1.10). */
function nameConstraints(names: readonly string[]): Buffer {
  const subtree = (tag: number, name: Uint8Array): Buffer => sequence(tagged(tag, name));
  const permitted = names.map((name) => subtree(DNS_NAME, Buffer.from(name, "ascii")));
  // An address and a mask, both of zeros, are all addresses: of IPv4 and of IPv6.
  const excluded = [8, 32].map((length) => subtree(IP_ADDRESS, Buffer.alloc(length)));
  return sequence(tagged(0xa0, ...permitted), tagged(0xa1, ...excluded));
}

function extensions(publicKey: Buffer, issuerKey: Buffer, { names, depth }: Limits): Buffer {
  return sequence(
    extension(OID.basicConstraints, true, sequence(boolean(true), integer(BigInt(depth)))),
    // It signs certificates and nothing else: the sixth bit (RFC 5280, 4.2.1.3).
    extension(OID.keyUsage, true, bits(Buffer.from([0b100]), 2)),
    extension(OID.extendedKeyUsage, false, sequence(identifier(OID.serverAuth))),
    extension(OID.nameConstraints, true, nameConstraints(names)),
    extension(OID.subjectKey, false, octets(keyIdentifier(publicKey))),
    extension(OID.authorityKey, false, sequence(tagged(0x80, keyIdentifier(issuerKey)))),
  );
}

/** A number that no other certificate of this issuer has: it follows from all that the certificate says. */
function serial(...parts: readonly Uint8Array[]): Buffer {
  const digest = createHash("sha256").update(Buffer.concat(parts)).digest("hex");
  return integer(BigInt(`0x1${digest.slice(0, 30)}`));
}

const scalarOf = (key: KeyObject): Buffer => Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url");

/** The certificate of an authority by which another vouches for it, or it for itself. In PEM, with a line's end. */
export function authorityCertificate(subject: Authority, issuer: Authority, limits: Limits): string {
  const publicKey = publicKeyOf(subject);
  const parts = [
    ALGORITHM,
    distinguishedName(issuer.name),
    sequence(midnight(limits.from), midnight(limits.until)),
    distinguishedName(subject.name),
    publicKey,
    tagged(0xa3, extensions(publicKey, publicKeyOf(issuer), limits)),
  ];
  const version = tagged(0xa0, integer(2n));
  const text = sequence(version, serial(...parts), ...parts);
  const signature = signed(text, scalarOf(createPrivateKey(issuer.privateKey)));
  const certificate = sequence(text, ALGORITHM, bits(signature)).toString("base64");
  const lines = certificate.match(/.{1,64}/g)?.join("\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
