/** The few kinds of ASN.1 values that a certificate is made of, as bytes (DER: ITU-T X.690). */

const SEQUENCE = 0x30;

/** A value with its tag and its length before it. */
export function tagged(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => tagged(SEQUENCE, ...items);
export const set = (...items: readonly Uint8Array[]): Buffer => tagged(0x31, ...items);
export const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]));
export const octets = (content: Uint8Array): Buffer => tagged(0x04, content);
export const utf8 = (text: string): Buffer => tagged(0x0c, Buffer.from(text, "utf8"));

/** Bits, of which the last `unused` do not count. */
export const bits = (content: Uint8Array, unused = 0): Buffer => tagged(0x03, Buffer.from([unused]), content);

/** A number that is not negative: a leading zero byte says so where the first bit would deny it. */
export function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return tagged(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** Seven bits of a number in each byte, the highest first; all but the last have the eighth set. */
function base128(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [...base128(value >> 7).map((byte) => byte | 0x80), low];
}

/** An object identifier, "2.5.29.19". */
export function identifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** The first second of a day such as "2026-11-27", before 2050, as certificates write it (RFC 5280, 4.1.2.5.1). */
export const midnight = (day: string): Buffer =>
  tagged(0x17, Buffer.from(`${day.slice(2).replaceAll("-", "")}000000Z`, "ascii"));
