#!/bin/sh
# One machine from power on to power off. Runs as root in the network namespace of its stack and in a mount namespace of
# its own, so that all mounts made here vanish with the last process, however it ends.
#   machine.sh DISK IMAGE MOUNTS OVERLAY GROUP VETH VOLUMES NSPAWN_ARGUMENTS...
set -eu
disk=$1 image=$2 mounts=$3 overlay=$4 group=$5 veth=$6 volumes=$7
shift 7

# Without this the mounts of machines booted later would appear in here and be held.
mount --make-rprivate /
# Entering the network namespace mounted a fresh /sys without control groups. nspawn gets the version 2 tree alone;
# on a hybrid computer it would otherwise try version 1, which a modern systemd inside refuses.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# nspawn keeps things here by machine name, and two stacks may have machines of one name.
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn

# Direct i/o: the disk's content lies in memory once and not twice. Not every file system can do it.
loop=$(losetup --find --show --direct-io=on "$disk" 2>/dev/null || losetup --find --show "$disk")
mount "$loop" "$mounts/disk"
# The loop device stays for as long as the mount and then goes by itself.
losetup --detach "$loop"
mount -t overlay -o "lowerdir=$image,upperdir=$mounts/disk/upper,workdir=$mounts/disk/work" overlay "$mounts/root"
cp -a "$overlay/." "$mounts/root/"
while read -r file path; do
	mkdir -p "$mounts/root$path"
	mount -o loop "$file" "$mounts/root$path"
done <"$volumes"

# nspawn ends with 133 when the machine reboots (EXIT_FORCE_RESTART in its source): whoever started it has to again.
boot=0 code=133
while [ $code -eq 133 ]; do
	boot=$((boot + 1))
	# A control group that was killed or frozen would do the same to the next boot: each has its own.
	mkdir "/sys/fs/cgroup$group/boot-$boot"
	ip link delete "$veth" 2>/dev/null || true
	code=0
	(echo 0 >"/sys/fs/cgroup$group/boot-$boot/cgroup.procs" && exec systemd-nspawn "$@") || code=$?
done
exit $code
