/**
 * The one key with which our own name servers sign a zone (ECDSA on P-256 with SHA-256, algorithm 13: RFC 6605), and what
 * the registrar has to be told of it.
 */
import { createECDH, createHash } from "node:crypto";

const ALGORITHM = 13;
/** Signs the zone and all keys of it: "zone key" and "secure entry point" (RFC 4034, 2.1.1; RFC 4035). */
const FLAGS = 257;
/** The only value that there is (RFC 4034, 2.1.2). */
const PROTOCOL = 3;
/** Kinds of digest by their number (RFC 4509, RFC 6605); SHA-256 is the one that all registrars take. */
const DIGESTS: Readonly<Record<number, string>> = { 2: "sha256", 4: "sha384" };
const DIGEST = 2;

export interface ZoneKey {
  /** Content of the zone's DNSKEY record. */
  readonly dnskey: string;
  /** Content of the DS record that the parent zone has to have. */
  readonly ds: string;
}

/** A name as bytes: labels in small letters, each after its length (RFC 4034, 6.2). */
function wireName(name: string): Buffer {
  const labels = name
    .toLowerCase()
    .split(".")
    .map((label) => Buffer.from(label, "ascii"));
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0]),
  ]);
}

/** A number by which a resolver finds the key of a signature (RFC 4034, appendix B). */
function keyTag(rdata: Buffer): number {
  const sum = rdata.reduce((total, byte, index) => total + (index % 2 === 0 ? byte << 8 : byte), 0);
  return (sum + (sum >> 16)) & 0xffff;
}

/**
 * The DS record of a key from the content of its DNSKEY record ("257 3 13 …"), in small letters; undefined where we do not
 * know the kind of digest.
 */
export function dsOf(zone: string, dnskey: string, digestType: number): string | undefined {
  const kind = DIGESTS[digestType];
  if (kind === undefined) return undefined;
  const [flags, protocol, algorithm, ...key] = dnskey.split(" ");
  const head = [Number(flags) >> 8, Number(flags) & 255, Number(protocol), Number(algorithm)];
  const rdata = Buffer.concat([Buffer.from(head), Buffer.from(key.join(""), "base64")]);
  const digest = createHash(kind).update(wireName(zone)).update(rdata).digest("hex");
  return `${keyTag(rdata)} ${algorithm} ${digestType} ${digest}`;
}

/**
 * What follows from a zone's private key.
 * @param privateKey the key's 32 bytes in base64: a number from 1 to the order of the curve, exclusively
 */
export function zoneKeyOf(zone: string, privateKey: string): ZoneKey {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(Buffer.from(privateKey, "base64"));
  // Without the byte that says that both coordinates follow (RFC 6605, 4).
  const publicKey = curve.getPublicKey().subarray(1);
  const dnskey = `${FLAGS} ${PROTOCOL} ${ALGORITHM} ${publicKey.toString("base64")}`;
  return { dnskey, ds: dsOf(zone, dnskey, DIGEST) ?? "" };
}
