/** The stand-in edge's own authority, which a twin's machines believe in place of those that vouch for Cloudflare. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeWhole } from "../../shell/files.ts";
import { must, run } from "../machines/run.ts";
import { edgeLayout, SERVER_NAME } from "./places.ts";

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
const DAYS = { authority: 3650, certificate: 90 };
/** Days before its end at which a certificate is made anew. */
const RENEW = 30;

/** Makes the authority once. */
export async function makeAuthority(stack: string): Promise<void> {
  const { dir, authority, authorityKey } = edgeLayout(stack);
  if (existsSync(authority)) return;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await must("make the stand-in edge's authority", [
    ...["openssl", "req", "-x509", ...NEW_KEY, "-keyout", authorityKey, "-out", `${authority}.new`],
    ...["-days", String(DAYS.authority), "-subj", `/CN=stand-in edge of the twin ${stack}`],
    ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"],
  ]);
  writeWhole(authority, readFileSync(`${authority}.new`, "utf8"));
  rmSync(`${authority}.new`);
}

async function isGood(certificate: string, names: readonly string[]): Promise<boolean> {
  if (!existsSync(certificate)) return false;
  const read = ["openssl", "x509", "-in", certificate, "-noout"];
  if ((await run([...read, "-checkend", String(RENEW * 86_400)])).code !== 0) return false;
  const { stdout } = await run([...read, "-ext", "subjectAltName"]);
  const has = [...stdout.matchAll(/DNS:([^,\s]+)/g)].map((m) => m[1]);
  return has.length === names.length && names.every((name) => has.includes(name));
}

/** Makes the certificate for connectors and for users of `names`, unless there is one that serves. Returns whether it did so. */
export async function makeCertificate(stack: string, names: readonly string[]): Promise<boolean> {
  const { authority, authorityKey, certificate, key } = edgeLayout(stack);
  const all = [SERVER_NAME, ...names];
  if (await isGood(certificate, all)) return false;
  const aside = mkdtempSync(join(tmpdir(), "farm-edge-"));
  const at = (name: string): string => join(aside, name);
  try {
    const extensions = `subjectAltName=${all.map((name) => `DNS:${name}`).join(",")}\nextendedKeyUsage=serverAuth\n`;
    writeFileSync(at("extensions"), extensions);
    await must("make the stand-in edge's key", [
      ...["openssl", "req", ...NEW_KEY, "-keyout", at("key"), "-out", at("request"), "-subj", "/CN=edge"],
    ]);
    await must("make the stand-in edge's certificate", [
      ...["openssl", "x509", "-req", "-in", at("request"), "-CA", authority, "-CAkey", authorityKey],
      ...["-CAserial", at("serial"), "-CAcreateserial", "-days", String(DAYS.certificate)],
      ...["-extfile", at("extensions"), "-out", at("certificate")],
    ]);
    writeWhole(key, readFileSync(at("key"), "utf8"));
    writeWhole(certificate, readFileSync(at("certificate"), "utf8"));
    return true;
  } finally {
    rmSync(aside, { recursive: true });
  }
}
