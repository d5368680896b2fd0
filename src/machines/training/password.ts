/** Students' passwords: derived, easy to type, and as the hash that a machine is given. */
import { createHash } from "node:crypto";
import type { Keys } from "../../plan/keys.ts";

/** 32 signs that nobody takes for one another, so that five bits choose one: no l, o, 0, 1. */
const SIGNS = "abcdefghijkmnpqrstuvwxyz23456789";
/** crypt's own 64 (crypt(5)). */
const CRYPT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ROUNDS = 5000;

const derived = (keys: Keys, name: string): Buffer =>
  Buffer.from(keys.secret(`password/${name}`), "base64url");

/** The password of a student's machine, like "kx7m-pq4r-wz9t": 60 bits, which nobody guesses over SSH. */
export function studentPassword(keys: Keys, training: string, machine: string): string {
  const signs = [...derived(keys, `training/${training}/${machine}`).subarray(0, 12)].map(
    (byte) => SIGNS[byte & 31],
  );
  return [0, 4, 8].map((start) => signs.slice(start, start + 4).join("")).join("-");
}

/** The salt of its hash: 16 signs, the same at every run, so that nothing changes. */
export const studentSalt = (keys: Keys, training: string, machine: string): string =>
  derived(keys, `training/${training}/${machine}/salt`).toString("hex").slice(0, 16);

const sha512 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The first `length` bytes of `block`, again and again. */
const repeated = (block: Buffer, length: number): Buffer =>
  Buffer.concat(Array(Math.ceil(length / block.length)).fill(block)).subarray(0, length);

/** Bytes as crypt writes them: the lowest six bits first. */
function written(bytes: readonly number[], signs: number): string {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return Array.from({ length: signs }, (_, index) => CRYPT[(value >> (6 * index)) & 63]).join("");
}

/** The 64 bytes in crypt's order: of each three the next three are one further, rotated. */
function inOrder(digest: Buffer): string {
  let order: [number, number, number] = [0, 21, 42];
  let text = "";
  for (let group = 0; group < 21; group++) {
    text += written(
      order.map((index) => digest[index] ?? 0),
      4,
    );
    order = [order[1] + 1, order[2] + 1, order[0] + 1];
  }
  return text + written([digest[63] ?? 0], 2);
}

/**
 * SHA-512-crypt of a password ("Unix crypt using SHA-256 and SHA-512", U. Drepper): what shadow(5) takes, `$6$SALT$HASH`.
 * Node has no crypt of its own; what it does have (scrypt) newer releases of chpasswd refuse (shadow, chkhash.c).
 */
export function cryptSha512(password: string, salt: string): string {
  const [secret, salted] = [Buffer.from(password), Buffer.from(salt)];
  const inner = sha512(secret, salted, secret);
  const bits = secret.length.toString(2).split("").reverse();
  const mixed = bits.map((bit) => (bit === "1" ? inner : secret));
  let digest = sha512(secret, salted, repeated(inner, secret.length), ...mixed);
  const p = repeated(sha512(...Array(secret.length).fill(secret)), secret.length);
  const s = repeated(sha512(...Array(16 + (digest[0] ?? 0)).fill(salted)), salted.length);
  for (let round = 0; round < ROUNDS; round++)
    digest = sha512(
      round % 2 === 1 ? p : digest,
      ...(round % 3 === 0 ? [] : [s]),
      ...(round % 7 === 0 ? [] : [p]),
      round % 2 === 1 ? digest : p,
    );
  return `$6$${salt}$${inOrder(digest)}`;
}
