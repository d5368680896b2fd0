/**
 * What is run in the rescue system. Its disk is memory: what lies there is gone after the next boot, secrets too, and so what is
 * found there belongs to the present attempt. Every command may be run again; none takes a secret but by its input.
 */
import type { Host } from "../../inventory/schema.ts";
import { arcMebibytes, SEEN_DISKS } from "./answer.ts";
import { ISO, KEYRING, SUITE } from "./release.ts";

export const FOLDER = "/root/farm-install";
/** Debian of Proxmox's release, in which its assistant runs whatever Debian the rescue system is. */
const BUILD = `${FOLDER}/build`;

/** Files that the assistant makes the unattended ISO from. */
export type Ingredient = "answer.toml" | "first-boot";

/** MiB for the installer itself: Proxmox asks for 2 GB. */
const INSTALLER_MEMORY = 4096;

export type InstallState = "new" | "installing" | "installed";

/**
 * Says how far the installation has come (InstallState): the installer holds a lock while it runs, and leaves its exit code. One that
 * failed is as good as none.
 */
export const STATE = `cd ${FOLDER} 2>/dev/null || { echo new; exit 0; }
flock --nonblock lock true || { echo installing; exit 0; }
if [ "$(cat ended 2>/dev/null)" = 0 ]; then echo installed; else echo new; fi
`;

/** Fetches the ISO, whose hash is known, and puts Proxmox's assistant into a Debian that it is made for. */
export const FETCH = `set -eu
mkdir -p -m 700 ${FOLDER}
cd ${FOLDER}
export DEBIAN_FRONTEND=noninteractive
if ! command -v qemu-system-x86_64 || ! command -v debootstrap; then
  apt-get -qq update
  apt-get -qqy install --no-install-recommends qemu-system-x86 debootstrap debian-archive-keyring
fi >/dev/null
echo '${ISO.sha256}  ${ISO.name}' >iso.sha256
sha256sum --check --status iso.sha256 2>/dev/null || curl -fsSL -o ${ISO.name} ${ISO.url}
sha256sum --check --quiet iso.sha256
if [ ! -e ${BUILD}/ready ]; then
  rm -rf ${BUILD}
  debootstrap --variant=minbase --include=ca-certificates ${SUITE} ${BUILD} http://deb.debian.org/debian >debootstrap.log
  keyring=${BUILD}/usr/share/keyrings/proxmox-archive-keyring.gpg
  curl -fsSL -o "$keyring" ${KEYRING.url}
  echo "${KEYRING.sha256}  $keyring" | sha256sum --check --quiet
  cat >${BUILD}/etc/apt/sources.list.d/proxmox.sources <<'END'
Types: deb
URIs: http://download.proxmox.com/debian/pve
Suites: ${SUITE}
Components: pve-no-subscription
Signed-By: /usr/share/keyrings/proxmox-archive-keyring.gpg
END
  cp -L /etc/resolv.conf ${BUILD}/etc/resolv.conf
  chroot ${BUILD} apt-get -qq update
  chroot ${BUILD} apt-get -qqy install --no-install-recommends proxmox-auto-install-assistant xorriso >assistant.log
  mkdir -m 700 ${BUILD}/work
  touch ${BUILD}/ready
fi
`;

/** Keeps its input as one of the ingredients, for root alone. */
export const keep = (name: Ingredient): string => `umask 077 && cat >${BUILD}/work/${name}`;

/** Lets the assistant check the answers and make the unattended ISO, and removes what it was made from. */
export const PREPARE = `set -eu
umask 077
cd ${BUILD}/work
ln -f ../../${ISO.name} ${ISO.name}
chroot ${BUILD} proxmox-auto-install-assistant validate-answer /work/answer.toml
chroot ${BUILD} proxmox-auto-install-assistant prepare-iso /work/${ISO.name} --fetch-from iso --answer-file /work/answer.toml --on-first-boot /work/first-boot --output /work/unattended.iso
mv unattended.iso ${FOLDER}/unattended.iso
rm answer.toml first-boot
`;

