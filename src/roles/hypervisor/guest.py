#!/usr/bin/env python3
"""Makes one guest of this Proxmox host as it is declared, by Proxmox's own `pct` or `qm`; run again, it changes nothing.

`guest ensure` creates the container or VM if it is missing, brings changed settings up to date, starts it and gives it
its SSH host key, so that the first connection to it is already pinned. On stdin: JSON with `hostKey` (privateKey,
publicKey) and `authorizedKeys` (lines); of a VM `publicKey` and `userData` (for cloud-init). Disks grow, mounts are
added and grow; what would lose files is refused. A guest of a higher `--generation` than it was made with is destroyed,
with its disk, and made anew: when it says itself, by the farm's agent, that the others can do without it, or when it
does not run.
`guest remove` stops and destroys it with its disk, but never with mounts that have files of their own.
Exits 1 with one sentence when that or Proxmox refuses something.
"""
import argparse
import functools
import json
import os
import shutil
import sys
import tempfile
import time

import guest_mounts as mounts
import guest_vm as vm
from guest_tool import NAMES, STORAGE, TOOLS, call, changes, kind_of, running, settings, startup

TEMPLATE = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"
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

pct = functools.partial(call, "pct")


def create(guest, authorized_keys):
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as keys:
        keys.write("".join(f"{key}\n" for key in authorized_keys))
        keys.flush()
        pct("create", guest.vmid, TEMPLATE, "--hostname", guest.hostname, "--memory", guest.memory,
            "--cores", guest.cores, "--rootfs", f"{STORAGE}:{guest.disk}",
            "--net0", written(network(guest)),
            "--ssh-public-keys", keys.name, "--unprivileged", 1, "--features", "nesting=1", "--onboot", 1,
            *changes({}, {"startup": startup(guest)}), *mounts.options(guest.mount))


def network(guest):
    """What is wanted of the interface; None is for what it must not have."""
    return {"name": "eth0", "bridge": guest.bridge, "hwaddr": guest.mac, "ip": guest.address, "gw": guest.gateway,
            "ip6": guest.address6, "gw6": guest.gateway6}


def written(parts):
    return ",".join(f"{key}={value}" for key, value in parts.items() if value is not None)


def changed_network(guest, present):
    """The interface with what is wanted of it, the rest as it is; None where nothing changes."""
    parts = dict(part.split("=", 1) for part in present.split(","))
    wanted = {key: value for key, value in {**parts, **network(guest)}.items() if value is not None}
    return None if wanted == parts else written(wanted)


def change(guest):
    """Brings what can change in place up to date."""
    present = settings("lxc", guest.vmid)
    grown = mounts.growth(guest, present)
    wanted = {"hostname": guest.hostname, "memory": str(guest.memory), "cores": str(guest.cores), "startup": startup(guest)}
    changed = changes(present, wanted)
    net0 = changed_network(guest, present["net0"])
    if net0:
        changed += ["--net0", net0]
    if changed:
        pct("set", guest.vmid, *changed)
    mounts.grow(guest, grown)


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


def give_up(guest, kind):
    """Destroys a guest that is to be made anew, if the others can do without it."""
    if kind == "lxc":
        mounts.refuse_loss(guest.vmid)
    if running(kind, guest.vmid):
        if kind == "vm":
            sys.exit(f"guest {guest.vmid} ({guest.hostname}) is a VM and runs, and can't be asked from here whether the others can do without it: "
                     f"make sure of it, qm shutdown {guest.vmid} on its Proxmox host, and run again")
        if pct("exec", guest.vmid, "--", "test", "-x", AGENT, allowed=(0, 1)).returncode == 0:
            pct("exec", guest.vmid, "--", AGENT, "gates")
    remove(guest)


def make_room(guest):
    """Sees to it that the number is the declared guest's or nobody's; returns whether it is the guest's."""
    kind = kind_of(guest.vmid)
    if kind is None:
        return False
    made = generation_of(guest.vmid)
    if guest.generation < made:
        sys.exit(f"guest {guest.vmid} is machine {made} of {guest.hostname}, and machine {guest.generation} is declared: numbers only rise")
    if guest.generation > made:
        give_up(guest, kind)
        return False
    if kind != guest.type:
        sys.exit(f"guest {guest.vmid} ({guest.hostname}) is {NAMES[kind]}, and {NAMES[guest.type]} is declared: it becomes one when it is made anew, "
                 f"which destroys its disk (generations: machine/{guest.hostname})")
    return True


def ensure_container(guest, there, first_contact):
    if there:
        change(guest)
    else:
        create(guest, first_contact["authorizedKeys"])
    if not running("lxc", guest.vmid):
        pct("start", guest.vmid)
    await_ssh(guest.vmid)
    mounts.add(guest)
    give_host_key(guest.vmid, first_contact["hostKey"])


def ensure_vm(guest, there, first_contact, begun):
    if not there:
        vm.create(guest)
    vm.change(guest)
    if not running("vm", guest.vmid):
        if begun:
            vm.seed(guest, first_contact["userData"])
        call("qm", "start", guest.vmid)
    vm.await_ssh(guest, first_contact["publicKey"])


def ensure(guest):
    first_contact = json.load(sys.stdin)
    begun = f"{BEGUN}/{guest.vmid}"
    os.makedirs(BEGUN, exist_ok=True)
    there = make_room(guest)
    if not there:
        if guest.generation > 1:
            keep_generation(guest.vmid, guest.generation)
        open(begun, "w").close()
    if guest.type == "vm":
        ensure_vm(guest, there, first_contact, os.path.exists(begun))
    else:
        ensure_container(guest, there, first_contact)
        if os.path.exists(begun):
            mark(guest.vmid)
    if os.path.exists(begun):
        os.remove(begun)


def remove(guest):
    kind = kind_of(guest.vmid)
    if kind is None:
        return
    if kind == "lxc":
        mounts.refuse_loss(guest.vmid)
    if running(kind, guest.vmid):
        call(TOOLS[kind], "stop", guest.vmid)
    call(TOOLS[kind], "destroy", guest.vmid, "--purge", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, action in (("ensure", ensure), ("remove", remove)):
        command = commands.add_parser(name)
        command.add_argument("--vmid", type=int, required=True)
        command.set_defaults(action=action)
        if action is ensure:
            for option in ("hostname", "bridge", "mac", "address", "gateway"):
                command.add_argument(f"--{option}", required=True)
            for option in ("address6", "gateway6"):
                command.add_argument(f"--{option}")
            for option, unit in (("cores", "number"), ("memory", "MiB"), ("disk", "GiB")):
                command.add_argument(f"--{option}", type=int, required=True, metavar=unit.upper())
            command.add_argument("--generation", type=int, default=1, metavar="NUMBER")
            command.add_argument("--type", choices=sorted(TOOLS), default="lxc")
            command.add_argument("--start-order", type=int, metavar="NUMBER")
            command.add_argument("--mount", type=mounts.wanted, action="append", default=[], metavar="PATH=GIB")
    guest = parser.parse_args()
    if getattr(guest, "type", "lxc") == "vm" and not shutil.which("qm"):
        sys.exit(f"guest {guest.vmid} ({guest.hostname}) is to be a VM, and this host has no qm that would make one: declare it as a container")
    guest.action(guest)


main()
