#!/usr/bin/env python3
"""Keeps of a Proxmox VE host what no file can say by itself. Where no Proxmox VE is installed it has nothing to do.

`proxmox settle` makes the settings true of what runs: package sources, ZFS's cache, network cards, the web interface.
`proxmox interfaces` brings up what ifupdown2's files say of the network, as Proxmox VE itself does.
`proxmox check` says what needs a person, a line each, and exits 1 if there is anything.
`proxmox backup` copies the database behind /etc/pve, by which a lost host gets its guests' settings back.
"""
import argparse
import datetime
import glob
import json
import os
import sqlite3
import subprocess
import sys
import time

from guest_tool import call

SETTINGS = "/etc/farm/proxmox.json"
SOURCES = "/etc/apt/sources.list.d"
OWN_SOURCE = "/etc/farm/proxmox.sources"
ARC_LIVE = "/sys/module/zfs/parameters/zfs_arc_max"
ARC_AT_BOOT = "/etc/modprobe.d/60-farm-zfs.conf"
CLUSTER_DATABASE = "/var/lib/pve-cluster/config.db"
BACKUPS = "/var/backups/farm-pve"
BACKUPS_KEPT = 30
# OpenZFS gets slow and fragments beyond that ("Workload Tuning").
FULL = 80
# Debian's zfsutils-linux scrubs on the second Sunday of a month: two of them are five weeks apart at most.
SCRUB_DAYS = 36


def run(*command):
    """The output of a command that must succeed."""
    return call(*command).stdout


def is_active(unit):
    return subprocess.run(["systemctl", "is-active", "--quiet", unit]).returncode == 0


def settings():
    with open(SETTINGS) as file:
        return json.load(file)


def use_sources():
    """Proxmox's packages from where they need no subscription; its own sources stay, switched off."""
    link = f"{SOURCES}/farm-proxmox.sources"
    if not os.path.islink(link):
        os.symlink(OWN_SOURCE, link)
    for path in glob.glob(f"{SOURCES}/*.sources"):
        if path == link:
            continue
        with open(path) as file:
            text = file.read()
        stanzas = text.strip().split("\n\n")
        switched = [s if "enterprise.proxmox.com" not in s or "Enabled:" in s else f"{s}\nEnabled: no" for s in stanzas]
        if switched != stanzas:
            with open(path, "w") as file:
                file.write("\n\n".join(switched) + "\n")


def limit_cache(limit):
    """ZFS's cache in memory: at once, and in the file system from which the host boots, which reads it before our files."""
    if not os.path.exists(ARC_LIVE):
        return
    with open(ARC_LIVE) as file:
        present = int(file.read())
    if present != limit:
        with open(ARC_LIVE, "w") as file:
            file.write(str(limit))
    image = f"/boot/initrd.img-{os.uname().release}"
    if os.path.exists(image) and os.path.getmtime(image) < os.path.getmtime(ARC_AT_BOOT):
        run("update-initramfs", "-u", "-k", "all")


def compress():
    for pool in run("zpool", "list", "-H", "-o", "name").split():
        if run("zfs", "get", "-H", "-o", "value", "compression", pool).strip() == "off":
            run("zfs", "set", "compression=on", pool)


def calm_network_cards(drivers):
    """Cards of these drivers hang when they cut large packets up themselves (82579LM: "Detected Hardware Unit Hang")."""
    for link in glob.glob("/sys/class/net/*/device/driver"):
        card = link.split("/")[4]
        if os.path.basename(os.path.realpath(link)) in drivers:
            run("ethtool", "-K", card, "tso", "off", "gso", "off", "gro", "off")


def settle():
    wanted = settings()
    use_sources()
    limit_cache(wanted["arcMax"])
    compress()
    calm_network_cards(wanted["calmedDrivers"])
    # They read their settings when they start. At a boot they come after this.
    run("systemctl", "try-restart", "pveproxy.service", "spiceproxy.service", "smartmontools.service")


def interfaces():
    run("ifreload", "-a")


def pools():
    """What is wrong with the pools: lost disks, room, and errors that nobody has looked for."""
    for line in run("zpool", "list", "-H", "-p", "-o", "name,health,capacity").splitlines():
        name, health, capacity = line.split("\t")
        if health != "ONLINE":
            yield f"pool {name} is {health}: `zpool status {name}` names the disk to replace"
        if int(capacity) >= FULL:
            yield f"pool {name} is {capacity} % full, ZFS gets slow beyond {FULL}: remove snapshots or move a guest"
        scan = json.loads(run("zpool", "status", "-j", "--json-int", name))["pools"][name].get("scan_stats", {})
        days = (time.time() - scan.get("end_time", time.time())) / 86400
        if days > SCRUB_DAYS:
            yield f"pool {name} was last scrubbed {days:.0f} days ago: `zpool scrub {name}`, and see why cron did not"


def watchers():
    for unit, what in (("zfs-zed.service", "failing pools"), ("smartmontools.service", "failing disks")):
        if not is_active(unit):
            yield f"{unit} does not run, so nobody is told of {what}"


def accounts():
    """People who come in by a password alone."""
    users = json.loads(run("pvesh", "get", "/access/users", "--output-format", "json"))
    factors = json.loads(run("pvesh", "get", "/access/tfa", "--output-format", "json"))
    guarded = {entry["userid"] for entry in factors if entry["entries"]}
    for user in users:
        if user.get("enable", 1) and user["userid"] not in guarded:
            yield f"{user['userid']} has no second factor: web interface, Datacenter, Permissions, Two Factor, Add"


def guests(bridge):
    for path in sorted(glob.glob("/etc/pve/lxc/*.conf") + glob.glob("/etc/pve/qemu-server/*.conf")):
        number = os.path.basename(path).removesuffix(".conf")
        with open(path) as file:
            for line in file.read().split("\n[")[0].splitlines():
                if line.startswith("net") and "bridge=" in line and f"bridge={bridge}" not in line.split(": ")[1].split(","):
                    yield f"guest {number} is not on {bridge}, so it is neither filtered nor hidden: {line}"


def check():
    found = [*pools(), *watchers(), *accounts(), *guests(settings()["bridge"])]
    print("\n".join(found or ["nothing needs a person"]))
    sys.exit(1 if found else 0)


def backup():
    """Copied as SQLite does it, so that the copy is whole though the database is in use; the newest are kept."""
    os.makedirs(BACKUPS, mode=0o700, exist_ok=True)
    os.umask(0o077)
    target = f"{BACKUPS}/config-{datetime.date.today():%Y%m%d}.db"
    with sqlite3.connect(f"file:{CLUSTER_DATABASE}?mode=ro", uri=True) as source, sqlite3.connect(f"{target}.new") as copy:
        source.backup(copy)
    os.rename(f"{target}.new", target)
    for old in sorted(glob.glob(f"{BACKUPS}/config-*.db"))[:-BACKUPS_KEPT]:
        os.remove(old)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = {"settle": settle, "interfaces": interfaces, "check": check, "backup": backup}
    parser.add_argument("action", choices=actions)
    action = parser.parse_args().action
    if not os.path.exists("/usr/bin/pveversion"):
        print("no Proxmox VE is installed here: nothing to do")
        return
    actions[action]()


main()