const pathsOf = (disks: readonly string[]): string =>
  disks.map((disk) => `/dev/disk/by-id/${disk}`).join(" ");

/**
 * Makes the rescue system let go of both disks: it may have put together what is on them (Linux RAID, LVM, swap), and would go on
 * writing. Refuses where something is mounted or still holds on; what is on the disks stays.
 */
export const release = (disks: readonly string[]): string => `set -eu
refuse() { echo "$1" >&2; exit 1; }
for disk in ${pathsOf(disks)}; do
  [ -b "$disk" ] || refuse "$disk is not there"
  if lsblk --noheadings --output MOUNTPOINT "$disk" | grep '^/'; then refuse "something on $disk is mounted: unmount it"; fi
done
swapoff --all
if command -v vgchange >/dev/null; then vgchange --quiet --activate n >/dev/null; fi
if command -v mdadm >/dev/null; then mdadm --stop --scan --quiet; fi
for disk in ${pathsOf(disks)}; do
  for part in $(lsblk --noheadings --list --output KNAME "$disk"); do
    [ -z "$(ls "/sys/class/block/$part/holders")" ] || refuse "$part of $disk is in use by $(ls "/sys/class/block/$part/holders")"
  done
done
`;

/**
 * Starts the installer and leaves it to itself, so that a lost connection is no harm. It runs in a virtual machine that has the
 * two disks and none else, and a network without a way out: no foreign MAC address shows on Hetzner's network. Its memory is more than what ZFS
 * may have later, since the installer cuts that down to what it finds itself (clamp_zfs_arc_max of Proxmox/Install/RunEnv.pm).
 * It powers off after a success alone, and shows its screen on 127.0.0.1:5900 (VNC).
 */
export function install(host: Host, disks: readonly string[], mac: string): string {
  const drives = disks.map(
    (disk, index) =>
      `-drive file=/dev/disk/by-id/${disk},format=raw,cache=none,if=none,id=${SEEN_DISKS[index]} -device virtio-blk-pci,drive=${SEEN_DISKS[index]}`,
  );
  const machine = [
    "qemu-system-x86_64 -enable-kvm -cpu host -smp 2",
    `-m ${arcMebibytes(host) + INSTALLER_MEMORY}`,
    ...drives,
    `-cdrom ${FOLDER}/unattended.iso -boot once=d`,
    `-netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,mac=${mac},romfile=`,
    "-display none -vnc 127.0.0.1:0",
  ].join(" \\\n  ");
  return `set -eu
cd ${FOLDER}
exec 9>lock
flock --nonblock 9 || exit 0
rm -f ended
setsid --fork sh -c '
${machine}
echo $? >ended
' </dev/null >install.log 2>&1
`;
}

/** Waits until no installer runs any more and prints its exit code; what it said is on the error stream. */
export const AWAIT = `cd ${FOLDER}
flock lock true
cat install.log >&2
cat ended
`;

/** Sees that both disks carry the same pool of Proxmox and a partition to boot from. */
export const verify = (disks: readonly string[]): string => `set -eu
for disk in ${pathsOf(disks)}; do blockdev --rereadpt "$disk"; done
udevadm settle
pools=
for disk in ${pathsOf(disks)}; do
  [ "$(blkid --probe --match-tag TYPE --output value "$disk-part2")" = vfat ] || { echo "$disk has no partition to boot from" >&2; exit 1; }
  [ "$(blkid --probe --match-tag LABEL --output value "$disk-part3")" = rpool ] || { echo "$disk is in no pool of Proxmox" >&2; exit 1; }
  pools="$pools $(blkid --probe --match-tag UUID --output value "$disk-part3")"
done
set -- $pools
[ "$1" = "$2" ] || { echo "the disks are in two pools: $1 and $2" >&2; exit 1; }
`;

/** Restarts it, as soon as this connection has ended. */
export const RESTART = "systemctl reboot";
