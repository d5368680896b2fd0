/** A repository of packages with one in it, cloudflared, and the key by which the twin's hosts know it. */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "../../shell/files.ts";
import { PACKAGES } from "../machines/layout.ts";
import { must } from "../machines/run.ts";
import { buildStandIn } from "./connector/package.ts";
import { edgeLayout } from "./places.ts";

/** Where a person puts Cloudflare's own package, for the twins to run it. */
export const CLOUDFLARED_PACKAGE = join(PACKAGES, "cloudflared.deb");

const gpg = (stack: string, argv: readonly string[]): string[] => [
  ...["gpg", "--homedir", edgeLayout(stack).gnupg, "--batch", "--quiet", "--no-tty", ...argv],
];

/** Makes the key of a stack's repository once, and returns its public half, armoured. */
export async function packagesKey(stack: string): Promise<string> {
  const { gnupg, packagesKey: path } = edgeLayout(stack);
  if (!existsSync(path)) {
    // What a killed run has left.
    rmSync(gnupg, { recursive: true, force: true });
    mkdirSync(gnupg, { recursive: true, mode: 0o700 });
    const make = ["--passphrase", "", "--quick-generate-key", `packages of the twin ${stack}`];
    await must("make the key of the twin's packages", gpg(stack, [...make, "ed25519", "sign", "never"]));
    writeWhole(path, await must("read that key", gpg(stack, ["--armor", "--export"])));
    await must("end gpg's agent", ["gpgconf", "--homedir", gnupg, "--kill", "all"]);
  }
  return readFileSync(path, "utf8");
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/** An entry of a list by which apt knows a file. */
const listed = (content: string | Buffer, name: string): string =>
  ` ${sha256(content)} ${Buffer.byteLength(content)} ${name}\n`;

/** Cloudflare's own package where a person has put it, or else the stand-in for it. */
async function packageFile(stack: string): Promise<string> {
  if (existsSync(CLOUDFLARED_PACKAGE)) return CLOUDFLARED_PACKAGE;
  const path = join(edgeLayout(stack).dir, "stand-in.deb");
  await buildStandIn(path);
  return path;
}

/** Brings the package into the repository, unless it is there. */
export async function fillRepository(stack: string): Promise<void> {
  const { repository, gnupg } = edgeLayout(stack);
  const path = await packageFile(stack);
  const content = readFileSync(path);
  const place = `pool/${sha256(content).slice(0, 16)}.deb`;
  if (existsSync(join(repository, "dists/any/InRelease")) && existsSync(join(repository, place))) return;
  const lists = join(repository, "dists/any/main/binary-amd64");
  rmSync(repository, { recursive: true, force: true });
  for (const dir of ["pool", "dists/any/main/binary-amd64"])
    mkdirSync(join(repository, dir), { recursive: true, mode: 0o700 });
  copyFileSync(path, join(repository, place));
  const control = await must("read the package", ["dpkg-deb", "--field", path]);
  const packages = `${control.trimEnd()}\nFilename: ${place}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`;
  writeWhole(join(lists, "Packages"), packages);
  const release = `Origin: twin\nSuite: any\nCodename: any\nArchitectures: amd64\nComponents: main\nDate: ${new Date().toUTCString()}\nSHA256:\n${listed(packages, "main/binary-amd64/Packages")}`;
  await packagesKey(stack);
  const signed = await must("sign the twin's packages", gpg(stack, ["--clear-sign"]), { input: release });
  await must("end gpg's agent", ["gpgconf", "--homedir", gnupg, "--kill", "all"]);
  // Last, so that a run that is cut off here is begun anew.
  writeWhole(join(repository, "dists/any/InRelease"), signed);
}
