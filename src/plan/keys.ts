/** Every password and key of a stack, derived from its one master key. */
import { createPrivateKey, hkdfSync, type KeyObject } from "node:crypto";
import { FarmError } from "../shell/errors.ts";
import { onP256, p256Pem } from "./p256.ts";

/** Key of plans that nobody applies: previews on a pull request, tests. Public by design. */
export const PREVIEW_MASTER_KEY = Buffer.alloc(32).toString("base64");

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Secrets of one stack. Same master key, stack, name and generation: same secret. */
export interface Keys {
  /**
   * A secret by name: `password/…` (43 characters of base64url, 256 bits), `tunnel/…` (32 bytes in base64, as Cloudflare
   * takes them), `dnssec/ZONE` (a private key on P-256, 32 bytes in base64), `authority`, `host-authority/HOST` and
   * `acme-account` (the same in PEM, PKCS#8), `wireguard/HOST` or `ssh-host-key/HOST` (private keys). Throws on any other name.
   */
  secret(name: string): string;
  /** The generation of a secret: 1 until it is raised. */
  generation(name: string): number;
  /** WireGuard keys in its own base64 form. */
  wireguard(host: string): KeyPair;
  /** Ed25519 host key: PKCS#8 PEM (sshd reads it since OpenSSH 9.6) and `ssh-ed25519 AAAA…`; of the present generation
   * unless another is asked for. */
  sshHostKey(host: string, generation?: number): KeyPair;
}

/** DER heads of a PKCS#8 private key made from 32 raw bytes (RFC 8410). */
const PKCS8_HEAD = {
  x25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
  ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
};

function privateKey(kind: keyof typeof PKCS8_HEAD, raw: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD[kind], raw]), format: "der", type: "pkcs8" });
}

/** The 32 bytes of a private key's public part. As JWK (RFC 8037) they come ten times as fast as by way of a public key's DER form. */
function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
}

function sshString(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data as Buffer);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Clamps 32 random bytes to an X25519 scalar, as `wg genkey` does (RFC 7748, section 5). */
function clamp(raw: Buffer): Buffer {
  const scalar = Buffer.from(raw);
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64;
  return scalar;
}

/**
 * Checks a master key: 32 bytes in base64. Throws a FarmError with exit code 2 that says how to make one.
 */
export function parseMasterKey(text: string | undefined): Buffer {
  const key = Buffer.from(text ?? "", "base64");
  if (key.length !== 32 || key.toString("base64") !== text)
    throw new FarmError(
      text ? "farms:masterKey is not 32 bytes in base64" : "farms:masterKey is missing",
      "make one: openssl rand -base64 32 | pulumi config set --secret farms:masterKey",
      2,
    );
  return key;
}

/** A host's key stands in the bundles of all its peers; deriving it once takes a large plan from minutes to seconds. */
function remembered(
  make: (host: string, generation?: number) => KeyPair,
): (host: string, generation?: number) => KeyPair {
  const pairs = new Map<string, KeyPair>();
  return (host, generation) => {
    const which = `${host}/${generation ?? ""}`;
    const pair = pairs.get(which) ?? make(host, generation);
    pairs.set(which, pair);
    return pair;
  };
}

/**
 * Derives the secrets of a stack with HKDF-SHA256 (RFC 5869) from its master key (32 bytes, base64). The
 * name's generation is part of the derivation: raising it makes a new secret.
 */
export function deriveKeys(
  masterKey: string,
  stack: string,
  generations: Readonly<Record<string, number>>,
): Keys {
  const master = parseMasterKey(masterKey);
  const generation = (name: string): number => generations[name] ?? 1;
  const derive = (name: string, at = generation(name), bytes = 32): Buffer =>
    Buffer.from(hkdfSync("sha256", master, "farms", `${stack}/${name}/${at}`, bytes));

  const derivedOnP256 = (name: string): Buffer => onP256(derive(name, generation(name), 48));

  const wireguard = remembered((host) => {
    const scalar = clamp(derive(`wireguard/${host}`));
    return {
      privateKey: scalar.toString("base64"),
      publicKey: rawPublicKey(privateKey("x25519", scalar)).toString("base64"),
    };
  });

  const sshHostKey = remembered((host, at) => {
    const key = privateKey("ed25519", derive(`ssh-host-key/${host}`, at));
    const blob = Buffer.concat([sshString("ssh-ed25519"), sshString(rawPublicKey(key))]);
    return {
      // Written out when it is asked for: a plan has no use for it.
      get privateKey() {
        return key.export({ format: "pem", type: "pkcs8" }).toString();
      },
      publicKey: `ssh-ed25519 ${blob.toString("base64")}`,
    };
  });

  return {
    wireguard,
    sshHostKey,
    generation,
    secret: (name) => {
      const [kind, subject = ""] = name.split(/\/(.*)/s);
      if (kind === "password") return derive(name).toString("base64url");
      if (kind === "wireguard") return wireguard(subject).privateKey;
      if (kind === "dnssec") return derivedOnP256(name).toString("base64");
      if (kind === "authority" || kind === "host-authority" || kind === "acme-account")
        return p256Pem(derivedOnP256(name)).trimEnd();
      if (kind === "tunnel") return derive(name).toString("base64");
      if (kind === "ssh-host-key") return sshHostKey(subject).privateKey.trimEnd();
      throw new Error(`no such kind of secret: ${name}`);
    },
  };
}
