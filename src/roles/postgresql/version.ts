/** Versions of PostgreSQL's server: where Debian keeps each, and where it comes from. See versions.py for which one runs. */
import { file } from "../../host/entries.ts";
import type { FileState } from "../../host/state.ts";
import type { PostgresCluster } from "../../inventory/schema.ts";

type Version = PostgresCluster["version"];

export const serverPackage = (version: Version): string => `postgresql-${version}`;
export const binaries = (version: Version): string => `/usr/lib/postgresql/${version}/bin`;
/** Debian's customary place. Its own tools are kept from making a cluster there: see createcluster.conf. */
export const dataDirectory = (version: Version): string => `/var/lib/postgresql/${version}/main`;

/** Debian 12 as a source beside the host's own; no package comes from it that the host's own release has. */
const BOOKWORM = [
  file(
    "/etc/apt/sources.list.d/60-farm-bookworm.sources",
    [
      ["http://deb.debian.org/debian", "bookworm"],
      ["http://deb.debian.org/debian-security", "bookworm-security"],
    ]
      .map(
        ([address, suite]) => `Types: deb
URIs: ${address}
Suites: ${suite}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
      )
      .join("\n"),
  ),
  file(
    "/etc/apt/preferences.d/60-farm-bookworm",
    `# What this release of Debian has comes from it: 500 is more than 100.
Package: *
Pin: release n=bookworm*
Pin-Priority: 100
`,
  ),
];

/** What apt has to be told so that a version's packages can be installed on Debian 13, which itself has 17. */
export const aptSources = (version: Version): readonly FileState[] => (version === 15 ? BOOKWORM : []);

/** Options of initdb for a new cluster, without their dashes. */
export function initdb(version: Version): string[] {
  const common = ["encoding=UTF8", "locale=C.UTF-8", "data-checksums"];
  // PostgreSQL's own rules of sorting, which 15 does not have: those of libc change with Debian's versions, and spoil
  // indexes then. (Those of C.UTF-8 are the order of code points in both.)
  return version === 15 ? common : [...common, "locale-provider=builtin", "builtin-locale=C.UTF-8"];
}
