#!/usr/bin/env python3
"""Makes one LXC guest of this Proxmox host as it is declared, by Proxmox's own `pct`; run again, it changes nothing.

`guest ensure` creates the container if it is missing, brings changed settings up to date, starts it and gives it
its SSH host key, so that the first connection to it is already pinned. On stdin: JSON with `hostKey` (privateKey,
publicKey) and `authorizedKeys` (lines). A guest of a higher `--generation` than it was made with is destroyed, with its disk,
and made anew: when it says itself, by the farm's agent, that the others can do without it, or when it does not run.
`guest remove` stops and destroys it with its disk.
Exits 1 with one sentence when `pct` refuses something.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

TEMPLATE = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"
STORAGE = "local-zfs"
# Seconds; a container boots in two to five.
BOOT_LIMIT = 60
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
# On the guest: the mark by which the farm's agent knows a machine that was made for the farm.
FRESH = "/var/lib/farm/fresh"
# Here, by number: guests that we have begun to make, so that an interrupted run still tells them from those that were
# there; and, with GENERATION after the number, of which generation one is, where that is not the first.
BEGUN = "/var/lib/farm-guests"
GENERATION = ".generation"
AGENT = "/usr/local/sbin/farm-agent"


def pct(*arguments, allowed=(0,)):
    """Runs pct and returns the finished process; ends the program with pct's own words if it fails."""
    done = subprocess.run(["pct", *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode not in allowed:
        sys.exit(f"pct {arguments[0]} {arguments[1]} failed: {(done.stderr or done.stdout).strip()}")
    return done


def exists(vmid):
    return subprocess.run(["pct", "status", str(vmid)], capture_output=True).returncode == 0


def running(vmid):
    return "running" in pct("status", vmid).stdout


def settings(vmid):
    """The container's configuration as pct prints it, `key: value` a line."""
    lines = pct("config", vmid).stdout.splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def create(guest, authorized_keys):
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as keys:
        keys.write("".join(f"{key}\n" for key in authorized_keys))
        keys.flush()
        pct("create", guest.vmid, TEMPLATE, "--hostname", guest.hostname, "--memory", guest.memory,
            "--cores", guest.cores, "--rootfs", f"{STORAGE}:{guest.disk}",
            "--net0", written(network(guest)),
            "--ssh-public-keys", keys.name, "--unprivileged", 1, "--features", "nesting=1", "--onboot", 1)


def network(guest):
    return {"name": "eth0", "bridge": guest.bridge, "ip": guest.address, "gw": guest.gateway}


def written(parts):
    return ",".join(f"{key}={value}" for key, value in parts.items())


def changed_network(guest, present):
    """The interface with what is wanted of it, the rest (its MAC address) as it is; None where nothing changes."""
    parts = dict(part.split("=", 1) for part in present.split(","))
    wanted = {**parts, **network(guest)}
    return None if wanted == parts else written(wanted)


def change(guest):
    """Brings what can change in place up to date; a disk grows by hand."""
    present = settings(guest.vmid)
    wanted = {"hostname": guest.hostname, "memory": str(guest.memory), "cores": str(guest.cores)}
    changed = [part for key, value in wanted.items() if present.get(key) != value for part in (f"--{key}", value)]
    net0 = changed_network(guest, present["net0"])
    if net0:
        changed += ["--net0", net0]
    if changed:
        pct("set", guest.vmid, *changed)


def push(vmid, text, path, mode):
    with tempfile.NamedTemporaryFile("w") as source:
        os.chmod(source.name, 0o600)
        source.write(text)
        source.flush()
        pct("push", vmid, source.name, path, "--perms", mode)


def await_ssh(vmid):
    """Waits until the guest's systemd has come as far as its SSH server."""
    end = time.monotonic() + BOOT_LIMIT
    while pct("exec", vmid, "--", "systemctl", "is-active", "--quiet", "ssh.service", allowed=range(256)).returncode != 0:
        if time.monotonic() > end:
            sys.exit(f"guest {vmid} has no running ssh.service {BOOT_LIMIT} s after its start")
        time.sleep(0.2)


def give_host_key(vmid, key):
    present = pct("exec", vmid, "--", "cat", f"{HOST_KEY}.pub", allowed=(0, 1)).stdout
    if present.split()[:2] == key["publicKey"].split()[:2]:
        return
    # One host key alone: a client that pins this one must not be offered another kind.
    pct("exec", vmid, "--", "sh", "-c", "rm -f /etc/ssh/ssh_host_*")
    push(vmid, key["privateKey"], HOST_KEY, "0600")
    push(vmid, key["publicKey"] + "\n", f"{HOST_KEY}.pub", "0644")
    pct("exec", vmid, "--", "systemctl", "restart", "ssh.service")


def mark(vmid):
    pct("exec", vmid, "--", "sh", "-c", f"umask 077; mkdir -p {os.path.dirname(FRESH)} && touch {FRESH}")


def generation_of(vmid):
    try:
        with open(f"{BEGUN}/{vmid}{GENERATION}") as file:
            return int(file.read())
    except FileNotFoundError:
        return 1


def keep_generation(vmid, generation):
    """Written whole, and before the guest is there: a new one must not be taken for an old one."""
    path = f"{BEGUN}/{vmid}{GENERATION}"
    with open(f"{path}.new", "w") as file:
        file.write(f"{generation}\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


def give_up(guest):
    """Destroys a guest that is to be made anew, if the others can do without it."""
    if running(guest.vmid):
        if pct("exec", guest.vmid, "--", "test", "-x", AGENT, allowed=(0, 1)).returncode == 0:
            pct("exec", guest.vmid, "--", AGENT, "gates")
    remove(guest)


def ensure(guest):
    first_contact = json.load(sys.stdin)
    begun = f"{BEGUN}/{guest.vmid}"
    os.makedirs(BEGUN, exist_ok=True)
    if exists(guest.vmid) and guest.generation < generation_of(guest.vmid):
        sys.exit(f"guest {guest.vmid} is machine {generation_of(guest.vmid)} of {guest.hostname}, and machine {guest.generation} is declared: numbers only rise")
    if exists(guest.vmid) and guest.generation > generation_of(guest.vmid):
        give_up(guest)
    if not exists(guest.vmid):
        if guest.generation > 1:
            keep_generation(guest.vmid, guest.generation)
        open(begun, "w").close()
        create(guest, first_contact["authorizedKeys"])
    else:
        change(guest)
    if not running(guest.vmid):
        pct("start", guest.vmid)
    await_ssh(guest.vmid)
    give_host_key(guest.vmid, first_contact["hostKey"])
    if os.path.exists(begun):
        mark(guest.vmid)
        os.remove(begun)


def remove(guest):
    if not exists(guest.vmid):
        return
    if running(guest.vmid):
        pct("stop", guest.vmid)
    pct("destroy", guest.vmid, "--purge", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, action in (("ensure", ensure), ("remove", remove)):
        command = commands.add_parser(name)
        command.add_argument("--vmid", type=int, required=True)
        command.set_defaults(action=action)
        if action is ensure:
            for option in ("hostname", "bridge", "address", "gateway"):
                command.add_argument(f"--{option}", required=True)
            for option, unit in (("cores", "number"), ("memory", "MiB"), ("disk", "GiB")):
                command.add_argument(f"--{option}", type=int, required=True, metavar=unit.upper())
            command.add_argument("--generation", type=int, default=1, metavar="NUMBER")
    guest = parser.parse_args()
    guest.action(guest)


main()
