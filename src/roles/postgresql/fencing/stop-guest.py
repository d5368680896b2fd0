#!/usr/bin/python3 -ES
"""Stops a guest of this Proxmox host on the word of those who may: the other votes of its database cluster.

Called by systemd for each connection (farm-fence.socket), with the connection as input and output. One line comes, the guest's
name; one goes back: `stopped`, said only when Proxmox says so too, or why not. Who asks is known by the mesh, which lets no host
come with another's address.
"""

import json
import os
import pathlib
import subprocess
import sys

CONFIG = pathlib.Path("/etc/farm/fence-guests.json")
# A stop is no shutdown: Proxmox kills the guest's processes.
STOP_LIMIT = 12
# systemd logs what goes to stderr.
LOG = sys.stderr


def pct(*arguments):
    done = subprocess.run(["pct", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=STOP_LIMIT, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def stopped(number):
    return pct("status", number) == (0, "status: stopped")


def answer(name, address):
    guests = json.loads(CONFIG.read_text())
    guest = guests.get(name)
    if guest is None or address not in guest["askers"]:
        return f"{address} may not stop {name!r} here"
    number = str(guest["vmid"])
    print(f"{address} has {name} ({number}) stopped", file=LOG)
    try:
        if stopped(number):
            return "stopped"
        code, output = pct("stop", number)
        return "stopped" if stopped(number) else f"pct stop {number} ended with {code}: {output}"
    except subprocess.TimeoutExpired:
        return f"pct had no answer within {STOP_LIMIT} s"


said = answer(sys.stdin.readline(64).strip(), os.environ["REMOTE_ADDR"])
print(said, file=LOG)
print(said, flush=True)
