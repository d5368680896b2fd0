/** Public OpenPGP keys in the form in which they are handed round, and by what one is known from another. */
import { createHash } from "node:crypto";

/** The bytes of an armoured key (RFC 9580, 6.2): what stands between its headers and its checksum. */
function dearmour(text: string): Buffer | undefined {
  const [, body] =
    /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[^\n]+: [^\n]*\n)*\n([A-Za-z0-9+/=\n]+?)\n(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP PUBLIC KEY BLOCK-----\s*$/.exec(
      text.replaceAll("\r\n", "\n"),
    ) ?? [];
  return body === undefined ? undefined : Buffer.from(body, "base64");
}

/** Where the first packet of some is, in either of the two forms of their heads (RFC 9580, 4.2): its type and what it holds. */
function firstPacket(bytes: Buffer): { type: number; body: Buffer } | undefined {
  const head = bytes.at(0) ?? 0;
  const isNew = (head & 0x40) !== 0;
  // Bytes by which the length is written: a length of 192 and more takes two, and the former form says it in its head.
  const width = isNew ? ((bytes.at(1) ?? 0) < 192 ? 1 : 2) : 1 << (head & 3);
  if ((head & 0x80) === 0 || bytes.length < 1 + width || width > 4) return undefined;
  const written = bytes.readUIntBE(1, width);
  const length = isNew && width === 2 ? written - (192 << 8) + 192 : written;
  const body = bytes.subarray(1 + width, 1 + width + length);
  return body.length === length ? { type: isNew ? head & 0x3f : (head >> 2) & 0xf, body } : undefined;
}

const PUBLIC_KEY = 6;

/**
 * The fingerprint of an armoured public key, 40 hexadecimal digits (RFC 9580, 5.5.4.2: version 4, which apt's keys are).
 * Undefined for a text that is no such key.
 */
export function fingerprintOf(armoured: string): string | undefined {
  const bytes = dearmour(armoured);
  const packet = bytes && firstPacket(bytes);
  if (packet?.type !== PUBLIC_KEY || packet.body.at(0) !== 4) return undefined;
  const head = Buffer.from([0x99, packet.body.length >> 8, packet.body.length & 0xff]);
  return createHash("sha1").update(head).update(packet.body).digest("hex").toUpperCase();
}
