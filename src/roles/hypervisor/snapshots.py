#!/usr/bin/env python3
"""Tells sanoid which datasets to take snapshots of: those of the mounts that are declared for this host's guests.

Which dataset a mount is only Proxmox knows, so it is asked before each of sanoid's runs. One that can't be found is left
out and named in the journal, since sanoid would take no snapshot at all because of it. Exits 1 when there is none to take:
systemd then skips the run.
"""
import json
import os
import subprocess
import sys

from guest_mounts import present
from guest_tool import DATASET, kind_of, settings, volume

DECLARED = "/etc/farm/guest-snapshots.json"
CONFIG = "/etc/sanoid/sanoid.conf"


def dataset(vmid, path):
    """The dataset that a guest has at a path; None, said on stderr, where there is none."""
    if kind_of(vmid) != "lxc":
        return print(f"there is no container {vmid} yet", file=sys.stderr)
    mounts = present(settings("lxc", vmid))
    if path not in mounts:
        return print(f"container {vmid} has no mount at {path} yet", file=sys.stderr)
    name = f"{DATASET}/{volume(mounts[path][1])['volume'].split(':', 1)[1]}"
    found = subprocess.run(["zfs", "list", "-H", "-o", "name", name], capture_output=True, text=True)
    return name if found.returncode == 0 else print(f"container {vmid}, {path}: {found.stderr.strip()}", file=sys.stderr)


def section(name, kept):
    numbers = "".join(f"{kind} = {kept.get(kind, 0)}\n" for kind in ("frequently", "hourly", "daily", "monthly", "yearly"))
    return f"[{name}]\n{numbers}autosnap = yes\nautoprune = yes\n"


def main():
    with open(DECLARED) as file:
        declared = json.load(file)
    found = [(dataset(mount["vmid"], mount["path"]), mount["snapshots"]) for mount in declared]
    text = "\n".join(section(name, kept) for name, kept in found if name)
    os.makedirs(os.path.dirname(CONFIG), exist_ok=True)
    with open(f"{CONFIG}.new", "w") as file:
        file.write(f"# Written by {sys.argv[0]} before each run, from {DECLARED}.\n{text}" if text else "")
    os.rename(f"{CONFIG}.new", CONFIG)
    sys.exit(0 if text else 1)


main()
