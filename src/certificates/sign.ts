/**
 * ECDSA on P-256 with SHA-256 that signs the same text the same way each time, so that what is signed can be part of a plan.
 * Node's own takes a random number for each signature.
 */
import { createECDH, createHash, createHmac } from "node:crypto";
import { onP256, P256_ORDER } from "../plan/p256.ts";
import { integer, sequence } from "./der.ts";

const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

/** The inverse of a number by a prime: its power of two less (Fermat). */
function inverse(value: bigint, prime: bigint): bigint {
  let result = 1n;
  let power = value % prime;
  for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % prime;
    power = (power * power) % prime;
  }
  return result;
}

/**
 * Signs a text by FIPS 186-5, 6.4.1. The number that must never serve for two texts follows from key and text (as in RFC
 * 6979, here by one HMAC, as long as FIPS 186-5, A.3.1 asks for).
 * @param privateKey the key's 32 bytes, a number from 1 to the order of the curve, exclusively
 * @returns the signature in DER, as certificates have it (RFC 3279, 2.2.3)
 */
export function signed(text: Uint8Array, privateKey: Buffer): Buffer {
  const digest = createHash("sha256").update(text).digest();
  const once = onP256(createHmac("sha384", privateKey).update(digest).digest());
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(once);
  // After the byte that says that both coordinates follow.
  const r = number(curve.getPublicKey().subarray(1, 33)) % P256_ORDER;
  const product = number(digest) + r * number(privateKey);
  const s = (inverse(number(once), P256_ORDER) * product) % P256_ORDER;
  return sequence(integer(r), integer(s));
}
