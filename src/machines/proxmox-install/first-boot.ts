/** What the installed server runs once, at its first boot on the real hardware. */
import type { Inventory } from "../../inventory/schema.ts";
import type { KeyPair } from "../../plan/keys.ts";
import { HOST_KEY } from "../../roles/base.ts";
import { PACKAGE_LINK, PACKAGE_SOURCE, packageSource } from "../../roles/hypervisor.ts";
import { administratorKeys, FRESH, firstContact } from "../user-data.ts";

const written = (path: string, mode: string, content: string): string =>
  `cat >${path} <<'END'\n${content.trimEnd()}\nEND\nchmod ${mode} ${path}`;

/**
 * The script: gives the server the SSH host key by which the farm knows it, package sources that need no subscription (with
 * Proxmox's own no package can be installed without one), and the mark of a machine that was made for the farm. It has that private
 * key, so it removes itself; whoever passes it on keeps it a secret. Proxmox's own service runs it again if it fails.
 * The administrators' keys are the installer's work: Proxmox keeps root's in its own file system.
 */
export function firstBoot(hostKey: KeyPair, inventory: Inventory): string {
  const { write_files } = firstContact(hostKey, administratorKeys(inventory));
  return `#!/bin/sh
set -eu
umask 077
${written(HOST_KEY, "0600", hostKey.privateKey)}
${written(`${HOST_KEY}.pub`, "0644", hostKey.publicKey)}
${write_files.map(({ path, permissions, content }) => written(path, permissions, content)).join("\n")}
mkdir -p /etc/farm
chmod 0755 /etc/farm
${written(PACKAGE_SOURCE, "0644", packageSource)}
ln -sf ${PACKAGE_SOURCE} ${PACKAGE_LINK}
rm -f /etc/apt/sources.list.d/pve-enterprise.sources /etc/apt/sources.list.d/ceph.sources
mkdir -p ${FRESH.slice(0, FRESH.lastIndexOf("/"))}
touch ${FRESH}
rm "$0"
`;
}
