#!/usr/bin/python3 -ES
"""Plays, by the name that it is called by, the programs of a Proxmox host that guest.py calls; notes each call as a line of JSON.

STATE, in the environment, is a directory: `calls`, a JSON file a guest, what was mounted, and what a test wants answered:
`hidden` (files at new mounts), `shown` (the SSH host key of VMs).
"""
import json
import os
import shutil
import sys

STATE = os.environ["STATE"]
TOOL, ARGUMENTS = os.path.basename(sys.argv[0]), sys.argv[1:]


def text(name):
    try:
        with open(f"{STATE}/{name}") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(name, content):
    with open(f"{STATE}/{name}", "w") as file:
        file.write(content)


def save(guest):
    write(f"{TOOL}-{ARGUMENTS[1]}.json", json.dumps(guest))


def allocated(name, value, config):
    """A new disk "local-zfs:20,mp=/srv" as Proxmox stores it."""
    first, *parts = value.split(",")
    if TOOL == "qm":
        return f"local-zfs:vm-{ARGUMENTS[1]}-disk-0,size=3G"
    storage, size = first.split(":")
    number = sum(key == "rootfs" or key.startswith(("mp", "unused")) for key in config)
    return ",".join([f"{storage}:subvol-{ARGUMENTS[1]}-disk-{number}", *parts, f"size={size}G"])


def configure(guest, options):
    """Puts options into a guest's configuration as create and set do."""
    config = guest["config"]
    for name, value in zip(options[::2], options[1::2]):
        name = name.removeprefix("--")
        if name == "delete":
            for key in value.split(","):
                del config[key]
        elif name in ("rootfs", "scsi0") or name.startswith("mp"):
            config[name] = allocated(name, value, config)
        else:
            config[name] = value
    save(guest)


def in_guest(guest, command):
    """What `pct exec` prints; the guest is new, and shows the key that was pushed."""
    if command[:1] == ["cat"]:
        print(guest.get("key", ""))
    if command[:2] == ["sh", "-c"] and "ls -A" in command[2]:
        print(text("hidden"), end="")
    return 1 if command[:1] == ["test"] else 0


def proxmox():
    command, vmid, *rest = ARGUMENTS
    stored = text(f"{TOOL}-{vmid}.json")
    if command == "create":
        configure({"config": {}, "running": False}, rest[1:] if TOOL == "pct" else rest)
        return 0
    if not stored:
        print(f"Configuration file 'nodes/pve/{vmid}.conf' does not exist", file=sys.stderr)
        return 2
    guest = json.loads(stored)
    if command == "status":
        print(f"status: {'running' if guest['running'] else 'stopped'}")
    elif command == "config":
        print("".join(f"{key}: {value}\n" for key, value in sorted(guest["config"].items())), end="")
    elif command == "set":
        configure(guest, rest)
    elif command == "resize":
        disk, size = rest
        guest["config"][disk] = guest["config"][disk].rsplit("=", 1)[0] + f"={size}"
        save(guest)
    elif command in ("start", "stop"):
        guest["running"] = command == "start"
        save(guest)
    elif command == "destroy":
        os.remove(f"{STATE}/{TOOL}-{vmid}.json")
    elif command == "push" and rest[1].endswith(".pub"):
        with open(rest[0]) as file:
            guest["key"] = file.read()
        save(guest)
    elif command == "exec":
        return in_guest(guest, rest[1:])
    return 0


def main():
    with open(f"{STATE}/calls", "a") as calls:
        calls.write(json.dumps([TOOL, *ARGUMENTS]) + "\n")
    if TOOL in ("pct", "qm"):
        sys.exit(proxmox())
    if TOOL == "umount":
        shutil.copytree(ARGUMENTS[0], f"{STATE}/mounted")
        shutil.rmtree(f"{ARGUMENTS[0]}/var")
    if TOOL == "ssh-keyscan":
        print(ARGUMENTS[-1], text("shown"))


main()
