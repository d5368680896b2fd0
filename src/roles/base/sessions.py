#!/usr/bin/python3 -ES
"""Ends the SSH sessions of keys that let nobody in any more: who is removed is out, and not only from the next time on.

A session whose key is not known, such as one that was opened by password, is left alone.
"""
import json
import os
import re
import signal
import subprocess

KEYS = "/etc/ssh/authorized_keys.d"
ACCEPTED = re.compile(r"Accepted publickey for (\S+) from .* (SHA256:\S+)")


def processes():
    """(name, parent) by process id."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                name, _, rest = file.read().partition(" (")[2].rpartition(") ")
        except OSError:
            # It has ended meanwhile.
            continue
        found[int(pid)] = (name, int(rest.split()[1]))
    return found


def sessions(table):
    """(account, fingerprint of the key) of each SSH session, by the id of the process that sshd has made for it."""
    alive = [pid for pid, (name, parent) in table.items() if name == "sshd-session" and table.get(parent, ("",))[0] == "sshd"]
    if not alive:
        return {}
    journal = subprocess.run(["journalctl", "--boot", "--quiet", "--output=json", *(f"_PID={pid}" for pid in alive)],
                             check=True, capture_output=True, text=True).stdout
    found = {}
    for entry in map(json.loads, journal.splitlines()):
        accepted = ACCEPTED.match(entry["MESSAGE"]) if isinstance(entry["MESSAGE"], str) else None
        if accepted:
            found[int(entry["_PID"])] = accepted.groups()
    return found


def fingerprints(account):
    """Of the keys that let somebody into an account."""
    path = f"{KEYS}/{account}"
    if not os.path.exists(path):
        return set()
    listed = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[1] for line in listed.splitlines()}


def below(table, pid):
    """A process and all that it has started."""
    return [pid, *(each for child, (_, parent) in table.items() if parent == pid for each in below(table, child))]


def main():
    table = processes()
    for pid, (account, key) in sessions(table).items():
        if key in fingerprints(account):
            continue
        print(f"ending a session of {account}: its key {key} lets nobody in any more")
        for each in below(table, pid):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass


main()
