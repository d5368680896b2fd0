"""Turns this host to another SSH host key, in two steps that come over two connections.

`turn`, over a connection that knows the host by its former key: takes the new one (JSON on stdin: privateKey,
publicKey) and shows it from now on. `keep`, over one that knows it by the new key (publicKey): the former is forgotten.
Until `keep` has come, a timer shows both by turns, also after a reboot: whoever was interrupted between the two finds
the host by the one that they are going to use. Needs no agent, which is installed later.
Has no apostrophe in it: it travels in the quotes of a shell.
"""
import json
import os
import subprocess
import sys

KEY = "/etc/ssh/ssh_host_ed25519_key"
OTHER = "/etc/ssh/farm-other-host-key"
UNIT = "/etc/systemd/system/farm-host-key"
# Seconds for which the host shows one key: shorter than the program dials.
TURN = 15

SERVICE = f"""[Unit]
Description=Show the other SSH host key, until the program has come by the new one

[Service]
Type=oneshot
ExecStart=/usr/bin/mv --exchange --no-copy -T {OTHER} {KEY}
ExecStart=/usr/bin/systemctl restart ssh.service
"""
TIMER = f"""[Timer]
OnActiveSec={TURN}s
OnUnitInactiveSec={TURN}s
AccuracySec=100ms

[Install]
WantedBy=timers.target
"""


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{argv[0]} {argv[1]}: {done.stderr.strip()}")
    return done.stdout


def shows(public_key):
    return run("ssh-keygen", "-y", "-f", KEY).split()[:2] == public_key.split()[:2]


def write(path, text, mode):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def turn(key):
    if shows(key["publicKey"]):
        return
    write(OTHER, key["privateKey"], 0o600)
    write(f"{UNIT}.service", SERVICE, 0o644)
    write(f"{UNIT}.timer", TIMER, 0o644)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", "farm-host-key.timer")
    run("systemctl", "start", "farm-host-key.service")


def keep(key):
    if os.path.exists(f"{UNIT}.timer"):
        run("systemctl", "stop", "farm-host-key.timer")
    if not shows(key["publicKey"]):
        # The timer was quicker than this command.
        run("systemctl", "start", "farm-host-key.service")
    if not shows(key["publicKey"]):
        sys.exit("this host has another SSH host key than the one that this connection came by")
    if os.path.exists(f"{UNIT}.timer"):
        run("systemctl", "disable", "farm-host-key.timer")
    for path in (OTHER, f"{UNIT}.timer", f"{UNIT}.service"):
        if os.path.exists(path):
            os.remove(path)
    run("systemctl", "daemon-reload")


{"turn": turn, "keep": keep}[sys.argv[1]](json.load(sys.stdin))
