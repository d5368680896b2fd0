/**
 * Certificates of a public authority (ACME, RFC 8555). It asks by http whether a name is ours, and the question may come to
 * any host of the edge. All have one account, and the answer follows from the question and the account's key alone.
 */
import { createHash, createPublicKey } from "node:crypto";
import type { Keys } from "../../plan/keys.ts";

/** Name of the secret that is the key of the farm's account. */
export const ACME_ACCOUNT = "acme-account";

/** What the account's key is known by (RFC 7638): the hash of its public half, written in one way alone. */
function thumbprint(privateKey: string): string {
  const { crv, kty, x, y } = createPublicKey(privateKey).export({ format: "jwk" });
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
}

/** Where authorities ask (RFC 8555, 8.3): the last part of the path is their question, in letters of base64url. */
const QUESTION = "^/\\.well-known/acme-challenge/[A-Za-z0-9_-]+$";

/** HAProxy's answer: the question, and what the account's key is known by (RFC 8555, 8.1). */
export const challengeRule = (keys: Keys): string =>
  `  http-request return status 200 content-type text/plain lf-string "%[path,field(4,/)].${thumbprint(keys.secret(ACME_ACCOUNT))}" if { path_reg ${QUESTION} }`;
