#!/usr/bin/python3
"""A stand-in for Cloudflare's cloudflared: starts the program, and tells systemd when it is ready, which Node.js can't."""

import os
import signal
import socket
import subprocess
import sys

PROGRAM = "/usr/lib/cloudflared-stand-in/connector.js"


def notify_ready():
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
            notice.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            notice.send(b"READY=1")


# Its code is compiled as it runs: a process that may not make memory executable has to interpret it.
child = subprocess.Popen(["/usr/bin/node", "--jitless", PROGRAM, *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
for line in child.stdout:
    if line == "ready\n":
        notify_ready()
sys.exit(child.wait())
