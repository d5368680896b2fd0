/** Private keys on the curve P-256. */
import { createECDH, createPrivateKey } from "node:crypto";

/** The order of the curve (SP 800-186, 3.2.1.3). */
export const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** A private key, 32 bytes, from 48 random ones: 16 more than it has, so that none is likelier (FIPS 186-5, A.2.1). */
export function onP256(raw: Buffer): Buffer {
  const scalar = (BigInt(`0x${raw.toString("hex")}`) % (P256_ORDER - 1n)) + 1n;
  return Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
}

/** A private key as OpenSSL reads it: PKCS#8, PEM. */
export function p256Pem(scalar: Buffer): string {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(scalar);
  // Both coordinates, after the byte that says so.
  const point = curve.getPublicKey().subarray(1);
  const jwk = {
    ...{ kty: "EC", crv: "P-256", d: scalar.toString("base64url") },
    x: point.subarray(0, 32).toString("base64url"),
    y: point.subarray(32).toString("base64url"),
  };
  return createPrivateKey({ key: jwk, format: "jwk" }).export({ format: "pem", type: "pkcs8" }).toString();
}
