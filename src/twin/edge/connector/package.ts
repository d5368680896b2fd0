/** The stand-in for cloudflared as a Debian package. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../machines/run.ts";

/** What it consists of, by its place beside the others. */
const SOURCES = { "connector.js": "connector.ts", "client.js": "client.ts", "capnp.js": "../capnp.ts" };
const LIBRARY = "usr/lib/cloudflared-stand-in";

/** Debian 13's Node.js reads no types, and finds the parts in one folder. */
const plain = (source: string): string =>
  stripTypeScriptTypes(readFileSync(new URL(source, import.meta.url), "utf8")).replaceAll(
    /from "(?:\.\.?\/)+(\w+)\.ts"/g,
    'from "./$1.js"',
  );

const CONTROL = `Package: cloudflared
Version: 0~stand-in
Architecture: all
Depends: nodejs, python3
Maintainer: the twin
Description: Stand-in for Cloudflare's connector
`;

/** Builds the package as a file. */
export async function buildStandIn(path: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "farm-cloudflared-"));
  try {
    for (const folder of ["DEBIAN", "usr/bin", LIBRARY]) mkdirSync(join(root, folder), { recursive: true });
    chmodSync(root, 0o755);
    writeFileSync(join(root, "DEBIAN/control"), CONTROL);
    for (const [name, source] of Object.entries(SOURCES))
      writeFileSync(join(root, LIBRARY, name), plain(source));
    writeFileSync(join(root, LIBRARY, "package.json"), '{ "type": "module" }\n');
    const launch = readFileSync(new URL("launch.py", import.meta.url));
    writeFileSync(join(root, "usr/bin/cloudflared"), launch, { mode: 0o755 });
    const build = ["dpkg-deb", "--root-owner-group", "--build", root, path];
    // The same sources make the same file, by which a change is known.
    await must("build the stand-in for cloudflared", build, {
      env: { ...process.env, SOURCE_DATE_EPOCH: "0" },
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}
