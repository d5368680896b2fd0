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
/** SHA-256 (RFC 4509). */
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
 * What follows from a zone's private key.
 * @param privateKey the key's 32 bytes in base64: a number from 1 to the order of the curve, exclusively
 */
export function zoneKeyOf(zone: string, privateKey: string): ZoneKey {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(Buffer.from(privateKey, "base64"));
  // Without the byte that says that both coordinates follow (RFC 6605, 4).
  const publicKey = curve.getPublicKey().subarray(1);
  const rdata = Buffer.concat([Buffer.from([FLAGS >> 8, FLAGS & 255, PROTOCOL, ALGORITHM]), publicKey]);
  const digest = createHash("sha256").update(wireName(zone)).update(rdata).digest("hex");
  return {
    dnskey: `${FLAGS} ${PROTOCOL} ${ALGORITHM} ${publicKey.toString("base64")}`,
    ds: `${keyTag(rdata)} ${ALGORITHM} ${DIGEST} ${digest}`,
  };
}
